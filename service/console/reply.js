// The texts of an answer: the reply for the customer as it is written, and the note for the agent.

import { apart, el, fill } from "./dom.js";
import { ended } from "./notices.js";
import { cardId } from "./precedents.js";
import { texts } from "./texts.js";

const words = texts.reply;
const BRACKETED = /\[([^\]\n]{1,200})\]/g;

/** Return the place that a reply is written into: `write` adds a piece, `finish` shows the whole. */
export function replyPlace() {
  const arriving = document.createTextNode("");
  const text = el("p", { class: "text reply-text", dir: "auto", "aria-busy": "true" }, arriving);
  const about = el("div", { class: "stack" }, el("p", { class: "hint" }, words.writing));
  const actions = el("div", { class: "stack" });
  const section = el("section", { class: "panel reply" }, el("h2", {}, words.title), about, text, actions);
  return {
    section,
    text,
    actions,
    write: (piece) => arriving.appendData(piece),
    finish: ({ reply, neighbours }) => {
      text.removeAttribute("aria-busy");
      fill(text, reply.sentences?.length ? cited(reply, neighbours) : linked(reply.text, neighbours));
      text.hidden = !reply.text;
      fill(about, origin(reply));
    },
    stop: (why) => {
      text.removeAttribute("aria-busy");
      text.hidden = !arriving.data;
      fill(about, el("p", { class: "hint" }, why));
    },
  };
}

/** Return the note for the agent. */
export function note({ note: found, neighbours }) {
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, words.note),
    blocks(found.text).map(([name, text]) => el(name, { class: "text", dir: "auto" }, linked(text, neighbours).map(marked))),
  );
}

/** Return the parts of a note, `[element, text]`: paragraphs, and what is quoted. */
function blocks(text) {
  const parts = [];
  for (const line of text.split("\n")) {
    const name = line.startsWith(">") ? "blockquote" : "p";
    if (parts.at(-1)?.[0] !== name) parts.push([name, []]);
    parts.at(-1)[1].push(name === "p" ? line : line.replace(/^> ?/, ""));
  }
  return parts.map(([name, lines]) => [name, lines.join("\n").trim()]).filter(([, part]) => part);
}

/** Return a piece of a note with what stands between backticks as code. */
function marked(piece) {
  return typeof piece === "string" ? piece.split(/`([^`\n]+)`/).map((one, at) => (at % 2 ? el("code", {}, one) : one)) : piece;
}

/** Return what to ask the customer first. */
export function questions(found) {
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, words.questions),
    el("ul", {}, found.map((one) => el("li", { dir: "auto" }, one))),
  );
}

function origin({ source, degraded, text }) {
  const said = text ? words.sources[source] : words.nothing;
  return [
    el("p", { class: "hint" }, said),
    degraded && el("p", { class: text ? "notice warn" : "notice" }, words.degraded(ended(degraded))),
  ];
}

/** Return the text with the ids of precedents as links to their cards. */
function linked(text, neighbours) {
  const known = new Set(neighbours.map((one) => one.id));
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(BRACKETED)) {
    if (!known.has(match[1])) continue;
    parts.push(text.slice(end, match.index), citation(match[1], apart(match[0])));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** Return the text, each sentence followed by the numbers of the precedents that it rests on. */
function cited({ text, sentences }, neighbours) {
  const position = new Map(neighbours.map((one, index) => [one.id, index + 1]));
  const parts = [];
  let end = 0;
  for (const one of sentences) {
    const start = text.indexOf(one.text, end);
    if (start < 0) continue;
    parts.push(text.slice(end, start));
    end = start + one.text.length;
    const known = one.citations.filter((id) => position.has(id));
    const span = el(
      "span",
      { class: known.length ? "sentence" : null },
      one.text,
      known.map((id) => el("sup", {}, citation(id, String(position.get(id))))),
    );
    pointing(span, known);
    parts.push(span);
  }
  parts.push(text.slice(end));
  return parts;
}

function citation(id, label) {
  const link = el("a", { href: `#${cardId(id)}`, class: "citation", title: words.cites(id) }, label);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const card = document.getElementById(cardId(id));
    card?.scrollIntoView({ block: "center" });
    card?.focus();
  });
  pointing(link, [id]);
  return link;
}

/** Mark the cards of these precedents while the element is pointed at or has the focus. */
function pointing(element, ids) {
  const mark = (on) => () => {
    for (const id of ids) document.getElementById(cardId(id))?.classList.toggle("pointed", on);
  };
  for (const event of ["mouseenter", "focusin"]) element.addEventListener(event, mark(true));
  for (const event of ["mouseleave", "focusout"]) element.addEventListener(event, mark(false));
}
