// Operators' jobs that a page starts and follows, each in a panel of its own.

import { get, jobList, pause, post, remove } from "./api.js";
import { apart, el, fill } from "./dom.js";
import { number, time } from "./format.js";
import { ended, putProblem, showProblem } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.jobs;
const POLL = 1000;

/**
 * Return the panel of one kind of job; one that runs already is followed, and the last one that ended is shown.
 * @param order what is sent to start one, `{kind}`.
 * @param said its words: `title`, `what` and `run`.
 * @param report returns the nodes that tell the report of one that is done.
 */
export function jobPanel(order, said, report, signal) {
  const place = el("div", { class: "stack", role: "status" });
  const run = el("button", { type: "button" }, said.run);
  const follow = async (job) => {
    run.disabled = true;
    try {
      const over = await followed(job, place, signal);
      fill(place, el("p", { class: "hint" }, words.ended(time(over.ended_at))), over.state === "done" ? report(over.report) : unfinished(over));
    } finally {
      run.disabled = false;
    }
  };
  const show = (error) => putProblem(place, error, signal);
  run.addEventListener("click", () => post("v1/jobs", order, signal).then(follow).catch(show));
  const last = async () => {
    const { jobs, may_start: may } = await jobList(signal);
    if (!may) {
      run.replaceWith(texts.operations.scope);
      return;
    }
    const found = jobs.find((job) => job.kind === order.kind && (!job.ended_at || job.state === "done"));
    if (found) await follow(found);
  };
  last().catch(show);
  return el("section", { class: "panel wide" }, el("h2", {}, said.title), el("p", {}, said.what), el("p", { class: "actions" }, run), place);
}

/** Return what is said of a job that ended before it was done. */
export const unfinished = ({ state, detail }) =>
  // The detail may begin with the name of a file, which has no capital letter for standing first.
  el("div", { class: "notice warn" }, el("p", {}, words.states[state] ?? state, detail ? [": ", apart(ended(detail))] : "."));

/**
 * Show how far the job is until it has ended, with a button that stops it, and return it with its report.
 * @param far returns how far a job is, `{said, done, total}`.
 */
export async function followed(job, place, signal, far = ({ progress }) => progress && { said: step(progress), ...progress }) {
  const said = el("p", {});
  const bars = el("progress", { "aria-label": words.progress });
  const stop = el("button", { type: "button", class: "quiet small" }, words.stop);
  stop.addEventListener("click", () => {
    stop.disabled = true;
    remove(`v1/jobs/${job.id}`, signal).catch((error) => showProblem(place, error, signal));
  });
  for (;;) {
    const found = await get(`v1/jobs/${job.id}`, signal);
    if (found.ended_at) return found;
    const now = far(found);
    said.textContent = now?.said ?? words.begins;
    if (now?.total) {
      bars.max = now.total;
      bars.value = now.done;
    } else bars.removeAttribute("value");
    if (!said.isConnected) fill(place, said, bars, stop);
    await pause(POLL, signal);
  }
}

/** Return how far a step is, in words, with its rate and the time left where they are known. */
export function step({ step: name, done, total, seconds }) {
  const rate = seconds > 0 ? done / seconds : 0;
  const left = rate && total > done ? Math.ceil((total - done) / rate) : null;
  return words.step(name, number(done), total ? number(total) : null, rate >= 1 ? number(Math.round(rate)) : null, left);
}
