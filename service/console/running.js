// The page of an operator: whether it works, and from what, asked again every few seconds.

import { ready } from "./api.js";
import { apart, el, facts, fill } from "./dom.js";
import { decimal, now, number } from "./format.js";
import { problem, sentence } from "./notices.js";
import { status } from "./status.js";
import { texts } from "./texts.js";

const words = texts.running;
const POLL = 3000;

/** Show the page until it is left. */
export async function page(body, { signal }) {
  const state = el("div");
  const parts = el("div", { class: "grid" });
  const checked = el("p", { class: "hint" });
  fill(body, state, parts, checked);
  while (!signal.aborted) {
    // A page that nobody looks at asks for nothing.
    if (!document.hidden) await look(state, parts, checked, signal);
    await pause(signal);
  }
}

async function look(state, parts, checked, signal) {
  try {
    const [health, found] = await Promise.all([ready(signal), status(signal)]);
    if (signal.aborted) return;
    const well = health.status === "ready";
    show(state, well, health.stage);
    fill(parts, index(found), forest(found), provider(found), disk(well, health.stage), feedback(found));
    checked.textContent = words.checked(now(), found.version);
  } catch (error) {
    if (signal.aborted) return;
    fill(state, problem(error));
    checked.textContent = words.again(now());
  }
}

/** Say whether it works; what is the same as before is not said again to who reads the page by ear. */
function show(state, well, stage) {
  const text = well ? words.ready : words.notReady(sentence(stage));
  if (state.textContent === text) return;
  fill(state, el("p", { class: well ? "notice good" : "notice bad", role: "status" }, text));
}

function index({ index: found }) {
  if (!found) return panel(words.index, el("p", {}, words.noIndex));
  return panel(
    words.index,
    facts([
      [words.tickets, number(found.tickets)],
      [words.lag, found.pending ? words.pending(number(found.pending)) : words.upToDate],
      [words.generation, found.generation],
      [words.model, `${found.embedding_model} (${found.embedder === "local" ? words.local : words.hosted})`],
      [words.floor, words.relevance(decimal(found.similarity_floor))],
    ]),
  );
}

function forest({ forest: found }) {
  if (!found) return panel(words.forest, el("p", {}, words.noForest));
  return panel(
    words.forest,
    el("p", {}, sentence(found.state)),
    found.last_fit &&
      facts([[words.lastFit, `${found.last_fit.promoted ? words.promoted : words.heldBack}: ${found.last_fit.why}`]]),
    el("p", {}, el("a", { href: "#/quality" }, words.howGood)),
  );
}

function provider({ chat_model: model, index: found }) {
  return panel(
    words.provider,
    facts([
      [words.drafts, model ? apart(model) : words.noProvider],
      [words.embeddings, found?.embedder === "hosted" ? words.hosted : found && words.local],
    ]),
  );
}

function disk(well, stage) {
  return panel(words.disk, el("p", {}, /disk/.test(well ? "" : stage) ? sentence(stage) : words.room));
}

function feedback({ feedback: found }) {
  return panel(
    words.feedback,
    facts(Object.entries(found).map(([name, count]) => [words.actions[name] ?? name, number(count)])),
    el("p", { class: "hint" }, words.feedbackMeans),
  );
}

function panel(title, ...children) {
  return el("section", { class: "panel" }, el("h2", {}, title), children);
}

function pause(signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, POLL);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
