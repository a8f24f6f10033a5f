// Scripts in the HTML of a fragment. Parsed here, they never run by themselves: those that the policy of the page would
// let run, had they stood in the page, are made anew, and run in the order of the document.
//
// Where the policy says `'strict-dynamic'`, whatever this script makes may run. This script then bears a nonce, as it could not
// run otherwise: so on a page with a nonce, a script of a fragment is made anew only if its HTML has the same nonce.
const SCRIPT = /^((text|application)\/(x-)?(java|ecma)script|text\/(javascript1\.[0-5]|j(ava)?script|livescript))?$/i;
const isScript = (node) => node instanceof HTMLScriptElement || node instanceof SVGScriptElement;
const isClassic = (node) =>
  SCRIPT.test((node.getAttribute("type") ?? "").trim()) && !node.hasAttribute("nomodule");
const mayRun = (node) => !script.nonce || node.nonce === script.nonce;

// All scripts in what is not in the document yet, those in shadow trees too, in document order.
const scriptsIn = (root, found = []) => {
  for (const node of allIn(root, "*")) {
    if (isScript(node)) found.push(node);
    const shadow = ofElement.shadow(node);
    if (shadow) scriptsIn(shadow, found);
  }
  return found;
};

const setHtml = Element.prototype.setHTMLUnsafe
  ? bound(Element.prototype, "setHTMLUnsafe")
  : Function.prototype.call.bind(Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML").set);

// A script of the same attributes and text. `made` is a new element.
const copy = (old, made) => {
  for (const { namespaceURI, name, value } of [...old.attributes]) {
    const trusted = /^(src|(xlink:)?href)$/.test(name)
      ? policy.createScriptURL(value)
      : name.startsWith("on") ? policy.createScript(value) : value;
    try {
      made.setAttributeNS(namespaceURI, name, trusted);
    } catch {
      // The parser takes names that no script can give.
    }
  }
  if (made instanceof HTMLScriptElement) made.text = policy.createScript(old.textContent);
  else made.textContent = policy.createScript(old.textContent);
  return made;
};

const anew = (old) => {
  const made = copy(old, inDocument.create(document, ofElement.namespace(old), "script"));
  // The browser hides the attribute of what is in the document.
  if (old.nonce) made.nonce = old.nonce;
  // As the parser has it: in order, but for those that say otherwise.
  made.async = old.hasAttribute("async");
  return made;
};

// The same script, one that never runs.
const inert = (old) => {
  const holder = inDocument.create(document, "http://www.w3.org/1999/xhtml", "div");
  const isHtml = old instanceof HTMLScriptElement;
  setHtml(holder, policy.createHTML(isHtml ? "<script></script>" : "<svg><script></script></svg>"));
  return copy(old, isHtml ? holder.firstChild : holder.firstChild.firstChild);
};

const isLate = (node) =>
  node.getAttribute("type") === "module" || (node.hasAttribute("defer") && node.hasAttribute("src"));

// Puts scripts that run in the places of those that don't, which stand in the document.
const run = async (scripts) => {
  const now = scripts.filter((old) => !isLate(old));
  for (const old of [...now, ...scripts.filter(isLate)]) {
    if (!ofNode.isConnected(old)) continue;
    const made = anew(old);
    const isAwaited =
      made instanceof HTMLScriptElement && made.src && isClassic(made) && !made.async && !isLate(old);
    const ends = isAwaited && new Promise((end) => {
      listen(made, "load", end);
      listen(made, "error", end);
    });
    old.replaceWith(made);
    await ends;
  }
};
