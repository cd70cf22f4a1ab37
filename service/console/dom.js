// Elements. Whatever comes from a ticket becomes a text node: nothing here reads markup.

/** Return an element. Attributes: `on` has listeners by event; null, undefined and false are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...nodes(children));
  return element;
}

/** Return an element of a drawing. */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...nodes(children));
  return element;
}

/** Put these children into an element instead of what it has. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** Return a piece of text whose direction has no effect on what stands around it. */
export function apart(text) {
  return el("bdi", {}, String(text));
}

/** Return a label with its control, and a hint that the control is described by. */
export function field(label, control, hint) {
  if (!control.id) control.id = `field-${++count}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return el(
    "div",
    { class: "field" },
    el("label", { for: control.id }, label),
    control,
    hint && el("p", { class: "hint", id: `${control.id}-hint` }, hint),
  );
}

/** Return names with their values; a value that is null is left out with its name. */
export function facts(pairs) {
  return el(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "")
      .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/** Return a bar of a share, from 0 to 1; what it shows stands beside it in words. */
export function bar(share) {
  const inner = el("span", { class: "bar-inner" });
  inner.style.inlineSize = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, inner);
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}

let count = 0;
