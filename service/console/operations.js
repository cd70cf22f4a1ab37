// What an operator has done, each after a question that says what it does, and the jobs that do it.

import { get, jobList, post, remove } from "./api.js";
import { confirmed } from "./dialog.js";
import { apart, el, facts, field, fill } from "./dom.js";
import { number, size, time } from "./format.js";
import { step } from "./jobs.js";
import { ended, isExpected, putProblem } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.operations;
const SOON = 1000;
const LATER = 10_000;
const SHOWN = 8;

/** Return the panels, and what tells them the service's state; they follow the jobs until the page is left. */
export function operations(signal) {
  const buttons = el("div", { class: "actions" });
  const outcome = el("div", { class: "stack" });
  const list = el("ul", { class: "jobs" });
  const none = el("p", {}, words.none);
  const reported = new Map();
  let timer = null;
  let refused = false;

  const look = async () => {
    clearTimeout(timer);
    let soon = false;
    try {
      const { jobs, may_start: may } = await jobList(signal);
      if (!may && !refused) {
        refused = true;
        fill(buttons, el("p", {}, words.scope));
      }
      if (jobs === null) {
        list.parentElement.hidden = true;
        return;
      }
      soon = jobs.some((job) => !job.ended_at);
      // A report is asked for once: lists have none.
      const shown = await Promise.all(
        jobs.slice(0, SHOWN).map(async (job) => {
          if (!job.ended_at || job.kind === "batch") return job;
          if (!reported.has(job.id)) reported.set(job.id, await get(`v1/jobs/${job.id}`, signal).catch(() => job));
          return reported.get(job.id);
        }),
      );
      none.hidden = shown.length > 0;
      update(list, shown, cancel);
    } catch (error) {
      // What the service or the network fails to do is said above.
      if (!isExpected(error)) putProblem(outcome, error, signal);
    }
    if (!signal.aborted) timer = setTimeout(look, soon ? SOON : LATER);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));

  const attempt = async (work) => {
    fill(outcome);
    try {
      await work();
    } catch (error) {
      putProblem(outcome, error, signal);
    }
    if (!signal.aborted) await look();
  };
  const cancel = (job) => attempt(() => remove(`v1/jobs/${job.id}`, signal));
  const start = (order) => attempt(() => post("v1/jobs", order, signal));
  look();

  let known = null;
  return {
    parts: [
      el("section", { class: "panel" }, el("h2", {}, words.title), buttons, outcome),
      el("section", { class: "panel wide" }, el("h2", {}, words.jobs), none, list),
    ],
    take({ generations, backups }) {
      const before = generations?.find((one) => one.status === "retired");
      const now = `${before?.name} ${backups}`;
      if (refused || now === known) return; // the buttons keep the focus
      known = now;
      fill(buttons, orders(before, backups).map((one) => button(one, start)));
    },
  };
}

function orders(before, backups) {
  return [
    { words: words.verify, order: () => ({ kind: "verify" }) },
    { words: words.backup, order: () => ({ kind: "backup" }), missing: !backups && words.backup.missing },
    { words: words.rebuild, order: () => ({ kind: "rebuild" }) },
    before && { words: words.rollback, about: before.name, order: () => ({ kind: "rebuild", rollback: true }) },
    { words: words.forget, controls: forgetting },
  ].filter(Boolean);
}

function button({ words: said, about, order, controls, missing }, start) {
  const click = async () => {
    const asked = controls?.();
    const does = said.does.map((line) => el("p", {}, typeof line === "function" ? line(about) : line));
    const agreed = missing
      ? await confirmed(said.title, el("p", {}, missing), words.understood)
      : await confirmed(said.title, [does, asked?.fields], said.action, asked?.refuse);
    if (agreed && !missing) await start(asked ? asked.order() : order());
  };
  return el("button", { type: "button", on: { click } }, said.button);
}

function forgetting() {
  const ids = el("textarea", { rows: "3", spellcheck: "false" });
  const tag = el("input", { autocomplete: "off", spellcheck: "false" });
  const wanted = () => ids.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return {
    fields: [field(words.forget.ids, ids, words.forget.idsHint), field(words.forget.tag, tag)],
    refuse: () => (wanted().length || tag.value.trim() ? null : words.forget.nothing),
    order: () => ({ kind: "forget", ids: wanted(), ...(tag.value.trim() && { tag: tag.value.trim() }) }),
  };
}

/** Show the jobs; one that is as it was stays the same element, so that it keeps the focus and what is unfolded. */
function update(list, jobs, cancel) {
  const before = new Map([...list.children].map((item) => [item.dataset.job, item]));
  const items = jobs.map((job) => {
    const item = before.get(job.id) ?? el("li", { "data-job": job.id });
    const state = JSON.stringify([job.state, job.detail, job.ended_at, Boolean(job.report)]);
    if (item.dataset.state !== state) {
      item.dataset.state = state;
      fill(item, entry(job, cancel));
    }
    progress(item, job);
    return item;
  });
  if (items.length !== list.children.length || items.some((item, at) => item !== list.children[at])) fill(list, items);
}

function entry(job, cancel) {
  const name = words.kinds[job.order?.dry_run ? "plan" : job.kind] ?? job.kind;
  return [
    el(
      "p",
      { class: "job", role: job.ended_at && "status" },
      el("strong", {}, name),
      ` ${words.states[job.state] ?? job.state}`,
      job.detail && [": ", apart(ended(job.detail))],
      el("span", { class: "hint" }, ` ${time(job.created_at)}`),
    ),
    !job.ended_at && [
      el("progress", { "aria-label": words.progress(name) }),
      el("p", { class: "hint step" }),
      el("button", { type: "button", on: { click: () => cancel(job) } }, words.cancel(name)),
    ],
    job.report && report(job),
  ];
}

function progress(item, { progress: found, result }) {
  const shown = item.querySelector("progress");
  if (!shown) return;
  const said = item.querySelector(".step");
  if (found?.total) {
    shown.max = found.total;
    shown.value = found.done;
    said.textContent = step(found);
  } else {
    said.textContent = result ? words.read(number(result.read)) : words.starting;
  }
}

function report({ kind, report: found }) {
  const said = (words.reports[kind] ?? (() => []))(found, number, size);
  const text = JSON.stringify(found, null, 2);
  const save = () => {
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    el("a", { href: address, download: `${kind}.json` }).click();
    URL.revokeObjectURL(address);
  };
  return [
    facts(said),
    el(
      "details",
      {},
      el("summary", {}, kind === "forget" ? words.receipt : words.report),
      el("button", { type: "button", on: { click: save } }, words.save),
      el("pre", { tabindex: "0" }, text.slice(0, 20_000)),
    ),
  ];
}
