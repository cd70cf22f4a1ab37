// What each budget of errors would let the forest decide by itself: a slider that asks for nothing while it is moved.

import { bar, el, facts, fill, svg } from "./dom.js";
import { number, percent } from "./format.js";
import { sentence } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.budgets;
const WIDTH = 400;
const HEIGHT = 110;

/**
 * Return the slider with what it says.
 * @param found `/v1/forest`; `rule` is the report's account of the budget in force, `field` what is decided.
 */
export function budgets(found, rule, field) {
  const { budgets: steps, later_tickets: all, max_error: inForce } = found;
  const start = steps.findIndex(({ max_error: budget }) => budget === inForce);
  const slider = el("input", {
    type: "range",
    id: "budget",
    min: "0",
    max: String(steps.length - 1),
    "aria-describedby": "budget-hint",
  });
  slider.value = String(start);
  const chosen = el("output", { for: "budget" });
  const place = el("div", { class: "stack budget-said" });
  const mark = svg("line", { y1: 0, y2: HEIGHT, class: "here" });
  const back = el("button", { type: "button", class: "quiet small" }, words.back(percent(inForce)));

  const show = () => {
    const step = steps[Number(slider.value)];
    const own = step.max_error === inForce;
    const at = (step.max_error / steps.at(-1).max_error) * WIDTH;
    mark.setAttribute("x1", at);
    mark.setAttribute("x2", at);
    chosen.textContent = own ? words.inForce(percent(step.max_error)) : percent(step.max_error);
    slider.setAttribute("aria-valuetext", `${chosen.textContent}: ${said(step, all)}`);
    back.hidden = own;
    fill(place, account(step, all), own ? why(rule) : el("p", { class: "hint" }, words.toUse(step.max_error, field)));
  };
  slider.addEventListener("input", show);
  back.addEventListener("click", () => {
    slider.value = String(start);
    show();
    slider.focus();
  });
  show();
  return el(
    "section",
    { class: "panel wide" },
    el("h2", {}, words.title),
    field === "priority" && el("p", {}, words.means),
    el(
      "div",
      { class: "two" },
      el(
        "div",
        { class: "stack" },
        el("p", { class: "row" }, el("label", { for: "budget" }, words.label), chosen),
        slider,
        el("p", { class: "hint", id: "budget-hint" }, words.hint(number(all))),
        curve(steps, all, mark),
        el("p", { class: "hint legend" }, el("span", { class: "key right" }, words.right), el("span", { class: "key wrong" }, words.wrong)),
        back,
      ),
      place,
    ),
  );
}

const said = ({ automatic, wrong }, all) =>
  automatic ? words.some(number(automatic), number(all), number(wrong)) : words.nothing;

function account(step, all) {
  const { threshold, automatic, wrong, error_bound: bound } = step;
  return [
    el("p", { class: "figure" }, percent(all ? automatic / all : 0), " ", el("span", {}, words.byItself)),
    bar(all ? automatic / all : 0),
    el("p", {}, said(step, all)),
    automatic > 0 &&
      facts([
        [words.threshold, percent(threshold)],
        [words.error, percent(wrong / automatic)],
        [words.bound, percent(bound)],
      ]),
  ];
}

function why({ reason, guards }) {
  return [
    reason && facts([[words.reason, sentence(reason)]]),
    Object.keys(guards).length > 0 &&
      facts(Object.entries(guards).map(([label, share]) => [words.guard(label), percent(Math.max(0, share))])),
  ];
}

/** Return how much is decided by each budget, and how much of that wrongly; what it shows is said in words, too. */
function curve(steps, all, mark) {
  const most = steps.at(-1).max_error;
  const area = (name, value) => {
    const points = [`0,${HEIGHT}`];
    let y = HEIGHT;
    for (const step of steps) {
      const x = (step.max_error / most) * WIDTH;
      points.push(`${x},${y}`);
      y = HEIGHT - (all ? value(step) / all : 0) * HEIGHT;
      points.push(`${x},${y}`);
    }
    return svg("polygon", { class: name, points: [...points, `${WIDTH},${y}`, `${WIDTH},${HEIGHT}`].join(" ") });
  };
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    area("decided", (step) => step.automatic),
    area("mistakes", (step) => step.wrong),
    mark,
  );
}
