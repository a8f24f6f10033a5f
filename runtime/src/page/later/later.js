// Puts fragments in their places that come after the page, and fetches lazy ones when they come near the viewport.
(() => {
  "use strict";
  const NEAR = "300px";
  const places = document.currentScript?.parentNode ?? document.body;

  // Between the mark with this id and its end stands the fallback.
  const ends = (start, id) => {
    let end = start;
    while (end && !(end.nodeType === Node.COMMENT_NODE && end.data === "/" + id)) end = end.nextSibling;
    return end;
  };

  const put = (id, html) => {
    // Nothing else that bears the id, by accident or not, is taken for the mark.
    const start = document.querySelector("template#" + id);
    const end = ends(start, id);
    if (!end) return;
    const place = document.createRange();
    place.setStartBefore(start);
    place.setEndAfter(end);
    const fragment = place.createContextualFragment(html);
    place.deleteContents();
    place.insertNode(fragment);
  };

  const arrived = () => {
    for (const later of document.querySelectorAll("template[data-hydra-for]")) {
      // Until something follows it, the browser is still reading it.
      if (!later.nextSibling && document.readyState === "loading") continue;
      later.remove();
      for (const id of later.dataset.hydraFor.split(" ")) put(id, later.content.textContent);
    }
  };

  const load = async (id, address) => {
    try {
      const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) put(id, await answer.text());
    } catch {
      // The fallback stays.
    }
  };

  const lazy = (start) => {
    const targets = [];
    for (let node = start, end = ends(start, start.id); node && node !== end; node = node.nextSibling) {
      if (node !== start && node.nodeType === Node.ELEMENT_NODE && node.getClientRects().length) targets.push(node);
    }
    // What has no box is never near anything.
    if (!targets.length) {
      const here = document.createElement("span");
      start.after(here);
      targets.push(here);
    }
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      load(start.id, start.dataset.hydraSrc);
    }, { rootMargin: NEAR });
    for (const target of targets) observer.observe(target);
  };

  for (const start of document.querySelectorAll("template[data-hydra-src]")) lazy(start);
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
