// What the service says when something goes wrong, and what is going on.

import { el } from "./dom.js";
import { texts } from "./texts.js";

const WORD_FIRST = /^\p{Ll}[\p{Ll}'’-]*[,:;.!?…]?(?=\s|$)/u;

/** Tell whether an error is one of the service or of the network, or the end of what was stopped; any other is one of this page. */
export const isExpected = (error) => error?.status !== undefined || error?.name === "AbortError";

/** Return a problem as it is shown; one of this page stands in the browser's console, too. */
export function problem(error) {
  if (!isExpected(error)) console.error(error);
  const title = error.title ?? texts.problems.page;
  return el(
    "div",
    { class: "notice bad", role: "alert" },
    el("p", { class: "title" }, title),
    el("p", {}, sentence(error.message)),
    error.retryAfter && el("p", {}, texts.problems.retry(error.retryAfter)),
  );
}

/** Add a problem to an element, unless the page was left or the work was stopped. */
export function showProblem(element, error, signal) {
  const shown = problem(error);
  if (!signal?.aborted && error.name !== "AbortError") element.append(shown);
}

/** Show a problem in an element instead of what it has, unless the page was left or the work was stopped. */
export function putProblem(element, error, signal) {
  const shown = problem(error);
  if (!signal?.aborted && error.name !== "AbortError") element.replaceChildren(shown);
}

/** Return words on what is not wrong but good to know. */
export function notice(title, ...children) {
  return el("div", { class: "notice" }, title && el("p", { class: "title" }, title), children);
}

/** Return the words with a capital letter and a full stop; what begins with a name, such as that of a file, keeps its letters. */
export function sentence(words) {
  const text = ended(words);
  return WORD_FIRST.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
}

/** Return the words with a full stop. */
export function ended(words) {
  const text = String(words ?? "").trim();
  return !text || /[.!?…]$/.test(text) ? text : `${text}.`;
}
