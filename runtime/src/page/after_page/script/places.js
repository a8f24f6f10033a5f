// A place is what stands between two marks: the fallback of one fragment.
//
// The marks of a lazy fragment are an empty `<template id="NAME">` and `<!--/NAME-->`, those of a deferred one
// `<?start name="NAME">` and `<?end name="NAME">`. A browser that does not know the latter reads them as comments.
const MARKS = NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_PROCESSING_INSTRUCTION;
const written = (mark) =>
  mark.nodeType === Node.COMMENT_NODE ? mark.data : "?" + mark.nodeName + " " + mark.data;

// The first mark after `from` that reads `text`.
const markAfter = (from, text) => {
  const walker = inDocument.walker(document, document, MARKS);
  walker.currentNode = from;
  for (let mark = walker.nextNode(); mark; mark = walker.nextNode()) if (written(mark) === text) return mark;
  return null;
};

const lazyPlace = (start) => {
  const end = markAfter(start, "/" + start.id);
  return end && { start, end };
};

// The places of all deferred fragments, by name.
const deferredPlaces = () => {
  const [starts, places] = [new Map(), new Map()];
  const walker = inDocument.walker(document, document, MARKS);
  for (let mark = walker.nextNode(); mark; mark = walker.nextNode()) {
    const [, kind, id] = /^\?(start|end) name="([^"]*)"$/.exec(written(mark)) ?? [];
    if (!id || !isOurs(id)) continue;
    if (kind === "start") starts.set(id, mark);
    else if (starts.has(id)) places.set(id, { start: starts.get(id), end: mark });
  }
  return places;
};

// The elements between the marks. Where the fallback closed the element around it, the marks are no siblings.
const elements = function* ({ start, end }) {
  const walker = inDocument.walker(document, document, MARKS | NodeFilter.SHOW_ELEMENT);
  walker.currentNode = start;
  for (let node = walker.nextNode(); node && node !== end; node = walker.nextNode())
    if (node instanceof Element) yield node;
};

const holds = ({ start, end }, node) =>
  Boolean(ofNode.position(start, node) & Node.DOCUMENT_POSITION_FOLLOWING) &&
  Boolean(ofNode.position(end, node) & Node.DOCUMENT_POSITION_PRECEDING);

// Fields that the visitor changed. What a browser filled in before this script was there shows in texts and ticks.
const changed = new WeakSet();
const TEXT = /^(email|password|search|tel|text|url)$/;
listen(document, "input", ({ target }) => changed.add(target), { capture: true });
listen(document, "reset", ({ target }) => {
  for (const field of ofForm.fields(target)) changed.delete(field);
}, { capture: true });
const isChanged = (field) => {
  if (changed.has(field)) return true;
  if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
  if (!(field instanceof HTMLInputElement)) return false;
  const isText = TEXT.test(field.type) && field.value.trim() !== field.defaultValue.trim();
  return isText || field.checked !== field.defaultChecked;
};

const isInUse = (place) => {
  const focused = inDocument.focused(document);
  if (focused && holds(place, focused)) return true;
  for (const element of elements(place)) if (isChanged(element)) return true;
  return false;
};

// Waits until the visitor has left the place and nothing in it is changed.
const isFree = (place) =>
  new Promise((free) => {
    const stop = new AbortController();
    // What has just lost the focus gives it to another a moment later.
    const look = () => setTimeout(() => isInUse(place) || (stop.abort(), free()));
    if (!isInUse(place)) return free();
    for (const event of ["focusout", "input", "reset"])
      listen(document, event, look, { capture: true, signal: stop.signal });
  });
