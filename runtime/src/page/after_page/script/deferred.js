// Deferred fragments: they come at the end of the page, each in a `<template>`.
//
// Where the browser knows `<template for>`, it has put most of them in their places itself. What it leaves, because their
// places are out of its reach, is done here, and so is HTML that comes as text, in `<template data-hydra-for>`.
const arrived = (template, places) => {
  const native = template.getAttribute("for");
  const ids = (template.getAttribute("data-hydra-for") ?? native).split(" ");
  if (!ids.every(isOurs)) return;
  // Until something follows it, the browser is still reading it.
  if (!template.nextSibling && isLoading()) return;
  template.remove();
  for (const id of ids) {
    const place = places().get(id);
    if (place) put(place, native ? template.content : template.content.textContent);
  }
};

// The browser would replace a fallback while the visitor is in it: as comments, the marks are hidden from it.
const keep = (node) => {
  if (!isLoading()) return;
  for (const place of deferredPlaces().values()) {
    if (!holds(place, node)) continue;
    for (const mark of [place.start, place.end]) mark.replaceWith(inDocument.comment(document, written(mark)));
  }
};
for (const event of ["focusin", "input"])
  listen(document, event, (at) => keep(at.target), { capture: true });
const focused = inDocument.focused(document);
if (focused && focused !== inDocument.body(document)) keep(focused);
