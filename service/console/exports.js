// An export on its way in: it is sent, looked at, stored as a job that can be stopped and gone on with, and told of.

import { blob, get, post, remove, send } from "./api.js";
import { apart, el, facts, fill } from "./dom.js";
import { decimal, number, size, time } from "./format.js";
import { counts, dropZone, rejected, stored } from "./intake.js";
import { inspection } from "./inspection.js";
import { followed, unfinished } from "./jobs.js";
import { ended, notice, putProblem } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.exports;
const KINDS = ["inspect", "sync"];
const REASONS_BYTES = 200_000; // of the rejected records, read to show why

/** Return the place to drop an export, and what waits from before; a job that runs is followed. */
export function exports(jobs, signal) {
  const waiting = el("div", { class: "stack" });
  const place = el("div", { class: "stack" });
  let shown = null; // the export that is looked at
  let now = new AbortController();

  /** Do one thing at a time: what was being shown of another export is left. */
  const attempt = async (work) => {
    now.abort();
    now = new AbortController();
    const own = AbortSignal.any([signal, now.signal]);
    fill(waiting);
    try {
      await work(own);
    } catch (error) {
      putProblem(place, error, own);
    }
  };

  const begin = (file) =>
    attempt(async (own) => {
      // One that was only looked at is replaced by the next.
      if (shown) await dropped(shown, own);
      const stop = el("button", { type: "button", class: "quiet small", on: { click: () => attempt(showWaiting) } }, words.stop);
      fill(place, el("p", {}, words.sending(file.name, size(file.size / 1e6))), el("progress", { "aria-label": words.sendingLabel }), stop);
      const upload = await send(`v1/uploads?${new URLSearchParams({ name: file.name.slice(-200) })}`, file, own);
      await look({ upload: upload.id }, own);
    });

  /** Look at the export as ordered, and offer to store it. */
  const look = async (order, own) => {
    const job = await post("v1/jobs", { kind: "inspect", ...order }, own);
    await looked(await followed(job, place, own), own);
  };

  const looked = async (job, own) => {
    const order = orderOf(job);
    shown = order.upload;
    const again = (changed) => attempt((mine) => look({ ...order, ...changed }, mine));
    if (job.state !== "done" || !job.report.usable) {
      fill(place, job.report ? inspection(job.report, order, again).view : unfinished(job), ending(order));
      return;
    }
    const found = inspection(job.report, order, again);
    const cost = el("div", { class: "stack" });
    const store = el("button", { type: "button", class: "primary", disabled: true }, words.store);
    store.addEventListener("click", () => attempt((mine) => run({ ...order, ...found.chosen() }, mine)));
    fill(place, found.view, el("h2", {}, words.would), cost, ending(order, store));
    place.querySelector("h2").focus();
    const tried = await followed(await post("v1/jobs", { kind: "sync", dry_run: true, ...order }, own), cost, own);
    fill(cost, tried.report ? would(tried.report) : unfinished(tried));
    store.disabled = false;
  };

  const run = async (order, own) => {
    shown = null;
    const job = await post("v1/jobs", { kind: "sync", ...order }, own);
    await synced(await followed(job, place, own), own);
  };

  const synced = async (job, own) => {
    if (job.order.dry_run) {
      await showWaiting(own);
      return;
    }
    const order = orderOf(job);
    const goOn = el("button", { type: "button", class: "primary", on: { click: () => attempt((mine) => run(order, mine)) } }, words.goOn);
    if (job.state === "done") fill(place, stored(job.report), job.report.rejected > 0 && (await rejections(order.upload, own)), await sample(own));
    else fill(place, unfinished(job), job.report && facts(told(job.report)), el("p", {}, words.kept), ending(order, goOn));
    place.firstElementChild.tabIndex = -1;
    place.firstElementChild.focus();
  };

  const ending = ({ upload }, button) =>
    el(
      "div",
      { class: "actions" },
      button,
      el("button", { type: "button", on: { click: () => attempt((own) => dropped(upload, own).then(() => showWaiting(own))) } }, words.drop),
    );

  /** Show the exports that were sent before and are not stored. */
  const showWaiting = async (own) => {
    const [{ uploads }, { jobs }] = await Promise.all([get("v1/uploads", own), get("v1/jobs", own)]);
    const found = await Promise.all(uploads.map(async (upload) => [upload, await lastOf(upload.id, jobs, own)]));
    const part = (title, some, row) => some.length > 0 && [el("h2", {}, title), el("ul", { class: "jobs" }, some.map(row))];
    shown = null;
    fill(place);
    fill(
      waiting,
      part(words.waiting, found.filter(([, last]) => !isUseless(last)), waits),
      part(words.useless, found.filter(([, last]) => isUseless(last)), waits),
    );
  };

  const waits = ([{ id, name, bytes, created_at: at }, last]) => {
    const goOn = () => attempt((own) => (last?.kind === "sync" ? run(orderOf(last), own) : look(last ? orderOf(last) : { upload: id }, own)));
    return el(
      "li",
      {},
      el("p", {}, el("strong", {}, apart(name)), ` ${size(bytes / 1e6)} `, el("span", { class: "hint" }, time(at))),
      last && because(last),
      ending({ upload: id }, !isUseless(last) && el("button", { type: "button", on: { click: goOn } }, last?.kind === "sync" ? words.goOn : words.look)),
    );
  };

  const running = jobs.find((job) => KINDS.includes(job.kind) && !job.ended_at);
  attempt(async (own) => {
    if (!running) return showWaiting(own);
    const over = await followed(running, place, own);
    return over.kind === "sync" ? synced(over, own) : looked(over, own);
  });
  return [dropZone(words.file, words.fileHint, null, begin), waiting, place];
}

