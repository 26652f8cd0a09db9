// The order of what a search finds: a page with the words in a heading comes before one that only contains them,
// exercises after the rooms that explain, the library last; among equals, the order of the course.
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,

  score([page, title, , , score, , kind]) {
    const { alltitles, docnames } = Search._index, number = docnames.indexOf(page);
    const query = new URLSearchParams(location.search).get("q").toLowerCase().trim();
    const heads = () => Object.entries(alltitles).some(([heading, places]) =>
      heading.toLowerCase().includes(query) && places.some(([file]) => file === number));
    if (kind === "text" && query.includes(" ") && !heads()) score = Math.min(score, Scorer.term);
    if (kind === "index") score += 100; // see WORDS in search.py
    else if (kind === "object" && /[_.]/.test(query)) score += 100; // a name in the code
    else if (kind === "object") score -= 200;
    else if (page.startsWith("library/")) score -= 100;
    else if (/^(An exercise|Exercises) /.test(title)) score -= 3;
    return score - number / 1000;
  },
};
