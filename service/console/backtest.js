// The back-test, told in plain words.

import { bar, el } from "./dom.js";
import { decimal } from "./format.js";
import { jobPanel } from "./jobs.js";
import { texts } from "./texts.js";

const words = texts.backtest;

/** Return the panel; `beside` tells whether the forest's own figure of the same stands above it. */
export const backtest = (beside, signal) => jobPanel({ kind: "evaluate" }, { ...words, what: [words.what, beside && ` ${words.differs}`] }, told, signal);

function told(report) {
  const most = Math.max(...report.methods.map((method) => method.macro_f1.value));
  return [
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
