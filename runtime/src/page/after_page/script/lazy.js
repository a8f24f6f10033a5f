// Lazy fragments: fetched when they come near the viewport, when the address of the page names what is in one, or before the
// page is printed.
const NEAR = "300px";
// So many are fetched at the same time.
const MOST = 6;
// After the first failure, after many, and how long a page waits with its print, in milliseconds.
const [PAUSE, LONGEST_PAUSE, PRINT] = [1000, 300_000, 5000];

// All that are not in their places yet, by their first mark.
const waiting = new Map();
// The fragments that come when an element does.
const targets = new WeakMap();
let allAreWanted = false;

// The address of a lazy fragment: beside this script, on the page's own origin. A `<base>` changes nothing.
const address = (start) => {
  const [asked, beside] = [start.getAttribute("data-hydra-src"), script.getAttribute("src")];
  const [url, expected] = [new URL(asked, location.origin), new URL(beside, location.origin)];
  const path = expected.pathname.replace(/[^/]*$/, "fragment");
  return url.origin === location.origin && url.pathname === path ? url : null;
};

// HTML behind so many bytes of links, which are ASCII.
const split = (text, links) => [text.slice(0, links), text.slice(links)];

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    for (const part of targets.get(target))
      if (isIntersecting) part.near.add(target);
      else part.near.delete(target);
  }
  pump();
}, { rootMargin: NEAR });

const watch = (target, part) => {
  targets.set(target, (targets.get(target) ?? new Set()).add(part));
  // An element that is observed already would not be told of again.
  observer.unobserve(target);
  observer.observe(target);
};

const finish = (part) => {
  waiting.delete(part.start);
  for (const target of part.targets) {
    targets.get(target).delete(part);
    if (!targets.get(target).size) observer.unobserve(target);
  }
};

const isWanted = (part) => (allAreWanted || part.near.size > 0) && !part.pause && !part.isHere;

const distance = (part) => {
  const middle = innerHeight / 2;
  return Math.min(...part.targets.map((target) => {
    const { top, bottom } = ofElement.box(target);
    return top > middle ? top - middle : Math.max(0, middle - bottom);
  }));
};

// Starts what is wanted, the nearest first, and gives up what has gone far away.
const pump = () => {
  const parts = [...waiting.values()];
  let next = parts.filter((part) => isWanted(part) && !part.control);
  if (!next.length) return;
  let free = MOST - parts.filter((part) => part.control).length;
  for (const part of parts) {
    if (free >= next.length) break;
    if (part.control && !isWanted(part)) {
      part.control.abort();
      part.control = null;
      free += 1;
    }
  }
  if (next.length > free) {
    const near = new Map(next.map((part) => [part, distance(part)]));
    next.sort((one, other) => near.get(one) - near.get(other));
  }
  for (const part of next.slice(0, Math.max(0, free))) load(part);
};

const load = async (part) => {
  const control = (part.control = new AbortController());
  try {
    const { signal } = control;
    const answer = await fetch(part.url, { credentials: "same-origin", redirect: "error", signal });
    if (!answer.ok) {
      part.control = null;
      return answer.status < 500 && answer.status !== 429 ? finish(part) : rest(part);
    }
    const [links, html] = split(await answer.text(), Number(answer.headers.get("hydra-links")));
    if (!waiting.has(part.start)) return;
    part.isHere = true;
    part.control = null;
    show(part, links, html);
  } catch {
    if (control.signal.aborted) return;
    part.control = null;
    rest(part);
  } finally {
    pump();
  }
};

// What is here waits for its style sheets, and for the visitor to leave its place, while others are fetched.
const show = async (part, links, html) => {
  await loaded(link(part.place, links));
  await isFree(part.place);
  if (!waiting.has(part.start)) return;
  finish(part);
  replace(part.place, html);
  reveal();
};

// Tries again after a pause, which grows.
const rest = (part) => {
  const pause = Math.min(PAUSE * 2 ** part.failures, LONGEST_PAUSE);
  part.failures += 1;
  part.pause = setTimeout(() => {
    part.pause = 0;
    pump();
  }, pause);
};
listen(window, "online", () => {
  for (const part of waiting.values()) {
    clearTimeout(part.pause);
    Object.assign(part, { pause: 0, failures: 0 });
  }
  pump();
});

// What of a place may come near: the boxes in it. What has no box is never near anything, but the choices of a list and the
// parts of a drawing are where the whole is.
const boxes = (place) => {
  const found = [];
  for (const node of elements(place)) {
    const last = found.at(-1);
    if (ofElement.boxes(node).length && !(last && ofNode.contains(last, node))) found.push(node);
  }
  const whole = found.length ? null : ofElement.closest(place.start, "select, svg");
  if (whole) found.push(whole);
  if (!found.length) {
    found.push(inDocument.create(document, "http://www.w3.org/1999/xhtml", "span"));
    place.start.after(found[0]);
  }
  return found;
};

const wait = (start) => {
  if (!isOurs(start.id) || waiting.has(start)) return;
  const [place, url] = [lazyPlace(start), address(start)];
  if (!place || !url) return;
  start.removeAttribute("data-hydra-src");
  const part = { start, place, url, targets: boxes(place), near: new Set(), failures: 0, pause: 0 };
  waiting.set(start, part);
  for (const target of part.targets) watch(target, part);
};

// What the address names may be in any of them. As soon as it is there, the browser is asked to go there, unless the visitor
// has gone elsewhere meanwhile.
let hasMoved = false;
// Applications keep other things there, too, which begin like paths.
const named = () => {
  try {
    const id = decodeURIComponent(location.hash.slice(1));
    return id === "top" || /^[/!:]/.test(id) ? "" : id;
  } catch {
    return "";
  }
};
const reveal = () => {
  if (!allAreWanted || !inDocument.byId(document, named())) return;
  allAreWanted = false;
  if (!hasMoved) location.replace(location.hash);
};
const seek = () => {
  allAreWanted = named() !== "" && !inDocument.byId(document, named());
  pump();
};
for (const event of ["wheel", "touchmove", "keydown", "pointerdown"])
  listen(window, event, () => (hasMoved = true), { passive: true, capture: true });
listen(window, "hashchange", () => {
  hasMoved = false;
  seek();
});

// A print waits for nothing: so neither does this.
listen(window, "beforeprint", () => {
  const end = performance.now() + PRINT;
  for (const part of [...waiting.values()]) {
    if (performance.now() > end) return;
    try {
      const request = new XMLHttpRequest();
      request.open("GET", part.url.href, false);
      request.send();
      if (request.status !== 200 || isInUse(part.place)) continue;
      const [links, html] = split(request.responseText, Number(request.getResponseHeader("hydra-links")));
      part.control?.abort();
      finish(part);
      link(part.place, links);
      replace(part.place, html);
    } catch {
      // The fallback is printed.
    }
  }
});
