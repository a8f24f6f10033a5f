// Puts fragments in their places that come after the page, and fetches lazy ones when they come near the viewport.
// HTML that a fragment shows may bear any id and any attribute. What the page itself wrote bears the page's random name.
(() => {
  "use strict";
  const NEAR = "300px";
  // Elements with a `name` hide properties of `document`, but not of its prototype.
  const own = (name) => Object.getOwnPropertyDescriptor(Document.prototype, name).get.call(document);
  const script = own("currentScript");
  const places = script?.parentNode;
  const page = script?.getAttribute("data-hydra");
  if (!places || !/^[0-9a-f]+$/.test(page)) return;
  const isOurs = (id) => id.startsWith("hydra-" + page + "-");

  // Between the mark with this id and its end stands the fallback. Where that closed the element around it, the two are
  // no siblings. `see` gets the elements between.
  const ends = (start, see = () => {}) => {
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_ELEMENT);
    walker.currentNode = start;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === Node.ELEMENT_NODE) see(node);
      else if (node.data === "/" + start.id) return node;
    }
    return null;
  };

  // The document links each style sheet and each script once.
  const dropLinked = (fragment) => {
    const key = (link) => link.localName + " " + (link.src || link.href);
    const all = "script[src], link[rel=stylesheet][href]";
    const known = new Set([...document.querySelectorAll(all)].map(key));
    for (const link of fragment.querySelectorAll(all)) {
      if (known.has(key(link))) link.remove();
      known.add(key(link));
    }
  };

  // `links` are the page's own: their scripts bear its nonce. Those in the HTML of a fragment don't.
  const put = (id, html, links = "") => {
    const start = document.querySelector("template#" + id);
    const end = start && ends(start);
    if (!end) return;
    const place = document.createRange();
    place.setStartBefore(start);
    place.setEndAfter(end);
    const fragment = place.createContextualFragment(links);
    for (const link of fragment.querySelectorAll("script")) link.nonce = script.nonce;
    fragment.append(place.createContextualFragment(html));
    place.deleteContents();
    dropLinked(fragment);
    place.insertNode(fragment);
  };

  const arrived = () => {
    for (let later = script, next = later.nextSibling; (later = next); ) {
      next = later.nextSibling;
      const ids = later.localName === "template" && later.getAttribute("data-hydra-for")?.split(" ");
      if (!ids || !ids.every(isOurs)) continue;
      // Until something follows it, the browser is still reading it.
      if (!next && document.readyState === "loading") continue;
      later.remove();
      for (const id of ids) put(id, later.content.textContent);
    }
  };

  // The address of a lazy fragment: beside this script, on the page's own origin. A `<base>` changes nothing.
  const address = (start) => {
    const [asked, beside] = [start.getAttribute("data-hydra-src"), script.getAttribute("src")];
    const [url, expected] = [new URL(asked, location.origin), new URL(beside, location.origin)];
    const path = expected.pathname.replace(/[^/]*$/, "fragment");
    return url.origin === location.origin && url.pathname === path ? url : null;
  };

  const load = async (start) => {
    try {
      const url = address(start);
      if (!url) return;
      const answer = await fetch(url, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const [text, links] = [await answer.text(), Number(answer.headers.get("hydra-links"))];
      put(start.id, text.slice(links), text.slice(0, links));
    } catch {
      // The fallback stays.
    }
  };

  const lazy = (start) => {
    const targets = [];
    ends(start, (node) => {
      if (node.getClientRects().length && !targets.at(-1)?.contains(node)) targets.push(node);
    });
    // What has no box is never near anything.
    if (!targets.length) {
      const here = document.createElement("span");
      start.after(here);
      targets.push(here);
    }
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      load(start);
    }, { rootMargin: NEAR });
    for (const target of targets) observer.observe(target);
  };

  for (const start of document.querySelectorAll("template[data-hydra-src]")) if (isOurs(start.id)) lazy(start);
  arrived();
  if (document.readyState === "loading") {
    const observer = new MutationObserver(arrived);
    observer.observe(places, { childList: true });
    document.addEventListener("DOMContentLoaded", () => {
      observer.disconnect();
      arrived();
    });
  }
})();
