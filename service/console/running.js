// The page of an operator: whether it works, from what, and what can be done; live, as the service tells it.

import { stream } from "./api.js";
import { apart, el, facts, fill } from "./dom.js";
import { age, decimal, now, number, size } from "./format.js";
import { isExpected, problem, putProblem, sentence } from "./notices.js";
import { operations } from "./operations.js";
import { status } from "./status.js";
import { texts } from "./texts.js";

const words = texts.running;
const POLL = 3000;
const PATIENCE = 4000;
const PANELS = [index, forest, provider, deliveries, machine, feedback];

/** Show the page until it is left. */
export async function page(body, { signal }) {
  const state = el("div");
  const parts = el("div", { class: "grid" });
  const checked = el("p", { class: "hint" });
  const work = operations(signal);
  fill(body, state, parts, el("div", { class: "grid" }, work.parts), checked);
  let found = {};
  const take = (changed) => {
    found = { ...found, ...changed };
    show(state, found);
    if (found.version === undefined) return; // the ledger was never read
    fill(parts, PANELS.map((draw) => drawn(draw, found)));
    work.take(found);
  };
  while (!signal.aborted) {
    // A page that nobody looks at asks for nothing.
    if (!document.hidden) {
      const live = (data) => {
        take(data);
        checked.textContent = words.live(now(), found.version);
      };
      if (!(await watch(live, signal))) await poll(take, state, checked, signal);
    }
    await pause(signal);
  }
}

/** Follow the service until its stream ends; return false if there was none, as with a proxy that holds it back. */
async function watch(live, signal) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE);
  let came = false;
  try {
    for await (const { data } of stream("v1/status/events", null, AbortSignal.any([signal, late.signal]))) {
      came = true;
      clearTimeout(timer);
      live(data);
    }
  } catch (error) {
    if (!isExpected(error)) throw error;
    // Asking for the state says what is wrong.
  } finally {
    clearTimeout(timer);
  }
  return came;
}

async function poll(take, state, checked, signal) {
  try {
    if (signal.aborted) return;
    const found = await status(signal);
    take(found);
    checked.textContent = words.checked(now(), found.version);
  } catch (error) {
    if (!isExpected(error)) throw error;
    putProblem(state, error, signal);
    checked.textContent = words.again(now());
  }
}

/** Say whether it works; what is the same as before is not said again to who reads the page by ear. */
function show(state, { ready, stage }) {
  const text = ready ? words.ready : words.notReady(sentence(stage));
  if (state.textContent === text) return;
  fill(state, el("p", { class: ready ? "notice good" : "notice bad", role: "status" }, text));
}

/** Return a panel; where it cannot be drawn, the problem: one that fails takes neither the others nor the buttons with it. */
function drawn(draw, found) {
  try {
    return draw(found);
  } catch (error) {
    return problem(error);
  }
}

function index({ index: found, generations }) {
  if (!found) return panel(words.index, el("p", {}, words.noIndex));
  return panel(
    words.index,
    facts([
      [words.tickets, number(found.tickets)],
      [words.lag, found.pending ? words.pending(number(found.pending)) : words.upToDate],
      [words.generation, found.generation],
      [words.others, generations.filter(({ name }) => name !== found.generation).map(({ name, status: is }) => words.other(name, is)).join(", ")],
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
    (found.fitted_at || found.last_fit) &&
      facts([
        [words.age, found.fitted_at && age(found.fitted_at)],
        [words.lastFit, found.last_fit && `${found.last_fit.promoted ? words.promoted : words.heldBack}: ${found.last_fit.why}`],
      ]),
    el("p", {}, el("a", { href: "#/quality" }, words.howGood)),
  );
}

function provider({ chat_model: model, index: found, provider: asked, spend }) {
  return panel(
    words.provider,
    facts([
      [words.drafts, model ? apart(model) : words.noProvider],
      [words.embeddings, found?.embedder === "hosted" ? words.hosted : found && words.local],
      [words.chat, model && (words.breakers[asked.chat.state] ?? asked.chat.state)],
      [words.texts, found?.embedder === "hosted" && (words.breakers[asked.embeddings.state] ?? asked.embeddings.state)],
      [words.spend, spend.requests ? words.spent(spend.requests, number(spend.prompt_tokens + spend.completion_tokens)) : words.nothingSpent],
      [words.cost, spend.requests && spend.cost !== null ? decimal(spend.cost) : null],
    ]),
  );
}

function deliveries({ deliveries: found, answers }) {
  return panel(
    words.deliveries,
    facts([
      [words.waiting, number(found.waiting)],
      [words.dead, found.dead ? words.repeat(number(found.dead)) : number(0)],
      [words.toBeKept, answers.waiting ? number(answers.waiting) : null],
    ]),
  );
}

function machine({ machine: found }) {
  return panel(
    words.machine,
    facts([
      [words.free, words.freeOf(size(found.disk_free), size(found.disk_total))],
      [words.service, found.service_memory === null ? null : size(found.service_memory)],
      [words.chroma, found.index_memory === null ? null : size(found.index_memory)],
    ]),
  );
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
