// Stored tickets as cards: the precedents of an answer, and what a search found.

import { apart, bar, el } from "./dom.js";
import { date, percent, value, webAddress } from "./format.js";
import { ended } from "./notices.js";
import { texts } from "./texts.js";
import { marked } from "./words.js";

const words = texts.precedents;

export const ticketLink = (id, label) => el("a", { href: `#/ticket/${encodeURIComponent(id)}` }, label ?? apart(id));

/** Return the element's id of a precedent's card. */
export const cardId = (id) => `precedent-${id}`;

/**
 * Return a card for each neighbour, the nearest first.
 * @param shared words of the question, to be marked.
 */
export function precedents(neighbours, shared) {
  return el(
    "ol",
    { class: "cards" },
    neighbours.map((neighbour) => el("li", {}, card(neighbour, shared))),
  );
}

/** Return a priority as a label. */
export function priorityChip(label) {
  return label && el("span", { class: "chip priority", "data-priority": label.toLowerCase() }, apart(label));
}

/** Return an external link to where the team's own tool shows the ticket, if it has one. */
export function sourceLink(url) {
  const address = webAddress(url);
  return address && el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words.original);
}

/** Return the subject, or the first line, and what follows it. */
export function headAndRest(ticket) {
  const [first] = ticket.text.trimStart().split("\n", 1);
  const head = ticket.subject || first;
  const rest = ticket.text.trimStart();
  return [head, rest.startsWith(head) && rest !== head ? rest.slice(head.length).trim() : ticket.subject ? rest : ""];
}

function card(neighbour, shared) {
  const [head, rest] = headAndRest(neighbour);
  const { above_floor: near, similarity, why } = neighbour;
  return el(
    "article",
    { class: near ? "card" : "card far", id: cardId(neighbour.id), tabindex: "-1" },
    el(
      "header",
      {},
      el("h3", { dir: "auto" }, ticketLink(neighbour.id, el("span", {}, marked(head, shared)))),
      el(
        "p",
        { class: "likeness" },
        bar(similarity),
        el("span", {}, words.similar(percent(Math.max(0, similarity)))),
      ),
    ),
    el(
      "p",
      { class: "meta" },
      el("span", { class: "id" }, apart(neighbour.id)),
      priorityChip(neighbour.priority),
      neighbour.outcome && el("span", { class: "chip" }, apart(neighbour.outcome)),
      dates(neighbour),
      sourceLink(neighbour.url),
    ),
    neighbour.flagged && el("p", { class: "notice warn" }, words.flagged(ended(neighbour.flagged))),
    !near && el("p", { class: "hint" }, words.far),
    why?.length > 0 && el("p", { class: "why" }, words.why(value(why))),
    rest && clamped(el("p", { class: "text", dir: "auto" }, marked(rest, shared))),
    neighbour.resolution
      ? el(
          "div",
          { class: "resolution" },
          el("h4", {}, words.resolution),
          el("p", { class: "text", dir: "auto" }, marked(neighbour.resolution, shared)),
        )
      : el("p", { class: "hint" }, words.unresolved),
    tags(neighbour),
  );
}

/** Return when the ticket was resolved, or when it was written. */
export function dates(ticket) {
  const [iso, say] = ticket.resolved_at
    ? [ticket.resolved_at, words.resolvedOn]
    : [ticket.created_at, words.createdOn];
  return iso && el("time", { datetime: iso }, say(date(iso)));
}

/** Return the tags and fields of a ticket as links that search for them. */
export function tags(ticket) {
  const found = [
    ...(ticket.tags ?? []).map((tag) => ["tag", tag, tag]),
    ...Object.entries(ticket.fields ?? {}).flatMap(([name, values]) =>
      [values].flat().map((one) => ["field", `${name}=${one}`, `${name}: ${one}`]),
    ),
  ];
  if (!found.length) return null;
  return el(
    "ul",
    { class: "tags", "aria-label": words.tags },
    found.map(([kind, given, shown]) =>
      el("li", {}, el("a", { class: "chip", href: `#/find?${new URLSearchParams({ [kind]: given })}` }, apart(shown))),
    ),
  );
}

/** Return the text cut to a few lines, with a button that shows the rest where there is more. */
function clamped(text) {
  text.classList.add("clamped");
  const more = el(
    "button",
    {
      type: "button",
      class: "quiet small",
      hidden: true,
      "aria-expanded": "false",
      on: {
        click: () => {
          const open = text.classList.toggle("clamped") === false;
          more.setAttribute("aria-expanded", String(open));
          more.textContent = open ? words.less : words.more;
        },
      },
    },
    words.more,
  );
  // Whether lines were cut is known when it is on the page.
  requestAnimationFrame(() => {
    more.hidden = text.scrollHeight <= text.clientHeight + 2;
  });
  return [text, more];
}
