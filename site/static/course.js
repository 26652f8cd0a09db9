// Brings the explorers of a page to life, from a server and from a file alike. A page that was opened from a file
// may fetch nothing and import nothing by its path: modules and data come in classic scripts.
globalThis.course = { fronts: {}, saved: {}, parts: {} }; // filled by the files in explorers/

(() => {
  const here = new URL(".", document.currentScript.src);
  const coming = {};

  const load = name => (coming[name] ??= new Promise((done, failed) => {
    const src = new URL(`explorers/${encodeURIComponent(name)}.js`, here);
    const lost = () => failed(new Error(`${src} did not load`));
    document.head.append(Object.assign(document.createElement("script"), { src, onload: done, onerror: lost }));
  }));

  const front = name => (coming[`module of ${name}`] ??= Promise.all(["base", name].map(load)).then(() => {
    const text = new Blob([course.fronts.base, "\n", course.fronts[name]], { type: "text/javascript" });
    return import(URL.createObjectURL(text));
  }));

  async function wake(place) {
    const name = place.id;
    const parts = place.dataset.parts.split(" ").filter(Boolean);
    const module = front(place.dataset.front); // all come at the same time
    await Promise.all([name, ...parts].map(load));
    const { default: explorer, alive, revive } = await module;
    const whole = value => (value?.part ? { base64: course.parts[value.part] } : value);
    alive(explorer, place, name, JSON.parse(course.saved[name], (key, value) => revive(key, whole(value))));
    place.dataset.alive = "true";
    performance.mark(`alive ${name}`);
  }

  const places = [...document.querySelectorAll("[data-front]")];
  const seen = new IntersectionObserver(entries => entries.forEach(({ isIntersecting, target }) => {
    if (!isIntersecting) return;
    seen.unobserve(target);
    wake(target).catch(reportError); // its still and its sentence stay
  }), { rootMargin: "800px" });
  places.forEach(place => seen.observe(place));

  // Where a link leads to stays in its place while explorers above it wake and grow, until the reader moves on.
  const aim = () => {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1).split("?")[0]));
    } catch {
      return null; // a broken link, such as one that ends with %
    }
  };
  const lead = () => goal?.scrollIntoView({ behavior: "instant" });
  let goal = aim();
  addEventListener("hashchange", () => {
    goal = aim();
    if (location.hash.includes("?")) lead(); // to an explorer, of which the browser knows nothing
  });
  for (const move of ["wheel", "touchmove", "pointerdown", "keydown"]) addEventListener(move, () => (goal = null));
  const grown = new ResizeObserver(lead);
  places.forEach(place => grown.observe(place));

  // Furo opens its drawers with labels, which no key reaches: each becomes a button.
  for (const [id, name, place] of [["__navigation", "Menu", ".sidebar-drawer"], ["__toc", "Contents", ".toc-drawer"]]) {
    const box = document.getElementById(id), drawer = document.querySelector(place);
    const buttons = [...document.querySelectorAll(`.page label[for=${id}]`)].map(label => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: label.className, ariaLabel: name });
      button.append(...label.children);
      label.replaceWith(button);
      button.addEventListener("click", () => {
        box.click();
        [...drawer.querySelectorAll("a")].find(link => link.checkVisibility())?.focus();
      });
      return button;
    });
    const tell = () => buttons.forEach(button => (button.ariaExpanded = box.checked));
    box.addEventListener("change", tell);
    tell();
    const close = () => box.checked && box.click();
    addEventListener("keydown", ({ key }) => {
      if (key !== "Escape" || !box.checked) return;
      close();
      buttons.find(button => button.checkVisibility())?.focus();
    });
    drawer.addEventListener("focusout", ({ relatedTarget: next }) => next && !drawer.contains(next) && close());
    drawer.addEventListener("click", ({ target }) => target.closest("a[href^='#']") && close()); // it leads to below the drawer
  }

  // Searching shows an excerpt of each page, which it fetches.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
})();
