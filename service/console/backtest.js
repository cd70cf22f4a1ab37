// The back-test: run from here as a job, with its progress, and told in plain words.

import { get, jobList, post, remove } from "./api.js";
import { bar, el, fill } from "./dom.js";
import { decimal, number, time } from "./format.js";
import { problem, sentence } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.backtest;
const POLL = 1500;

/** Return the panel; a back-test that runs already is followed, and the last one that ended is shown. */
export function backtest(signal) {
  const place = el("div", { class: "stack", role: "status" });
  const run = el("button", { type: "button" }, words.run);
  const follow = async (job) => {
    run.disabled = true;
    try {
      fill(place, outcome(await ended(job, place, signal)));
    } finally {
      run.disabled = false;
    }
  };
  const show = (error) => !signal.aborted && fill(place, problem(error));
  run.addEventListener("click", async () => {
    try {
      await follow(await post("v1/jobs", { kind: "evaluate" }, signal));
    } catch (error) {
      show(error);
    }
  });
  const last = async () => {
    const { jobs, may_start: may } = await jobList(signal);
    if (!may) {
      run.replaceWith(texts.operations.scope);
      return;
    }
    const found = jobs.find((job) => job.kind === "evaluate" && (!job.ended_at || job.state === "done"));
    if (found) await follow(found);
  };
  last().catch(show);
  return el("section", { class: "panel wide" }, el("h2", {}, words.title), el("p", {}, words.what), el("p", { class: "actions" }, run), place);
}

/** Show how far the job is until it has ended, and return it with its report. */
async function ended(job, place, signal) {
  const said = el("p", {});
  const bars = el("progress", { "aria-label": words.progress });
  const stop = el("button", { type: "button", class: "quiet small" }, words.stop);
  stop.addEventListener("click", () => {
    stop.disabled = true;
    remove(`v1/jobs/${job.id}`, signal).catch((error) => signal.aborted || place.append(problem(error)));
  });
  for (;;) {
    const found = await get(`v1/jobs/${job.id}`, signal);
    if (found.ended_at) return found;
    const { step, done, total } = found.progress ?? {};
    said.textContent = step ? words.step(step, number(done), total ? number(total) : null) : words.begins;
    if (total) {
      bars.max = total;
      bars.value = done;
    } else bars.removeAttribute("value");
    if (!said.isConnected) fill(place, said, bars, stop);
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, POLL);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  }
}

function outcome({ state, detail, report, ended_at: at }) {
  if (state !== "done") return el("p", { class: "notice warn" }, sentence(words.states[state] ?? state), " ", detail && sentence(detail));
  const most = Math.max(...report.methods.map((method) => method.macro_f1.value));
  return [
    el("p", { class: "hint" }, words.ran(time(at))),
    report.first.summary.map((said) => el("p", {}, said)),
    report.first.next_steps.length > 0 && [el("h3", {}, words.next), el("ul", {}, report.first.next_steps.map((step) => el("li", {}, step)))],
    el(
      "table",
      { class: "bars" },
      el("caption", { class: "hint" }, words.methods),
      el(
        "tbody",
        {},
        report.methods.map(({ name, macro_f1: { value } }) =>
          el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, bar(most ? value / most : 0), el("span", {}, decimal(value)))),
        ),
      ),
    ),
    el("details", {}, el("summary", {}, words.exactly), [...report.verdict, ...report.notes].filter(Boolean).map((said) => el("p", {}, said))),
  ];
}
