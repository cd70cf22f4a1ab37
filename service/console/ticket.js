// A stored ticket: what was written, what resolved it, and where it came from.

import { get } from "./api.js";
import { apart, el, facts, fill } from "./dom.js";
import { number, time, value } from "./format.js";
import { headAndRest, priorityChip, sourceLink, tags } from "./precedents.js";
import { texts } from "./texts.js";

const words = texts.ticket;
const SHOWN = 20_000;

/** Show the page of the ticket that `params` names. */
export async function page(body, { params, heading, signal }) {
  const found = await get(`v1/tickets/${encodeURIComponent(params.get("id"))}`, signal);
  const [head, rest] = headAndRest(found);
  fill(heading, el("span", { dir: "auto" }, head.slice(0, 300)));
  document.title = `${head.slice(0, 80)} · ${texts.name}`;
  const address = new URLSearchParams({ ticket: found.id });
  fill(
    body,
    el(
      "p",
      { class: "meta" },
      el("span", { class: "id" }, apart(found.id)),
      priorityChip(found.priority),
      found.status && el("span", { class: "chip" }, apart(found.status)),
      found.outcome && el("span", { class: "chip" }, apart(found.outcome)),
      sourceLink(found.url),
    ),
    el("p", { class: "actions" }, el("a", { class: "button", href: `#/answer?${address}` }, words.asNew)),
    el(
      "div",
      { class: "two" },
      el(
        "div",
        { class: "column" },
        panel(words.text, long(rest || found.text)),
        found.set_apart && el("details", {}, el("summary", {}, words.setApart), long(found.set_apart)),
        found.problem &&
          panel(words.problem, long(found.problem), el("p", { class: "hint" }, words.takenFrom(found.problem_from))),
        panel(
          words.resolution,
          found.resolution ? long(found.resolution) : el("p", { class: "hint" }, words.unresolved),
          found.resolution_from && el("p", { class: "hint" }, words.takenFrom(found.resolution_from)),
        ),
        found.thread?.length > 0 && panel(words.thread, thread(found.thread)),
      ),
      el("div", { class: "column" }, panel(words.origin, origin(found)), fieldsOf(found)),
    ),
  );
}

function panel(title, ...children) {
  return el("section", { class: "panel" }, el("h2", {}, title), children);
}

/** Return a text, of a very long one the beginning, with a button for the rest. */
function long(text) {
  const shown = el("p", { class: "text", dir: "auto" }, text.slice(0, SHOWN));
  if (text.length <= SHOWN) return shown;
  const more = el("button", { type: "button" }, words.rest(number(text.length - SHOWN)));
  more.addEventListener("click", () => {
    shown.textContent = text;
    more.remove();
  });
  return [shown, more];
}

function thread(messages) {
  return el(
    "ol",
    { class: "thread" },
    messages.map(({ author, at, text }) =>
      el(
        "li",
        { class: author },
        el("p", { class: "meta" }, el("strong", {}, words.authors[author] ?? author), at && el("time", { datetime: at }, time(at))),
        long(text),
      ),
    ),
  );
}

function origin(found) {
  return facts([
    [words.source, found.source && apart(found.source)],
    [words.created, time(found.created_at)],
    [words.resolved, time(found.resolved_at)],
    [words.updated, time(found.updated_at)],
  ]);
}

function fieldsOf(found) {
  const fields = Object.entries(found.fields ?? {});
  if (!fields.length && !found.tags?.length) return null;
  return panel(
    words.fields,
    facts(fields.map(([name, one]) => [apart(name), apart(value(one))])),
    tags({ tags: found.tags }),
  );
}
