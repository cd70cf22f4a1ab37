// How good the labels are, as the forest did on later tickets of the team's own history, in plain words.

import { get } from "./api.js";
import { backtest } from "./backtest.js";
import { budgets } from "./budgets.js";
import { confusions } from "./confusions.js";
import { contradictions } from "./contradictions.js";
import { apart, bar, el, facts, fill } from "./dom.js";
import { decimal, number, percent } from "./format.js";
import { notice, sentence } from "./notices.js";
import { inOrder, status } from "./status.js";
import { texts } from "./texts.js";
import { weeks } from "./weeks.js";

const words = texts.quality;
const PRIORITY = "priority"; // stands among the fields for a ticket's priority
const MOST = 6; // labels whose shares are shown

/** Show the page. */
export async function page(body, { params, signal }) {
  const [found, told] = await Promise.all([status(signal), get("v1/feedback", signal)]);
  const field = params.get("field") ?? PRIORITY;
  const forest = field === PRIORITY ? found.forest : found.forests[field];
  const report = forest?.report;
  if (!report) {
    fill(body, tabs(field, found.forests), notice(words.none, el("p", {}, sentence(forest?.state ?? words.noTickets))));
    return;
  }
  const record = await get(`v1/forest?${new URLSearchParams({ field })}`, signal);
  fill(
    body,
    tabs(field, found.forests),
    el("p", { class: "lead" }, report.later_tickets ? words.how(number(report.later_tickets)) : words.noLater),
    el(
      "div",
      { class: "grid" },
      budgets(record, report.abstention, field),
      labels(report),
      calibration(report.calibration),
      confusions(record, field, forest.labels),
      weeks(told),
      field === PRIORITY && contradictions(signal),
      backtest(field === PRIORITY, signal),
      counts(report, forest.labels),
      drift(report.drift, forest.labels),
      lastFit(forest.last_fit),
      panel(
        words.more,
        words.commands.map(([command, does]) => el("p", {}, el("code", {}, command), " ", does)),
      ),
    ),
  );
}

function labels({ macro_f1: score, majority_macro_f1: commonest }) {
  if (score === null) return panel(words.labels, el("p", {}, words.notMeasured));
  return panel(
    words.labels,
    el("p", { class: "figure" }, decimal(score), " ", el("span", {}, words.ofOne)),
    comparison([
      [words.forest, score],
      [words.commonest, commonest],
    ]),
    el("p", {}, score > commonest ? words.better : words.notBetter),
    el("p", { class: "hint" }, words.macroF1),
  );
}

function comparison(rows) {
  return el(
    "table",
    { class: "bars" },
    el("tbody", {}, rows.map(([name, score]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, bar(score), el("span", {}, decimal(score)))))),
  );
}

function calibration(found) {
  if (!found) return panel(words.calibration, el("p", {}, words.notMeasured));
  return panel(
    words.calibration,
    el("p", { class: "figure" }, words.points(Math.round(found.ece_after * 100))),
    el("p", {}, words.off(Math.round(found.ece_after * 100), number(found.tickets))),
    reliability(found.reliability),
    facts([
      [words.ece, words.beforeAfter(decimal(found.ece_before), decimal(found.ece_after))],
      [words.brier, words.beforeAfter(decimal(found.brier_before), decimal(found.brier_after))],
    ]),
    el("p", { class: "hint" }, words.calibrationMeans),
  );
}

function reliability(bins) {
  const { confidence, right, tickets } = words.reliability;
  return el(
    "table",
    { class: "plain" },
    el("thead", {}, el("tr", {}, [confidence, right, tickets].map((name) => el("th", { scope: "col" }, name)))),
    el(
      "tbody",
      {},
      bins.map((bin) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, percent(bin.confidence)),
          el("td", {}, el("span", { class: "bar-cell" }, bar(bin.right), percent(bin.right))),
          el("td", {}, number(bin.tickets)),
        ),
      ),
    ),
  );
}

function counts({ labels: found, rows }, order) {
  return panel(
    words.learned,
    el("p", {}, words.rows(number(rows))),
    el(
      "table",
      { class: "bars" },
      el(
        "tbody",
        {},
        inOrder(Object.keys(found), order).map((label) =>
          el("tr", {}, el("th", { scope: "row" }, apart(label)), el("td", {}, bar(found[label] / rows), el("span", {}, number(found[label])))),
        ),
      ),
    ),
  );
}

function lastFit(verdict) {
  if (!verdict) return null;
  return panel(
    words.lastFit,
    el("p", {}, verdict.promoted ? words.promoted : words.heldBack),
    el("p", {}, sentence(verdict.why)),
  );
}

function drift(found, order) {
  if (!found) return null;
  const changed = Object.entries(found.shares).sort(([, one], [, other]) => Math.abs(other[1] - other[0]) - Math.abs(one[1] - one[0]));
  return panel(
    words.drift,
    el("p", {}, found.shifted ? sentence(found.shifted) : words.noDrift(number(found.newest))),
    found.shifted && el("p", {}, words.heldBackByDrift),
    facts([
      ...inOrder(changed.slice(0, MOST).map(([label]) => label), order).map((label) => {
        const [before, now] = found.shares[label];
        return [apart(label), words.became(percent(before), percent(now))];
      }),
      ...Object.entries(found.new_values).map(([value, share]) => [apart(value), words.newValue(percent(share))]),
      [words.index, decimal(found.index)],
    ]),
  );
}

/** Return links to the same page of each field that is decided, where there are others than the priority. */
function tabs(chosen, forests = {}) {
  const names = [PRIORITY, ...Object.keys(forests)];
  if (names.length === 1) return null;
  return el(
    "nav",
    { class: "tabs", "aria-label": words.fields },
    names.map((name) => el("a", { href: `#/quality?${new URLSearchParams({ field: name })}`, "aria-current": name === chosen && "page", "data-name": name }, apart(name))),
  );
}

function panel(title, ...children) {
  return el("section", { class: "panel" }, el("h2", {}, title), children);
}
