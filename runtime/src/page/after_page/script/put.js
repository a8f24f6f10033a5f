// Puts HTML into its place.

// HTML as it would be read in `parent`. A text is parsed; what the browser has parsed itself is taken as it is.
const parsed = (parent, html) => {
  const fragment = inDocument.fragment(document);
  if (typeof html === "string") {
    const name = ofElement.name(parent);
    // A custom element would begin to live.
    const context = inDocument.create(document, ofElement.namespace(parent), name.includes("-") ? "div" : name);
    setHtml(context, policy.createHTML(html));
    fragment.append(...context.childNodes);
    return fragment;
  }
  // These would run as soon as they come into the document.
  for (const old of scriptsIn(html)) old.replaceWith(inert(old));
  fragment.append(html);
  return fragment;
};

// Replaces what is between the marks, and the marks.
const replace = ({ start, end }, html) => {
  const parent = ofNode.parent(start);
  if (!parent || !ofNode.isConnected(end)) return;
  // What follows the page's own end belongs to nobody but the document.
  const element = parent instanceof Element ? parent : inDocument.body(document);
  const fragment = parsed(element, html);
  const scripts = scriptsIn(fragment).filter(mayRun);
  const range = inDocument.range(document);
  range.setStartBefore(start);
  range.setEndAfter(end);
  range.deleteContents();
  if (parent === element) range.insertNode(fragment);
  else ofNode.append(element, fragment);
  run(scripts);
};

const put = async (place, html) => {
  await isFree(place);
  replace(place, html);
};

// What the page has linked already. Only what takes effect counts: a link for print, or a script that the policy of the page
// blocks, is none.
const linked = () => {
  const known = new Set();
  for (const link of inDocument.all(document, "link[rel=stylesheet][href]"))
    if (link instanceof HTMLLinkElement && !link.disabled && !link.media && !link.title && !link.hasAttribute("type"))
      known.add("link " + link.href);
  for (const other of inDocument.all(document, "script[src]"))
    if (other instanceof HTMLScriptElement && isClassic(other) && mayRun(other)) known.add("script " + other.src);
  return known;
};

// Links what a lazy fragment needs before its place, each once. Gives the style sheets that are on their way.
const link = ({ start }, html) => {
  const holder = inDocument.create(document, "http://www.w3.org/1999/xhtml", "div");
  setHtml(holder, policy.createHTML(html));
  const [known, styles, scripts] = [linked(), [], []];
  for (const node of [...holder.childNodes]) {
    const name = node.localName;
    const attribute = name === "script" ? "src" : "href";
    if (name !== "script" && name !== "link") continue;
    // The page's own, whatever `<base>` stands in it.
    const address = new URL(node.getAttribute(attribute), location.origin).href;
    if (known.has(name + " " + address)) continue;
    known.add(name + " " + address);
    node.setAttribute(attribute, name === "script" ? policy.createScriptURL(address) : address);
    // It bears the nonce of the page; scripts in the HTML of a fragment don't.
    if (name === "script") node.nonce = script.nonce;
    (name === "script" ? scripts : styles).push(node);
    start.before(node);
  }
  run(scripts);
  return styles;
};

// The longest that a fragment waits for its style sheets, in milliseconds.
const UNSTYLED = 1000;
const loaded = (styles) => {
  const all = styles.map((style) => new Promise((end) => {
    listen(style, "load", end);
    listen(style, "error", end);
  }));
  return Promise.race([Promise.all(all), new Promise((end) => setTimeout(end, UNSTYLED))]);
};
