// Tickets from an export, or from the clipboard, as far as the key of this tab may bring them in.

import { jobList, post } from "./api.js";
import { el, field, fill } from "./dom.js";
import { exports } from "./exports.js";
import { number } from "./format.js";
import { counts, dropZone, rejected, stored } from "./intake.js";
import { followed, unfinished } from "./jobs.js";
import { notice, showProblem } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.bringIn;
const LINES = "application/x-ndjson";
const MOST_BYTES = 64 * 2 ** 20;

/** Show the page. */
export async function page(body, { signal }) {
  fill(body, el("section", { class: "panel" }, bringIn(signal)));
}

/** Return the controls, and the words on what else there is. */
export function bringIn(signal) {
  const controls = el("div", { class: "stack" });
  choose(controls, signal).catch((error) => showProblem(controls, error, signal));
  return [
    el("p", {}, words.what),
    controls,
    el("details", {}, el("summary", {}, words.byCommand), el("p", {}, words.commandLine), el("pre", { tabindex: "0" }, words.command)),
  ];
}

async function choose(place, signal) {
  const { jobs, may_start: may } = await jobList(signal);
  if (jobs === null) fill(place, el("p", { class: "notice warn" }, words.scope));
  else fill(place, may ? exports(jobs, signal) : smallFile(signal), paste(signal));
}

/** Return the control for a small file of JSON, which a key that may not start jobs can send. */
function smallFile(signal) {
  const outcome = el("div", { role: "status", class: "stack" });
  const read = async (chosen) => {
    if (chosen.size > MOST_BYTES) fill(outcome, notice(words.tooLarge, el("p", {}, words.commandLine)));
    else await take(await chosen.text(), outcome, signal);
  };
  return [dropZone(words.smallFile, words.smallFileHint, ".json,.jsonl,.ndjson,application/json", read), outcome];
}

function paste(signal) {
  const outcome = el("div", { role: "status", class: "stack" });
  const area = el("textarea", { rows: "6", spellcheck: "false", placeholder: words.example });
  const click = () => take(area.value, outcome, signal);
  return [
    field(words.paste, area, words.pasteHint),
    el("div", { class: "actions" }, el("button", { type: "button", on: { click } }, words.send)),
    outcome,
  ];
}

async function take(text, outcome, signal) {
  try {
    await send(text, outcome, signal);
  } catch (error) {
    fill(outcome);
    showProblem(outcome, error, signal);
  }
}

async function send(text, outcome, signal) {
  const batch = asBatch(text);
  if (!batch) {
    fill(outcome, notice(words.nothing));
    return;
  }
  fill(outcome, el("p", {}, words.sending(number(batch.records))));
  const taken = await post("v1/tickets/batch", batch.body, signal, batch.type);
  // More than is stored at once becomes a job, which is asked how far it is.
  const job = taken.state && (await followed(taken, outcome, signal, far(batch.records)));
  const result = job ? job.result : taken;
  const reasons = (result.rejections ?? []).map(({ record, reason }) => [words.record(record), reason]);
  fill(outcome, job && job.state !== "done" && unfinished(job), stored(result), rejected(reasons));
}

/** Return the body that the service takes: JSON as it is or in a list, and else one ticket a line. */
function asBatch(text) {
  if (!text.trim()) return null;
  try {
    const found = JSON.parse(text);
    const tickets = Array.isArray(found) ? found : (found.tickets ?? [found]);
    return { body: JSON.stringify(tickets), records: tickets.length, type: "application/json" };
  } catch {
    return { body: text, records: text.split("\n").filter((line) => line.trim()).length, type: LINES };
  }
}

/** Return what tells how many of so many records a batch has stored. */
const far = (records) => ({ result, state }) => {
  const done = counts(result).reduce((sum, [, count]) => sum + count, 0);
  return { said: words.job(number(done), number(records), state), done, total: records };
};
