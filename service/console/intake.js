// Where a file is dropped, and what became of its records.

import { apart, el, facts, field } from "./dom.js";
import { number } from "./format.js";
import { notice, sentence } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.bringIn;

/** Return a place where a file can be dropped or chosen. */
export function dropZone(label, hint, accept, read) {
  const file = el("input", { type: "file", accept });
  const take = (files) => files.length && read(files[0]);
  file.addEventListener("change", () => take(file.files));
  const drop = el("div", { class: "drop" }, field(label, file, hint));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  return drop;
}

/** Return what became of records, as a batch or a sync counts it, and what to do next. */
export function stored(result) {
  return notice(
    words.done,
    facts(counts(result).map(([name, count]) => [words.counts[name], number(count)])),
    el("p", {}, words.next, " ", el("a", { href: "#/answer", on: { click: () => location.reload() } }, words.ask)),
  );
}

/** Return the first of the records that were rejected: each with its place and the reason. */
export function rejected(reasons) {
  if (!reasons.length) return null;
  return [
    el("h2", {}, words.rejections),
    el("ul", {}, reasons.slice(0, 50).map(([place, reason]) => el("li", {}, apart(place), ": ", apart(sentence(reason))))),
  ];
}

/** Return the counts that say something, by their names. */
export const counts = (result) => Object.entries(result).filter(([name, count]) => name in words.counts && (count || name === "added"));
