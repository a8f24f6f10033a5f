// In each page of `hydra dev`: shows what the compiler reports, loads the page again after a change, and swaps style sheets.
(() => {
  "use strict";
  const own = document.currentScript.dataset;
  const SCROLL = "hydra-dev-scroll";
  let source, report, sheet, closed;

  const listen = () => {
    if (source) return;
    source = new EventSource("/_h/dev/events");
    source.addEventListener("state", (event) => show(JSON.parse(event.data)));
  };
  const stop = () => {
    source?.close();
    source = undefined;
  };

  const show = (state) => {
    if (state.run !== own.run || String(state.pages) !== own.pages) return loadAgain();
    if (String(state.styles) !== own.styles) {
      own.styles = state.styles;
      swapStyles(state.styles);
    }
    draw(state);
  };

  const loadAgain = () => {
    stop();
    sessionStorage.setItem(SCROLL, JSON.stringify({ path: location.pathname, x: scrollX, y: scrollY }));
    // The answer to a form is asked for anew, rather than sending the form once more.
    if (own.isGet === "true") location.reload();
    else location.replace(location.pathname + location.search);
  };

  // Browsers do so too, but not if the page grows only after it is loaded.
  const scrollBack = () => {
    const kept = JSON.parse(sessionStorage.getItem(SCROLL) ?? "null");
    sessionStorage.removeItem(SCROLL);
    if (kept?.path !== location.pathname) return;
    const scroll = () => scrollTo({ left: kept.x, top: kept.y, behavior: "instant" });
    if (document.readyState === "complete") scroll();
    else addEventListener("load", scroll, { once: true });
  };

  const swapStyles = (version) => {
    for (const link of document.querySelectorAll("link[rel~=stylesheet][href]")) {
      const address = new URL(link.href);
      if (address.origin !== location.origin) continue;
      address.searchParams.set("hydra-dev", version);
      const next = link.cloneNode();
      next.href = address.href;
      // The former one counts until the next one is there.
      next.addEventListener("load", () => link.remove(), { once: true });
      next.addEventListener("error", () => next.remove(), { once: true });
      link.after(next);
    }
  };

  const element = (name, text, of) => {
    const made = document.createElement(name);
    made.textContent = text ?? "";
    of?.append(made);
    return made;
  };

  const draw = ({ problems, busy }) => {
    report?.remove();
    report = undefined;
    const text = JSON.stringify(problems);
    if (text !== closed) closed = undefined;
    const problemsShown = closed ? [] : problems;
    if (problemsShown.length === 0 && busy.length === 0) return;
    report = document.createElement("hydra-dev-report");
    const root = report.attachShadow({ mode: "open" });
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
    }
    root.adoptedStyleSheets = [sheet];
    if (problemsShown.length > 0) {
      const box = element("section", "", root);
      box.setAttribute("role", "alert");
      const close = element("button", "Close", box);
      close.title = "Close (Esc)";
      close.addEventListener("click", () => hide(text, busy));
      for (const problem of problemsShown) {
        const [what, ...rest] = problem.text.split("\n");
        element("h2", `${problem.service}: ${what}`, box);
        element("pre", rest.join("\n").trim(), box);
      }
    }
    if (busy.length > 0) element("p", `Building or starting: ${busy.join(", ")}`, root);
    document.documentElement.append(report);
  };

  const hide = (text, busy) => {
    closed = text;
    draw({ problems: JSON.parse(text), busy });
  };
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") report?.shadowRoot.querySelector("button")?.click();
  });

  const STYLES = `
    :host { all: initial; }
    section {
      position: fixed; inset: 0; z-index: 2147483647; overflow: auto; box-sizing: border-box; padding: 1.5rem 2rem;
      background: #1b1b1f; color: #eee; font: 15px/1.5 system-ui, sans-serif;
    }
    h2 { margin: 1rem 0 .5rem; color: #ff8f85; font-size: 1.2rem; }
    pre { margin: 0; font: 14px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
    button { float: right; font: inherit; padding: .2rem .8rem; }
    p {
      position: fixed; left: .8rem; bottom: .8rem; z-index: 2147483647; margin: 0; padding: .3rem .8rem; border-radius: .4rem;
      background: #1b1b1f; color: #eee; font: 14px/1.5 system-ui, sans-serif;
    }
  `;

  scrollBack();
  // A window that is not seen takes none of the few connections that a browser has for a site.
  const follow = () => (document.visibilityState === "visible" ? listen() : stop());
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", follow);
  follow();
})();
