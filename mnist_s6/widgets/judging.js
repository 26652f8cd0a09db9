// The label court: judge images blind, then see votes, labels and the network's answer, and three ways to score.

import { KEYS, ValueError, bytes, captioned, clamp, grouped, h, listed, percent, row } from "./base.js";
import { imagesOf } from "./images.js";
import { Picture, thumbnail } from "./pictures.js";
import { staged } from "./stage.js";
import { headedTable } from "./tables.js";
import { wilson } from "./wilson.js";

const UNJUDGED = ".";
const POLICIES = ["as given", "corrected", "without the doubted"];

/** What Python sends of an image; a guess of −1 is that of an image that nobody doubts. */
export function caseOf([place, label, answer, guess, ...votes]) {
  const said = [label, guess, "neither"];
  const most = votes.findIndex(count => count >= 3);
  return { place, label, answer, guess, votes, doubted: guess >= 0, verdict: most < 0 ? "no majority" : said[most] };
}

/** Right answers and images by three policies: as given, corrected, without the doubted ones. */
export function judgedScores(judged, cases) {
  const scores = POLICIES.map(() => [0, 0]);
  cases.forEach(({ label, verdict, doubted }, n) => {
    if (judged[n] === UNJUDGED) return;
    const said = Number(judged[n]);
    const count = (policy, truth) => {
      scores[policy][0] += Number(said === truth);
      scores[policy][1] += 1;
    };
    count(0, label);
    count(1, typeof verdict === "number" ? verdict : label);
    if (!doubted) count(2, label);
  });
  return scores;
}

const ofAll = ([right, n]) => `${grouped(right)} of ${grouped(n)}`;

/** What there is to see in one sentence, and with open verdicts in two; as Python says it. */
export function courtWords({ image, judged, opened }, cases, network) {
  const { place, label, answer, guess, votes, doubted, verdict } = cases[image - 1];
  const said = judged[image - 1];
  const yours = said === UNJUDGED ? "you have not judged it" : `you say ${said}`;
  const done = [...judged].filter(digit => digit !== UNJUDGED).length;
  const all = cases.length;
  if (!opened) return `Image ${image} of ${all}: ${yours}; ${done} of ${all} are judged.`;
  const [first, second, neither] = votes;
  const split = `of five voters ${first} say ${label}, ${second} say ${guess} and ${neither} neither`;
  const voters = doubted ? `${split}, so the verdict is ${verdict}` : "all five voters confirmed it";
  const mine = done ? `, and you have ${listed(judgedScores(judged, cases).map(ofAll))}` : "";
  return `Image ${image} of ${all} is test image ${grouped(place)} with the label ${label}; ${voters}; the network `
    + `says ${answer}, and ${yours}. As given, corrected and without the doubted images, the network has `
    + `${listed(network.map(ofAll))} right${mine}.`;
}

/** A score with its interval. */
function scoreText([right, n]) {
  if (!n) return "none judged";
  const [low, high] = wilson(right, n);
  return `${ofAll([right, n])}: ${percent(low, 2)} to ${percent(high, 2)}`;
}

/** The evidence of one case, and all scores. */
function evidence({ label, guess, votes, doubted, verdict, answer }, mine, network) {
  const names = [`for ${label}, the label`, `for ${guess}`, "for neither"].slice(0, doubted ? 3 : 1);
  const voters = names.map((name, n) => [name, votes[n]]);
  const rows = [...voters, ["verdict", verdict], ["the network", answer]];
  const scores = POLICIES.map((name, n) => [name, scoreText(network[n]), scoreText(mine[n])]);
  const heads = ["", "the network, all test images", "you, the judged ones"];
  return row(
    captioned("Five voters", headedTable(["", "votes"], rows)),
    captioned("Right answers, and the 95% interval", headedTable(heads, scores)),
  );
}

const explorer = staged("the label court", (stage, model) => {
  const cases = model.get("cases").map(caseOf);
  const network = model.get("network");
  const images = imagesOf(bytes(model.get("images")));
  const all = cases.length;
  stage.slider("image", "image", { min: 1, max: all });
  stage.check("opened", "open the verdicts");
  const go = by => stage.put({ image: clamp(model.get("image") + by, 1, all) });

  /** Note a digit for the image that is shown, and go to the next. */
  function judge(said, by = 1) {
    const [image, judged] = [model.get("image"), model.get("judged")];
    const next = judged.slice(0, image - 1) + said + judged.slice(image);
    stage.put({ judged: next, image: Math.min(all, image + by) });
  }
  const large = new Picture();
  const press = said => h("button", { type: "button", class: "s6-button", onclick: () => judge(said) }, said);
  const digits = [..."0123456789"].map(press);
  const unsure = h("button", { type: "button", class: "s6-button", onclick: () => judge(UNJUDGED) }, "can't tell");
  const keys = h("div", { class: "s6-row s6-keys", role: "group", "aria-label": "your verdict" }, digits, unsure);
  const hint = h("p", { class: "s6-note" }, "Keys: 0 to 9 judge, ← and → turn the pages, Backspace takes back.");
  const tiles = cases.map((_, n) => {
    const words = h("span");
    const onclick = () => stage.put({ image: n + 1 });
    return { words, button: h("button", { type: "button", class: "s6-tile", onclick }, thumbnail(images(n)), words) };
  });
  const buttons = h("div", { class: "s6-tiles" }, tiles.map(({ button }) => button));
  const docket = captioned("All images, and your verdicts", buttons);
  docket.classList.add("s6-wide", "s6-docket");
  const open = h("div");
  stage.view.append(row(h("div", {}, large, keys, hint), docket), open);

  const room = stage.view.parentElement;
  room.setAttribute(KEYS, "true"); // else JupyterLab takes a digit for a command
  room.addEventListener("keydown", event => {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const turns = target.type !== "range" && { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (/^[0-9]$/.test(key)) judge(key);
    else if (key === "Backspace") judge(UNJUDGED, 0);
    else if (turns) go(turns);
    else return;
    event.preventDefault();
  });

  function load(about) {
    if (!new RegExp(`^[0-9.]{${all}}$`).test(about.judged)) {
      throw new ValueError(`judged is '${about.judged}'; expected ${all} signs, each a digit or a point`);
    }
  }
  function draw(_, about) {
    const { image, judged, opened } = about;
    large.show(images(image - 1), { size: 168, caption: `Image ${image} of ${all}: which digit is it?` });
    digits.forEach(button => button.setAttribute("aria-pressed", String(button.textContent === judged[image - 1])));
    tiles.forEach(({ words, button }, n) => {
      const { label, verdict, answer } = cases[n];
      const voters = typeof verdict === "number" ? verdict : "?";
      const said = judged[n] === UNJUDGED ? "–" : judged[n];
      const lines = opened ? [`label ${label}`, `voters ${voters}`, `net ${answer}`] : [];
      words.replaceChildren(...[`${n + 1}: ${said}`, ...lines].map(text => h("span", {}, text)));
      const yours = said === "–" ? "not judged" : `you say ${said}`;
      button.setAttribute("aria-label", [`image ${n + 1}: ${yours}`, ...lines].join(", "));
      if (n + 1 === image) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    open.replaceChildren(...(opened ? [evidence(cases[image - 1], judgedScores(judged, cases), network)] : []));
    stage.say(courtWords(about, cases, network));
  }
  stage.update(["image", "judged", "opened"], load, draw);
});

export default explorer;
