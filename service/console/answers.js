// The answers that are kept: the last ones in a list, and each by itself.

import { get } from "./api.js";
import { apart, el, facts, fill } from "./dom.js";
import { number, percent, time } from "./format.js";
import { paged } from "./paged.js";
import { cardId, priorityChip, ticketLink } from "./precedents.js";
import { decided, decidedFields } from "./priority.js";
import { note, questions, replyPlace } from "./reply.js";
import { texts } from "./texts.js";

const words = texts.answers;
const MOST = 120; // characters of a headline

/** Show the page; `params` may name one answer. */
export async function page(body, { params, signal }) {
  if (params.has("id")) await one(body, params.get("id"), signal);
  else await paged(body, { path: "v1/triage", asked: { limit: "50" }, name: "answers", row, said: words.listed }, signal);
}

/** Return the address of an answer within the console. */
export const answerLink = (id, ...children) => el("a", { href: `#/answers/${encodeURIComponent(id)}` }, children);

function row({ id, at, label, decision, text, action }) {
  return el(
    "li",
    {},
    el("h3", { dir: "auto" }, answerLink(id, el("span", {}, headline(text) || words.gone))),
    el(
      "p",
      { class: "meta" },
      el("time", { datetime: at }, time(at)),
      priorityChip(label),
      el("span", { class: "chip" }, texts.priority[decision]),
      action && el("span", { class: "chip" }, words.actions[action]),
    ),
  );
}

/** Return the first words: of the question, or of what the note says of it. */
function headline(text) {
  const said = (text ?? "").replace(/^Issue: /, "").split(/\n| Priority: /, 1)[0].trim();
  return said.length > MOST ? `${said.slice(0, MOST)}…` : said;
}

async function one(body, id, signal) {
  const found = await get(`v1/triage/${encodeURIComponent(id)}`, signal);
  const reply = replyPlace();
  reply.finish(found);
  fill(
    body,
    found.forgotten && el("p", { class: "notice warn" }, words.forgotten),
    found.text && el("section", { class: "panel" }, el("h2", {}, words.asked), el("p", { class: "text", dir: "auto" }, found.text)),
    decided(texts.answer.priority, found.priority, null),
    decidedFields(found.decisions),
    found.note.text && note(found),
    reply.section,
    found.questions.length > 0 && questions(found.questions),
    found.feedback && said(found.feedback),
    found.neighbours.length > 0 && precedents(found.neighbours),
    el("section", { class: "panel" }, el("h2", {}, words.how), origin(found)),
  );
}

function said({ at, action, priority, reply, reason, precedent, decisions }) {
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, words.feedback),
    facts([
      [words.at, time(at)],
      [words.did, words.actions[action]],
      [words.reason, reason && apart(reason)],
      [words.precedent, precedent && ticketLink(precedent, apart(precedent))],
      [texts.answer.priority, priority && priorityChip(priority)],
      ...Object.entries(decisions).map(([name, label]) => [apart(name), apart(label)]),
    ]),
    reply && el("p", { class: "text", dir: "auto" }, reply),
  );
}

function precedents(neighbours) {
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, texts.answer.precedents),
    el(
      "ul",
      {},
      neighbours.map((neighbour) =>
        el("li", { id: cardId(neighbour.id), tabindex: "-1" }, ticketLink(neighbour.id, apart(neighbour.id)), " ", texts.precedents.similar(percent(Math.max(0, neighbour.similarity)))),
      ),
    ),
  );
}

function origin({ id, at, who, models, prompt_version: prompt, generation, forest, usage }) {
  return facts([
    [words.id, apart(id)],
    [words.at, time(at)],
    [words.who, who && apart(who)],
    [words.models, [models.embedding, models.chat].filter(Boolean).join(texts.listSeparator)],
    [words.prompt, prompt],
    [words.generation, generation],
    [words.forest, forest],
    [words.requests, number(usage.chat_requests)],
    [words.tokens, number(usage.prompt_tokens + usage.completion_tokens)],
  ]);
}
