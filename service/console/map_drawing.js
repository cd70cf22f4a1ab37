// The drawing of the map on a canvas, with its legend and what is said of the point under the pointer.

import { get } from "./api.js";
import { apart, el, fill } from "./dom.js";
import { number } from "./format.js";
import { priorityChip, ticketLink } from "./precedents.js";
import { texts } from "./texts.js";

const words = texts.map;
const SIDE = 1000;
export const COLOURS = 10;
const EDGE = 18;
const NEAR = 14; // pixels around the pointer
const WAIT = 150; // milliseconds on a point until its ticket is asked for

/**
 * Return the drawing of `/v1/map`: `element`, and what changes it: `colour(by)`, `point(cluster)` and `gaps(questions)`.
 */
export function drawing(found, signal) {
  const canvas = el("canvas", { role: "img", "aria-label": words.picture(number(found.ids.length), found.clusters.length) });
  const tip = el("div", { class: "tip", hidden: true });
  const frame = el("div", { class: "plan" }, canvas, tip);
  const legend = el("ul", { class: "tags legend", "aria-label": words.legend });
  const state = { of: [], pointed: null, gaps: [], across: 1, down: 1 };
  let asked = false;

  const draw = () => {
    asked = false;
    paint(canvas, found, state);
  };
  const redraw = () => {
    if (!asked) requestAnimationFrame(draw);
    asked = true;
  };
  const colour = (by) => {
    const { values, of } = column(found, by);
    state.of = of;
    fill(legend, keys(values, of, found));
    redraw();
  };
  const watcher = new ResizeObserver(redraw);
  watcher.observe(frame);
  signal.addEventListener("abort", () => watcher.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
  pointing(canvas, tip, found, state, signal);
  return {
    element: el("div", { class: "stack" }, frame, legend),
    colour,
    point: (cluster) => {
      state.pointed = cluster;
      redraw();
    },
    gaps: (questions) => {
      state.gaps = questions;
      redraw();
    },
  };
}

/** Return the values that points are coloured by, and the place of each point's. */
function column({ labels, label, clusters, cluster, fields }, by) {
  if (by === "label") return { values: labels, of: label };
  if (!by) return { values: clusters.map(({ words: [first] }) => first ?? words.unnamed), of: cluster };
  return fields[by];
}

function keys(values, of, found) {
  const counts = values.map((_, place) => of.reduce((sum, one) => sum + (one === place), 0));
  const none = of.reduce((sum, one) => sum + (one < 0 || one >= COLOURS), 0);
  const key = (kind, name, count) => el("li", {}, el("span", { class: `key ${kind}` }, apart(name), count === undefined ? "" : ` ${number(count)}`));
  const open = found.resolved.reduce((sum, one) => sum + !one, 0);
  return [
    values.slice(0, COLOURS).map((value, place) => key(`colour-${place}`, value, counts[place])),
    none > 0 && key("colour-none", words.others, none),
    open > 0 && key("hollow", words.hollow, open),
    key("cross", words.cross),
  ];
}

function paint(canvas, found, state) {
  const width = canvas.parentElement.clientWidth;
  const height = canvas.parentElement.clientHeight;
  if (!width || !height) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const style = getComputedStyle(canvas);
  const shade = (name) => style.getPropertyValue(name).trim();
  const colours = Array.from({ length: COLOURS }, (_, place) => shade(`--colour-${place}`));
  const [none, text, surface] = [shade("--colour-none"), shade("--text"), shade("--surface")];
  state.across = (width - 2 * EDGE) / SIDE;
  state.down = (height - 2 * EDGE) / SIDE;
  const at = (x, y) => [EDGE + x * state.across, EDGE + y * state.down];
  const brush = canvas.getContext("2d");
  brush.scale(ratio, ratio);
  const radius = found.ids.length > 1500 ? 2.4 : 4;
  brush.lineWidth = 1.5;
  for (let place = 0; place < found.ids.length; place++) {
    const [x, y] = at(found.x[place], found.y[place]);
    brush.globalAlpha = state.pointed === null ? 0.8 : found.cluster[place] === state.pointed ? 1 : 0.12;
    brush.beginPath();
    brush.arc(x, y, radius, 0, 2 * Math.PI);
    const colour = colours[state.of[place]] ?? none;
    if (found.resolved[place]) {
      brush.fillStyle = colour;
      brush.fill();
    } else {
      brush.strokeStyle = colour;
      brush.stroke();
    }
  }
  brush.globalAlpha = 1;
  brush.strokeStyle = text;
  brush.lineWidth = 2;
  for (const gap of state.gaps) {
    const [x, y] = at(gap.x, gap.y);
    brush.beginPath();
    brush.moveTo(x - 5, y - 5);
    brush.lineTo(x + 5, y + 5);
    brush.moveTo(x - 5, y + 5);
    brush.lineTo(x + 5, y - 5);
    brush.stroke();
  }
  brush.font = `600 ${width < 500 ? 11 : 13}px ${style.fontFamily}`;
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.lineJoin = "round";
  brush.strokeStyle = surface;
  brush.fillStyle = text;
  brush.lineWidth = 4;
  found.clusters.forEach((cluster, place) => {
    const [first] = cluster.words;
    if (!first || (state.pointed !== null && state.pointed !== place)) return;
    const [x, y] = at(cluster.x, cluster.y);
    const half = brush.measureText(first).width / 2 + 4;
    const middle = Math.min(Math.max(x, half), width - half);
    brush.strokeText(first, middle, y);
    brush.fillText(first, middle, y);
  });
}

/** Say which ticket lies under the pointer; a click opens it, a tap says it with a link. */
function pointing(canvas, tip, found, state, signal) {
  const known = new Map();
  let timer;
  let shown = null;
  const nearest = ({ offsetX, offsetY }) => {
    let best = null;
    let least = NEAR ** 2;
    for (let place = 0; place < found.ids.length; place++) {
      const far = (EDGE + found.x[place] * state.across - offsetX) ** 2 + (EDGE + found.y[place] * state.down - offsetY) ** 2;
      if (far < least) [best, least] = [place, far];
    }
    return best;
  };
  const say = (place) => {
    const id = found.ids[place];
    fill(
      tip,
      el("p", { dir: "auto" }, ticketLink(id, apart(known.get(id) ?? id))),
      el(
        "p",
        { class: "meta" },
        el("span", { class: "id" }, apart(id)),
        priorityChip(found.labels[found.label[place]]),
        !found.resolved[place] && el("span", { class: "chip warn" }, words.hollow),
      ),
    );
  };
  const show = (place) => {
    if (place === shown) return;
    shown = place;
    clearTimeout(timer);
    tip.hidden = place === null;
    canvas.style.cursor = place === null ? "" : "pointer";
    if (place === null) return;
    say(place);
    const x = EDGE + found.x[place] * state.across;
    const right = x > canvas.clientWidth / 2;
    tip.style.insetInlineStart = right ? "" : `${x + 12}px`;
    tip.style.insetInlineEnd = right ? `${canvas.clientWidth - x + 12}px` : "";
    tip.style.insetBlockStart = `${EDGE + found.y[place] * state.down + 8}px`;
    timer = setTimeout(() => head(place), WAIT);
  };
  const head = async (place) => {
    const id = found.ids[place];
    if (!known.has(id)) {
      const ticket = await get(`v1/tickets/${encodeURIComponent(id)}`, signal).catch(() => null);
      known.set(id, ticket ? (ticket.subject || ticket.text.trimStart().split("\n", 1)[0]).slice(0, 120) : words.gone);
    }
    if (shown === place) say(place);
  };
  canvas.addEventListener("pointermove", (event) => show(nearest(event)));
  canvas.addEventListener("pointerleave", (event) => {
    // The link in what is said can be reached.
    if (event.relatedTarget !== tip) show(null);
  });
  tip.addEventListener("pointerleave", () => show(null));
  canvas.addEventListener("click", (event) => {
    const place = nearest(event);
    if (place !== null && event.pointerType !== "touch") location.hash = `#/ticket/${encodeURIComponent(found.ids[place])}`;
    else show(place);
  });
}
