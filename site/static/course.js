// What the site's pages need a script for. A page that was opened from a file may fetch nothing,
// so searching shows no excerpts there.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
