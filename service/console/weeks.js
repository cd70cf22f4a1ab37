// How answers fared, week by week.

import { el, svg } from "./dom.js";
import { date, number } from "./format.js";
import { texts } from "./texts.js";

const words = texts.weeks;
const ACTIONS = ["accepted", "edited", "rejected"];
const HEIGHT = 120;
const STEP = 16;

/** Return the panel of `/v1/feedback`. */
export function weeks({ weeks: found }) {
  const first = found.findIndex(({ answers, ...told }) => answers || ACTIONS.some((name) => told[name]));
  if (first < 0) return el("section", { class: "panel wide" }, el("h2", {}, words.title), el("p", {}, words.none));
  const shown = found.slice(Math.min(first, found.length - 8));
  const most = Math.max(1, ...shown.map((week) => Math.max(week.answers, told(week))));
  return el(
    "section",
    { class: "panel wide" },
    el("h2", {}, words.title),
    svg(
      "svg",
      { class: "weeks", viewBox: `0 0 ${shown.length * STEP} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      shown.map((week, place) => column(week, place * STEP, HEIGHT / most)),
    ),
    el(
      "p",
      { class: "hint legend" },
      ["given", ...ACTIONS].map((name) => el("span", { class: `key ${name}` }, words.columns[name])),
    ),
    el(
      "div",
      { class: "across" },
      el(
        "table",
        { class: "plain" },
        el("caption", { class: "unseen" }, words.title),
        el("thead", {}, el("tr", {}, ["week", "given", ...ACTIONS, "corrected", "other"].map((name) => el("th", { scope: "col" }, words.columns[name])))),
        el(
          "tbody",
          {},
          shown
            .filter((week) => week.answers || told(week))
            .reverse()
            .map((week) =>
              el(
                "tr",
                {},
                el("th", { scope: "row" }, date(week.week)),
                ["answers", ...ACTIONS, "corrected", "other_precedent"].map((name) => el("td", {}, number(week[name]))),
              ),
            ),
        ),
      ),
    ),
    el("p", { class: "hint" }, words.means),
  );
}

const told = (week) => ACTIONS.reduce((sum, name) => sum + week[name], 0);

function column(week, x, scale) {
  let y = HEIGHT;
  const given = svg("rect", { class: "given", x: x + 1, width: STEP - 2, y: HEIGHT - week.answers * scale, height: week.answers * scale });
  return [
    given,
    ACTIONS.map((name) => {
      y -= week[name] * scale;
      return svg("rect", { class: name, x: x + 3, width: STEP - 6, y, height: week[name] * scale });
    }),
  ];
}
