// Which labels are taken for which: a table with shades, whose cells open the tickets.

import { apart, el, fill } from "./dom.js";
import { number, percent } from "./format.js";
import { paged } from "./paged.js";
import { priorityChip, ticketLink } from "./precedents.js";
import { inOrder } from "./status.js";
import { texts } from "./texts.js";

const words = texts.confusions;
const ASKED = ["field", "label", "said"];
const MOST = 12; // labels in the table

/** Return the table of `/v1/forest`: rows are the labels that tickets have, columns what was said of them, both in the order given. */
export function confusions({ labels, confusions: counts }, field, order) {
  const totals = counts.map((row) => row.reduce((sum, one) => sum + one, 0));
  const commonest = labels
    .map((_, place) => place)
    .sort((one, other) => totals[other] - totals[one])
    .slice(0, MOST);
  const shown = inOrder(commonest.map((place) => labels[place]), order).map((label) => labels.indexOf(label));
  return el(
    "section",
    { class: "panel wide" },
    el("h2", {}, words.title),
    el("p", {}, words.means),
    el(
      "div",
      { class: "across" },
      el(
        "table",
        { class: "heat" },
        el("caption", { class: "unseen" }, words.title),
        el(
          "thead",
          {},
          el("tr", {}, el("td", {}), el("th", { colspan: String(shown.length), scope: "colgroup", class: "axis" }, words.said)),
          el("tr", {}, el("th", { scope: "col", class: "axis" }, words.label), shown.map((column) => el("th", { scope: "col" }, apart(labels[column])))),
        ),
        el(
          "tbody",
          {},
          shown.map((row) =>
            el(
              "tr",
              {},
              el("th", { scope: "row" }, apart(labels[row])),
              shown.map((column) => cell({ field, label: labels[row], said: labels[column] }, counts[row][column], totals[row])),
            ),
          ),
        ),
      ),
    ),
    labels.length > MOST && el("p", { class: "hint" }, words.most(MOST, number(labels.length))),
  );
}

function cell(asked, count, total) {
  const { label, said } = asked;
  const right = label === said;
  const found = el("td", { class: right ? "right" : "wrong" });
  found.style.setProperty("--share", total ? count / total : 0);
  if (!count) return fill(found, el("span", { class: "none" }, "0"));
  const name = words.cell(number(count), label, said, percent(count / total));
  return fill(found, el("a", { href: `#/later?${new URLSearchParams(asked)}`, "aria-label": name, title: name }, number(count)));
}

/** Show the page of the later tickets of one cell. */
export async function page(body, { params, signal }) {
  const asked = [...params].filter(([name]) => ASKED.includes(name));
  const rows = el("div", { class: "results" });
  fill(body, el("p", { class: "lead" }, words.which(params.get("label"), params.get("said"))), rows, el("p", {}, el("a", { href: `#/quality?${new URLSearchParams({ field: params.get("field") ?? "priority" })}` }, words.back)));
  await paged(rows, { path: "v1/forest/later", asked, name: "tickets", row, said: words.listed }, signal);
}

function row({ id, label, said, subject, text }) {
  return el(
    "li",
    {},
    el("h3", { dir: "auto" }, ticketLink(id, el("span", {}, subject || text.trimStart().split("\n", 1)[0]))),
    el(
      "p",
      { class: "meta" },
      el("span", { class: "id" }, apart(id)),
      el("span", {}, words.has),
      priorityChip(label),
      el("span", {}, words.wasSaid),
      priorityChip(said),
    ),
  );
}
