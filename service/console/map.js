// A map of the stored tickets: what lies together, what has no resolution, and where questions found no precedent.

import { answerLink } from "./answers.js";
import { get, pause } from "./api.js";
import { apart, el, field, fill } from "./dom.js";
import { number } from "./format.js";
import { COLOURS, drawing } from "./map_drawing.js";
import { notice, sentence, showProblem } from "./notices.js";
import { inOrder, labelsOf, status } from "./status.js";
import { texts } from "./texts.js";

const words = texts.map;
const POLL = 2000;
const SHOWN = 3; // questions of one group
const GROUPS = 6; // in the list of what to write down

/** Show the page. */
export async function page(body, { signal }) {
  const plain = await made(body, signal);
  if (!plain) return;
  const found = ordered(plain, labelsOf(await status(signal)));
  const place = el("div", { class: "stack" });
  const groups = el("ol", { class: "rows" });
  const ways = new Map([["label", words.byLabel], ...Object.keys(found.fields).map((name) => [name, words.byField(name)]), ["", words.byGroup]]);
  const by = el("select", {}, [...ways].map(([name, text]) => el("option", { value: name }, text)));
  const plan = drawing(found, signal);
  by.addEventListener("change", () => plan.colour(by.value));
  fill(
    body,
    el("p", { class: "lead" }, words.means(number(found.ids.length), number(found.tickets))),
    el(
      "div",
      { class: "plan-and-groups" },
      el("section", { class: "panel" }, field(words.colour, by), plan.element),
      el("div", { class: "column" }, place, el("section", { class: "stack" }, el("h2", {}, words.groups), el("p", { class: "hint" }, words.groupsMeans), groups)),
    ),
  );
  const list = (gaps) =>
    fill(
      groups,
      found.clusters.map((cluster, place) => group(cluster, gaps.filter((gap) => gap.cluster === place).length, () => plan.point(place), () => plan.point(null))),
    );
  list([]);
  plan.colour("label");
  try {
    const { questions } = await get("v1/map/gaps", signal);
    plan.gaps(questions);
    list(questions);
    fill(place, next(questions, found.clusters));
  } catch (error) {
    showProblem(place, error, signal);
  }
}

/** Return the map, which may have to be made first; null where there are too few tickets for one. */
async function made(body, signal) {
  const said = el("p", {});
  for (;;) {
    let found;
    try {
      found = await get("v1/map", signal);
    } catch (error) {
      if (error.status !== 404) throw error;
      fill(body, notice(words.none, el("p", {}, sentence(error.message))));
      return null;
    }
    if (!found.state) return found;
    if (!said.isConnected) fill(body, el("div", { class: "notice", role: "status" }, el("p", { class: "title" }, words.making), said));
    said.textContent = words.progress(Math.round(found.seconds), Math.round(found.expected_seconds));
    await pause(POLL, signal);
  }
}

/** Return the map with its labels in this order: of those that have a colour, which are the commonest. */
function ordered(found, order) {
  const labels = [...inOrder(found.labels.slice(0, COLOURS), order), ...found.labels.slice(COLOURS)];
  const places = found.labels.map((label) => labels.indexOf(label));
  return { ...found, labels, label: found.label.map((place) => places[place] ?? place) };
}

const name = ({ words: found }) => (found.length ? found.join(texts.listSeparator) : words.unnamed);
const address = ({ words: found }) => `#/find?${new URLSearchParams({ q: found.join(" ") })}`;

function group(cluster, gaps, enter, leave) {
  return el(
    "li",
    { on: { pointerenter: enter, focusin: enter, pointerleave: leave, focusout: leave } },
    el("h3", { dir: "auto" }, cluster.words.length ? el("a", { href: address(cluster) }, name(cluster)) : name(cluster)),
    el(
      "p",
      { class: "meta" },
      el("span", {}, words.points(cluster.points)),
      cluster.unresolved > 0 && el("span", { class: "chip warn" }, words.unresolved(cluster.unresolved)),
      gaps > 0 && el("span", { class: "chip" }, words.gaps(gaps)),
    ),
  );
}

function next(questions, clusters) {
  const title = el("h2", {}, words.next);
  if (!questions.length) return el("section", { class: "panel" }, title, el("p", {}, words.noGaps));
  const groups = clusters
    .map((cluster, place) => [cluster, questions.filter((question) => question.cluster === place)])
    .filter(([, own]) => own.length)
    .sort(([, one], [, other]) => other.length - one.length)
    .slice(0, GROUPS);
  return el(
    "section",
    { class: "panel" },
    title,
    el("p", { class: "hint" }, words.nextMeans(questions.length)),
    el(
      "ol",
      { class: "stack plain-list" },
      groups.map(([cluster, own]) =>
        el(
          "li",
          {},
          el("h3", { dir: "auto" }, words.near(name(cluster))),
          el("p", { class: "meta" }, words.gaps(own.length)),
          el("ul", {}, own.slice(0, SHOWN).map(({ id, text }) => el("li", {}, answerLink(id, apart(headline(text) || words.gone))))),
        ),
      ),
    ),
  );
}

/** Return the first words of a question, or of what its note says of it. */
const headline = (text) => (text ?? "").replace(/^Issue: /, "").split(/\n| Priority: /, 1)[0].trim().slice(0, 100);
