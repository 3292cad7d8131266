// Elements made once and changed in place, so that what is hovered, focused or selected stays so.

const MARKS = { "⚠": "warning", "✖": "critical", "✓": "good" };

/** A new element. properties: `class`, attributes, or `text`. */
export function element(tag, properties = {}, ...children) {
  const made =
    tag === "svg" || tag === "path" || tag === "line"
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") setText(made, value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** The text of a name in pieces, between which a line may end: after _ . - / and before capitals. */
export function breakable(name) {
  const pieces = name.match(/.+?(?:[_.\-/]+|[a-z0-9](?=[A-Z])|$)/g) ?? [];
  return pieces.flatMap((piece, index) => (index === 0 ? [piece] : [document.createElement("wbr"), piece]));
}

/** Set the text of an element, if it is another one. */
export function setText(node, text) {
  if (node.textContent !== text) node.replaceChildren(...`${text}`.split(/([⚠✖✓])/).map(drawn));
}

/** A mark as a drawing: fonts may lack its letter, which stays for copies and for those who do not see. */
function drawn(piece) {
  if (!(piece in MARKS)) return piece;
  return element("span", { class: `drawn ${MARKS[piece]}` }, piece);
}

/** Set or, with null, remove an attribute, if it is another one. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** The children of one element, one for each item: kept by key, made by `make`, filled by `update`. */
export class Children {
  constructor(parent, make, update) {
    this.parent = parent;
    this.make = make;
    this.update = update;
    this.known = new Map();
  }

  show(items, keyOf) {
    const wanted = new Map(items.map((item) => [keyOf(item), item]));
    for (const [key, child] of this.known) {
      if (!wanted.has(key)) {
        (child.root ?? child).remove();
        this.known.delete(key);
      }
    }
    let position = this.parent.firstElementChild;
    for (const [key, item] of wanted) {
      let child = this.known.get(key);
      if (child === undefined) {
        child = this.make(item);
        this.known.set(key, child);
      }
      const node = child.root ?? child;
      if (node === position) position = position.nextElementSibling;
      else this.parent.insertBefore(node, position);
      this.update(child, item);
    }
  }
}
