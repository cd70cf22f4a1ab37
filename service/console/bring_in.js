// Tickets from a small file or from the clipboard, sent to the service.

import { get, post } from "./api.js";
import { apart, el, facts, field, fill } from "./dom.js";
import { number } from "./format.js";
import { notice, problem, sentence, showProblem } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.bringIn;
const LINES = "application/x-ndjson";
const MOST_BYTES = 64 * 2 ** 20;
const POLL = 1000;

/** Show the page. */
export async function page(body, { signal }) {
  fill(body, el("section", { class: "panel" }, bringIn(signal)));
}

/** Return the controls, and the words on what else there is. */
export function bringIn(signal) {
  const outcome = el("div", { role: "status" });
  const area = el("textarea", { rows: "6", spellcheck: "false", placeholder: words.example });
  const file = el("input", { type: "file", accept: ".json,.jsonl,.ndjson,application/json" });
  const take = async (text) => {
    try {
      await send(text, outcome, signal);
    } catch (error) {
      fill(outcome);
      showProblem(outcome, error, signal);
    }
  };
  const read = async (chosen) => {
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) fill(outcome, notice(words.tooLarge, el("p", {}, words.commandLine)));
    else await take(await chosen.text());
  };
  file.addEventListener("change", () => read(file.files[0]));
  const drop = el("div", { class: "drop" }, field(words.file, file, words.fileHint));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    read(event.dataTransfer.files[0]);
  });
  return [
    el("p", {}, words.what),
    el("h2", {}, words.byCommand),
    el("p", {}, words.commandLine),
    el("pre", { tabindex: "0" }, words.command),
    el("h2", {}, words.here),
    drop,
    field(words.paste, area, words.pasteHint),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", class: "primary", on: { click: () => take(area.value) } }, words.send),
    ),
    outcome,
  ];
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
  const result = taken.state ? await followed(taken, batch.records, outcome, signal) : taken;
  if (result) fill(outcome, stored(result));
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

async function followed(taken, records, outcome, signal) {
  const progress = el("progress", { max: String(records), "aria-label": words.progress });
  const line = el("p");
  fill(outcome, line, progress);
  for (let job = taken; ; job = await get(`v1/jobs/${job.id}`, signal)) {
    const seen = counts(job.result).reduce((sum, [, count]) => sum + count, 0);
    progress.value = seen;
    line.textContent = words.job(number(seen), number(records), job.state);
    if (job.state === "done") return job.result;
    if (job.ended_at) {
      fill(outcome, problem({ title: words.failed, message: job.detail ?? "", status: 0 }));
      return null;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
    if (signal.aborted) return null;
  }
}

function stored(result) {
  return [
    notice(
      words.done,
      facts(counts(result).map(([name, count]) => [words.counts[name], number(count)])),
      el("p", {}, words.next, " ", el("a", { href: "#/answer", on: { click: () => location.reload() } }, words.ask)),
    ),
    result.rejections?.length > 0 && [
      el("h2", {}, words.rejections),
      el(
        "ul",
        {},
        result.rejections
          .slice(0, 50)
          .map(({ record, reason }) => el("li", {}, words.record(record), " ", apart(sentence(reason)))),
      ),
    ],
  ];
}

function counts(result) {
  return Object.entries(result).filter(([name, count]) => name in words.counts && (count || name === "added"));
}
