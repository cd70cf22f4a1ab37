// The page of an agent: a ticket in; label, precedents and reply out, as they come.

import { get, Problem, stream } from "./api.js";
import { answerLink } from "./answers.js";
import { el, field, fill } from "./dom.js";
import { examples } from "./examples.js";
import { feedback } from "./feedback.js";
import { number } from "./format.js";
import { notice, sentence, showProblem } from "./notices.js";
import { precedents } from "./precedents.js";
import { decided, decidedFields } from "./priority.js";
import { note, questions, replyPlace } from "./reply.js";
import { isEmpty, labelsOf, reportOf, status } from "./status.js";
import { texts } from "./texts.js";
import { wordsOf } from "./words.js";

const words = texts.answer;
const MOST = 2_000_000; // units of JavaScript's strings, of which a character may take two: the service takes half as many characters

/** Show the page; `params` may name a stored ticket to be answered as if it were new. */
export async function page(body, { params, signal }) {
  const form = questionForm();
  const said = el("p", { role: "status", class: "said" });
  const result = el("div", { class: "result" });
  fill(body, el("div", { class: "ask" }, form.element, said), result);
  let found = null;
  let work = null;

  async function start() {
    work?.abort();
    work = new AbortController();
    const stopping = AbortSignal.any([signal, work.signal]);
    form.working(true);
    try {
      await answer(form.question(), result, said, found, stopping);
    } catch (error) {
      fill(said);
      showProblem(result, error, stopping);
    } finally {
      if (!stopping.aborted || work.signal.aborted) form.working(false);
    }
  }
  form.element.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  form.stop.addEventListener("click", () => work?.abort());

  found = await status(signal);
  if (isEmpty(found)) {
    const { bringIn } = await import("./bring_in.js");
    fill(result, el("section", { class: "panel" }, el("h2", {}, texts.bringIn.first), bringIn(signal)));
    return;
  }
  if (!found.ready) fill(result, notice(words.notReady, sentence(found.stage)));
  if (params.has("ticket")) form.set(await get(`v1/tickets/${encodeURIComponent(params.get("ticket"))}`, signal));
  const sample = await get("v1/tickets?source=sample&limit=1", signal);
  if (sample.tickets.length) form.showExamples(start);
  if (!result.hasChildNodes()) fill(result, intro(found.index?.tickets ?? 0));
}

function intro(tickets) {
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, words.intro),
    el("ul", {}, words.tells.map((one) => el("li", {}, one))),
    el("p", { class: "hint" }, words.tickets(number(tickets))),
  );
}

function questionForm() {
  const subject = el("input", { type: "text", autocomplete: "off", dir: "auto" });
  const text = el("textarea", { rows: "9", required: true, dir: "auto", placeholder: words.placeholder });
  const id = el("input", { type: "text", autocomplete: "off", maxlength: "200" });
  const submit = el("button", { type: "submit", class: "primary" }, words.submit);
  const stop = el("button", { type: "button", hidden: true }, words.stop);
  const choices = el("div", { class: "examples", hidden: true });
  const element = el(
    "form",
    {},
    choices,
    field(words.subject, subject),
    field(words.text, text, words.textHint),
    el("details", {}, el("summary", {}, words.more), field(words.id, id, words.idHint)),
    el("div", { class: "actions" }, submit, stop),
  );
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element.requestSubmit();
  });
  const set = (ticket) => {
    subject.value = ticket.subject ?? "";
    const whole = ticket.text.trimStart();
    text.value = whole.startsWith(subject.value) ? whole.slice(subject.value.length).trim() || whole : whole;
    id.value = ticket.id ?? "";
  };
  return {
    element,
    stop,
    set,
    question: () => ({
      words: subject.value.trim()
        ? { subject: subject.value, body: text.value }
        : { text: text.value },
      ticketId: id.value.trim(),
    }),
    working: (on) => {
      stop.hidden = !on;
      submit.textContent = on ? words.again : words.submit;
    },
    showExamples: (start) => {
      choices.hidden = false;
      fill(
        choices,
        el("h2", { id: "examples" }, words.examples),
        el(
          "ul",
          { "aria-labelledby": "examples" },
          examples.map((example) =>
            el(
              "li",
              {},
              el(
                "button",
                {
                  type: "button",
                  class: "chip",
                  on: {
                    click: () => {
                      set(example);
                      start();
                    },
                  },
                },
                example.name,
              ),
            ),
          ),
        ),
      );
    },
  };
}

/** Ask, and show each part of the answer when it comes. */
async function answer({ words: question, ticketId }, result, said, state, signal) {
  if (Object.values(question).some((one) => one.length > MOST)) throw new Problem(413, texts.problems.titles[413], words.tooLong);
  const shared = wordsOf(Object.values(question).join("\n"));
  const reply = replyPlace();
  const left = el("div", { class: "column" });
  const right = el("div", { class: "column" });
  fill(result);
  fill(said, words.reading);
  let done = null;
  signal.addEventListener("abort", () => {
    if (!done) reply.stop(words.stopped);
    fill(said, words.stopped);
  });
  for await (const { name, data } of stream(
    "v1/triage",
    { ...question, ...(ticketId && { exclude: [ticketId] }) },
    signal,
  )) {
    if (name === "triage") {
      fill(left, decisions(data, reportOf(state)?.abstention), reply.section);
      fill(right, found(data.neighbours, shared));
      fill(result, left, right);
      // On a small screen the answer is below what is seen.
      if (result.getBoundingClientRect().top > innerHeight * 0.7) result.scrollIntoView();
      fill(said, words.writing(data.neighbours.length));
    } else if (name === "token") {
      reply.write(data.text);
    } else if (name === "done") {
      done = data;
    } else if (name === "error") {
      reply.stop(texts.problems.cutOff);
      throw new Problem(data.status, data.title, data.detail, data.retry_after);
    }
  }
  if (!done) {
    reply.stop(texts.problems.cutOff);
    throw new Problem(0, texts.problems.unreachable, texts.problems.cutOff);
  }
  reply.finish(done);
  left.prepend(...warnings(done));
  if (done.note?.text) reply.section.before(note(done));
  if (done.questions?.length) left.append(questions(done.questions));
  fill(reply.actions, feedback(done, question, ticketId, reply.text, (field) => labelsOf(state, field), signal));
  const took = Object.values(done.timings_ms).reduce((sum, one) => sum + one, 0);
  fill(said, words.done(took), " ", answerLink(done.id, texts.answers.link));
}

function decisions({ priority, decisions: others }, abstention) {
  return [decided(words.priority, priority, abstention), decidedFields(others)];
}

function warnings({ warnings: found }) {
  return (found ?? []).map((one) => el("p", { class: "notice warn", role: "alert" }, sentence(one)));
}

function found(neighbours, shared) {
  return el(
    "section",
    { class: "precedents" },
    el("h2", {}, words.precedents),
    neighbours.length > 0 && neighbours.every((one) => !one.above_floor) && el("p", {}, words.allFar),
    neighbours.length ? precedents(neighbours, shared) : el("p", { class: "hint" }, words.noPrecedents),
  );
}
