// Tickets that say nearly the same and have different priorities: found by a job, mended here.

import { get, put } from "./api.js";
import { apart, el, fill } from "./dom.js";
import { number, percent } from "./format.js";
import { jobPanel } from "./jobs.js";
import { notice, showProblem } from "./notices.js";
import { headAndRest, priorityChip, ticketLink } from "./precedents.js";
import { texts } from "./texts.js";

const words = texts.contradictions;
const SHOWN = 10;
const ENOUGH = 30; // tickets that have one like them, for a share of those to say something

/** Return the panel. */
export const contradictions = (signal) => jobPanel({ kind: "audit" }, words, (report) => told(report, signal), signal);

function told({ contradictions: found, suspects, tickets, twins, ceiling }, signal) {
  if (!found.length) return el("p", {}, words.none(number(tickets)));
  const rows = el("ol", { class: "rows" });
  const more = el("button", { type: "button" }, texts.more);
  const place = el("div", { class: "results" }, rows, more);
  let next = 0;
  const show = async () => {
    const shown = found.slice(next, next + SHOWN);
    next += shown.length;
    // What the tickets have by now is asked for: the report is of the time when it was made.
    const pairs = await Promise.all(shown.map(async (one) => [one, await stored(one.id, signal), await stored(one.duplicate_id, signal)]));
    const before = rows.childElementCount;
    rows.append(...pairs.map((pair) => row(...pair, signal)));
    more.hidden = next >= found.length;
    if (before) rows.children[before]?.querySelector("a")?.focus();
  };
  const attempt = () => show().catch((error) => showProblem(place, error, signal));
  more.addEventListener("click", attempt);
  attempt();
  return [
    el("p", {}, words.found(number(suspects), number(tickets)), " ", twins >= ENOUGH && words.ceiling(percent(ceiling.value))),
    place,
  ];
}

/** Return the ticket as stored, null if it is not any more. */
async function stored(id, signal) {
  try {
    return await get(`v1/tickets/${encodeURIComponent(id)}`, signal);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function row(found, ticket, other, signal) {
  const item = el("li", {});
  const show = () => {
    const pair = [ticket, other];
    fill(item, pair.map((one, at) => line(one, [found.id, found.duplicate_id][at])), verdict(found, pair, mend));
  };
  const mend = async (one, label) => {
    try {
      await put(`v1/tickets/${encodeURIComponent(one.id)}`, written({ ...one, priority: label }), signal);
      if (one === ticket) ticket = { ...one, priority: label };
      else other = { ...one, priority: label };
      show();
      item.querySelector(".notice")?.focus();
    } catch (error) {
      showProblem(item, error, signal);
    }
  };
  show();
  return item;
}

function line(ticket, id) {
  if (!ticket) return el("p", {}, apart(id), " ", words.gone);
  return [
    el("h3", { dir: "auto" }, ticketLink(id, el("span", {}, headAndRest(ticket)[0].slice(0, 300)))),
    el("p", { class: "meta" }, el("span", { class: "id" }, apart(id)), priorityChip(ticket.priority)),
  ];
}

function verdict(found, [ticket, other], mend) {
  if (!ticket || !other) return null;
  const [own, others] = [ticket.priority ?? "", other.priority ?? ""];
  if (own.toLowerCase() === others.toLowerCase()) return el("p", { class: "notice good", role: "status", tabindex: "-1" }, words.mended);
  const to = (one, label) => label && el("button", { type: "button", on: { click: () => mend(one, label) } }, words.make(one.id, label));
  return [
    el("p", { class: "hint" }, words.alike(percent(Math.max(0, found.similarity))), " ", words.neighbours(Object.entries(found.neighbours))),
    el("p", { class: "actions" }, to(ticket, others), to(other, own)),
  ];
}

/** Return what a `PUT` takes of a ticket that a `GET` gave: not what is made of its conversation. */
function written({ problem, problem_from: from, ...ticket }) {
  return Object.fromEntries(Object.entries(ticket).filter(([, value]) => value !== null));
}
