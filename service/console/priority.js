// A decision on a label: what it is, how sure, and what that means.

import { apart, bar, el } from "./dom.js";
import { percent } from "./format.js";
import { ended } from "./notices.js";
import { priorityChip, ticketLink } from "./precedents.js";
import { texts } from "./texts.js";

const words = texts.priority;
const MOST = 12; // labels that are shown: a field may have hundreds

/**
 * Return a decision in a section.
 * @param name what was decided, such as Priority.
 * @param decision as the API gives it.
 * @param abstention how the forest decides by itself, from its report; null if it is not known.
 */
export function decided(name, decision, abstention) {
  return el(
    "section",
    { class: "panel decision" },
    el("h2", {}, apart(name)),
    el(
      "p",
      { class: "verdict" },
      decision.label ? priorityChip(decision.label) : el("span", { class: "chip" }, words.none),
      decision.label && el("span", { class: "sure" }, words.sure(percent(decision.confidence))),
      state(decision),
    ),
    el("p", {}, meaning(decision, abstention)),
    decision.degraded && el("p", { class: "notice warn" }, words.degraded(decision.degraded)),
    likelier(decision) && el("p", {}, words.costlier(likelier(decision))),
    decision.alert && el("p", {}, alert(decision.alert)),
    decision.label && decision.why && el("p", { class: "hint" }, ...(byForest(decision) ? [words.pointed, " "] : []), apart(decision.why), "."),
    decision.label && probabilities(decision),
    decision.evidence?.length > 0 && evidence(decision),
  );
}

/** Return the decisions on other fields in a section, a line each; nothing where none is decided. */
export function decidedFields(decisions) {
  const found = Object.entries(decisions);
  return found.length > 0 && el("section", { class: "panel fields" }, el("h2", {}, words.fields), found.map(line));
}

function line([name, decision]) {
  if (!decision.label) return el("p", { class: "hint" }, words.noField(name));
  return el(
    "details",
    {},
    el(
      "summary",
      {},
      apart(name),
      " ",
      el("strong", {}, apart(decision.label)),
      " ",
      el("span", { class: "sure" }, words.sure(percent(decision.confidence))),
      " ",
      state(decision),
    ),
    decision.why && el("p", { class: "hint" }, words.pointed, " ", apart(decision.why), "."),
    probabilities(decision),
    decision.evidence?.length > 0 && evidence(decision),
  );
}

function state({ decision }) {
  const automatic = decision === "automatic";
  return el("span", { class: automatic ? "chip good" : "chip warn" }, automatic ? words.automatic : words.review);
}

/** Return the label that is more probable than the one that was decided, if there is one. */
function likelier({ label, confidence, probabilities: found }) {
  // A hosted classifier that is not calibrated may tell none.
  const [name, share] = Object.entries(found).sort(([, one], [, other]) => other - one)[0] ?? [];
  if (!label || name === undefined) return null;
  return share > confidence ? name : null;
}

function alert({ at_least: label, probability, decision }) {
  return words.alert(label, percent(probability), decision === "automatic");
}

/** Tell whether the forest decided: what is known of its thresholds says nothing of another. */
function byForest({ source }) {
  return source === undefined || source === "forest";
}

function meaning(decision, abstention) {
  if (!decision.label) return decision.why ? words.unlike(ended(decision.why)) : words.noLabel;
  if (decision.decision === "automatic") {
    return abstention && byForest(decision) ? words.automaticMeans(percent(abstention.max_error)) : words.automaticMeansThat;
  }
  if (!abstention || !byForest(decision)) return words.reviewMeans;
  if (abstention.threshold === null) return [words.nothingAutomatic, " ", el("a", { href: "#/quality" }, words.why)];
  return decision.confidence < abstention.threshold
    ? words.belowThreshold(percent(abstention.threshold))
    : words.guarded;
}

function probabilities({ probabilities: found, label }) {
  const sorted = Object.entries(found)
    .sort(([, one], [, other]) => other - one)
    .slice(0, MOST);
  return el(
    "table",
    { class: "bars" },
    el("caption", { class: "unseen" }, words.probabilities),
    el("thead", { class: "unseen" }, el("tr", {}, el("th", {}, words.label), el("th", {}, words.probability))),
    el(
      "tbody",
      {},
      sorted.map(([name, share]) =>
        el(
          "tr",
          { class: name === label && "chosen" },
          el("th", { scope: "row" }, apart(name)),
          el("td", {}, bar(share), el("span", {}, percent(share))),
        ),
      ),
    ),
  );
}

function evidence({ evidence: found, label }) {
  return el(
    "details",
    {},
    el("summary", {}, words.evidence),
    el("p", { class: "hint" }, words.evidenceMeans),
    el(
      "ul",
      { class: "evidence" },
      found.map((one) =>
        el(
          "li",
          {},
          priorityChip(one.priority),
          ticketLink(one.id),
          el("span", {}, words.weight(percent(one.weight), one.priority === label)),
        ),
      ),
    ),
  );
}