/** Return the last job that looked at an export or stored it, with its report, if there is one. */
async function lastOf(upload, jobs, signal) {
  const last = jobs.find((job) => job.order?.upload === upload && !job.order.dry_run);
  return last?.ended_at ? get(`v1/jobs/${last.id}`, signal) : last;
}

/** Tell whether an export cannot be stored, whatever its columns are said to hold. */
function isUseless(last) {
  if (last?.kind !== "inspect" || !["done", "failed"].includes(last.state) || last.report?.usable) return false;
  return !Object.keys(last.report?.sources[0]?.columns ?? {}).length;
}

/** Say why an export is not stored, where something is known. */
function because(last) {
  if (last.state !== "done") return unfinished(last);
  if (!last.report || last.report.usable) return null;
  return el("p", { class: "notice warn" }, last.report.broke_off ? apart(ended(last.report.broke_off)) : texts.inspection.noTickets);
}

function orderOf({ order: { kind: _kind, dry_run: _tried, ...order } }) {
  return order;
}

const dropped = (upload, signal) => remove(`v1/uploads/${upload}`, signal);

const told = (report) => counts(report).map(([name, count]) => [texts.bringIn.counts[name], number(count)]);

function would(report) {
  const { embedded_texts: embedded, embedding_requests: requests, cost } = report;
  return facts([
    ...told(report),
    [words.embed, requests ? words.byProvider(number(embedded), number(requests)) : words.here(number(embedded))],
    [words.cost, requests > 0 && (cost === null ? words.noPrice : decimal(cost))],
  ]);
}

async function rejections(upload, signal) {
  const found = await blob(`v1/uploads/${upload}/rejected`, signal);
  const lines = (await found.slice(0, REASONS_BYTES).text()).split("\n");
  // The last line may be cut, or empty.
  const reasons = lines.slice(0, -1).map((line) => JSON.parse(line)).map(({ place, reason }) => [place, reason]);
  const save = () => {
    const address = URL.createObjectURL(found);
    el("a", { href: address, download: "rejected.jsonl" }).click();
    URL.revokeObjectURL(address);
  };
  return [rejected(reasons), el("p", { class: "actions" }, el("button", { type: "button", on: { click: save } }, words.save))];
}

/** Say that the bundled sample is stored beside one's own tickets, where it is. */
async function sample(signal) {
  const { tickets } = await get("v1/tickets?source=sample&limit=1", signal);
  return tickets.length > 0 && notice(words.sample, el("pre", { tabindex: "0" }, words.removeSample));
}
