// What this script needs of the browser, and how it knows what the page itself wrote.
//
// The HTML of a fragment may bear any id, name and attribute. Elements with a `name` hide properties of `document`, and the
// fields of a form hide those of the form. So whatever may meet a document or a form is taken from prototypes, once.
const bound = (prototype, name) => Function.prototype.call.bind(prototype[name]);
const getter = (prototype, name) =>
  Function.prototype.call.bind(Object.getOwnPropertyDescriptor(prototype, name).get);
const listen = bound(EventTarget.prototype, "addEventListener");
const inDocument = {
  script: getter(Document.prototype, "currentScript"),
  state: getter(Document.prototype, "readyState"),
  body: getter(Document.prototype, "body"),
  focused: getter(Document.prototype, "activeElement"),
  all: bound(Document.prototype, "querySelectorAll"),
  byId: bound(Document.prototype, "getElementById"),
  create: bound(Document.prototype, "createElementNS"),
  comment: bound(Document.prototype, "createComment"),
  fragment: bound(Document.prototype, "createDocumentFragment"),
  range: bound(Document.prototype, "createRange"),
  walker: bound(Document.prototype, "createTreeWalker"),
};
const ofNode = {
  parent: getter(Node.prototype, "parentNode"),
  isConnected: getter(Node.prototype, "isConnected"),
  contains: bound(Node.prototype, "contains"),
  position: bound(Node.prototype, "compareDocumentPosition"),
  append: bound(Node.prototype, "appendChild"),
};
const ofElement = {
  name: getter(Element.prototype, "localName"),
  namespace: getter(Element.prototype, "namespaceURI"),
  shadow: getter(Element.prototype, "shadowRoot"),
  boxes: bound(Element.prototype, "getClientRects"),
  box: bound(Element.prototype, "getBoundingClientRect"),
  closest: bound(Element.prototype, "closest"),
  scroll: bound(Element.prototype, "scrollIntoView"),
};
const ofForm = { fields: getter(HTMLFormElement.prototype, "elements") };
const allIn = bound(DocumentFragment.prototype, "querySelectorAll");

const script = inDocument.script(document);
const page = script?.getAttribute("data-hydra");
if (!script || !/^[0-9a-f]+$/.test(page)) return;
// Fragments can't know the random name of the page.
const isOurs = (id) => id.startsWith("hydra-" + page + "-");
const isLoading = () => inDocument.state(document) === "loading";

// Where the page demands Trusted Types, it has to admit this policy. Without it the fallbacks stay.
const policy = (() => {
  const same = (text) => text;
  try {
    return trustedTypes.createPolicy("hydra-later", { createHTML: same, createScript: same, createScriptURL: same });
  } catch {
    return { createHTML: same, createScript: same, createScriptURL: same };
  }
})();
