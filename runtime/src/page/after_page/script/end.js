// Finds what the page brings, while it comes and once it is there.
const OURS = "template[data-hydra-src], template[data-hydra-for], template[for]";
const look = () => {
  let found;
  // They are looked for where something has come for one of them.
  const places = () => (found ??= deferredPlaces());
  for (const template of inDocument.all(document, OURS)) {
    if (template.hasAttribute("data-hydra-src")) wait(template);
    else arrived(template, places);
  }
};
look();
if (!isLoading()) {
  seek();
} else {
  // What comes after the page stands right in its body, unless HTML before it was left open. Then, and for lazy fragments,
  // looking now and then is enough.
  const observer = new MutationObserver(look);
  const timer = setInterval(() => {
    const body = inDocument.body(document);
    if (body) observer.observe(body, { childList: true });
    look();
  }, 50);
  listen(document, "DOMContentLoaded", () => {
    clearInterval(timer);
    observer.disconnect();
    look();
    seek();
  });
}
