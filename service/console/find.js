// Search in the stored tickets by meaning, or a list of them, both narrowed by filters.

import { post } from "./api.js";
import { apart, el, field, fill } from "./dom.js";
import { showProblem } from "./notices.js";
import { paged } from "./paged.js";
import { dates, precedents, priorityChip, tags, ticketLink } from "./precedents.js";
import { labelsOf, status } from "./status.js";
import { texts } from "./texts.js";
import { wordsOf } from "./words.js";

const words = texts.find;
const FILTERS = ["priority", "tag", "field", "source", "created_after", "created_before"];
const NEAREST = 20;

/** Show the page; what is searched for stands in the address. */
export async function page(body, { params, signal }) {
  const query = el("input", { type: "search", name: "q", autocomplete: "off", dir: "auto", "aria-describedby": "query-hint" });
  const labels = el("datalist", { id: "labels" });
  const inputs = {
    q: query,
    priority: el("input", { type: "text", list: "labels", autocomplete: "off" }),
    tag: el("input", { type: "text", autocomplete: "off" }),
    field: el("input", { type: "text", autocomplete: "off", placeholder: words.fieldExample }),
    source: el("input", { type: "text", autocomplete: "off" }),
    created_after: el("input", { type: "date" }),
    created_before: el("input", { type: "date" }),
  };
  for (const [name, input] of Object.entries(inputs)) input.value = params.get(name) ?? "";
  const narrowed = FILTERS.some((name) => params.has(name));
  const form = el(
    "form",
    { role: "search" },
    el(
      "div",
      { class: "row" },
      field(words.query, query),
      el("button", { type: "submit", class: "primary" }, words.search),
    ),
    el("p", { class: "hint", id: "query-hint" }, words.queryHint),
    el(
      "details",
      { open: narrowed },
      el("summary", {}, words.filters),
      el("div", { class: "filters" }, FILTERS.map((name) => field(words.names[name], inputs[name], words.hints[name]))),
      labels,
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]);
    const address = `#/find?${new URLSearchParams(given.filter(([, text]) => text))}`;
    if (address === location.hash) dispatchEvent(new Event("hashchange"));
    else location.hash = address;
  });
  const results = el("div", { class: "results" });
  fill(body, form, results);

  suggest(labels, signal);
  fill(results, el("p", { role: "status", class: "said" }, words.searching));
  try {
    if (params.get("q")) await search(params, results, signal);
    else await list(params, results, signal);
  } catch (error) {
    fill(results);
    showProblem(results, error, signal);
  }
}

async function suggest(labels, signal) {
  const found = await status(signal).catch(() => null);
  fill(labels, labelsOf(found).map((label) => el("option", { value: label })));
}

async function search(params, results, signal) {
  const question = params.get("q");
  const found = await post("v1/similar", { text: question, top_k: NEAREST, filter: filterOf(params) }, signal);
  fill(
    results,
    el("h2", { class: "unseen" }, texts.results),
    el("p", { role: "status", class: "said" }, words.found(found.neighbours.length)),
    precedents(found.neighbours, wordsOf(question)),
  );
}

/** Return the filter as a search takes it. */
function filterOf(params) {
  const fields = {};
  for (const [name, value] of fieldsOf(params)) fields[name] = [...(fields[name] ?? []), value];
  return {
    ...(Object.keys(fields).length && { fields }),
    ...(params.get("tag") && { tags: tagsOf(params) }),
    ...(params.get("source") && { source: params.get("source") }),
    ...(params.get("priority") && { priority: params.get("priority") }),
    ...moments(params),
  };
}

async function list(params, results, signal) {
  const asked = new URLSearchParams({ limit: "50", ...moments(params) });
  for (const name of ["source", "priority"]) if (params.get(name)) asked.set(name, params.get(name));
  for (const tag of tagsOf(params)) asked.append("tag", tag);
  for (const [name, value] of fieldsOf(params)) asked.append("field", `${name}:${value}`);
  await paged(results, { path: "v1/tickets", asked, name: "tickets", row, said: words.listed }, signal);
}

function row(ticket) {
  const [first] = ticket.text.trimStart().split("\n", 1);
  return el(
    "li",
    {},
    el("h3", { dir: "auto" }, ticketLink(ticket.id, el("span", {}, ticket.subject || first))),
    el(
      "p",
      { class: "meta" },
      el("span", { class: "id" }, apart(ticket.id)),
      priorityChip(ticket.priority),
      dates(ticket),
      !ticket.has_resolution && el("span", { class: "chip warn" }, words.unresolved),
    ),
    tags(ticket),
  );
}

const tagsOf = (params) => parts(params.get("tag"));
const fieldsOf = (params) =>
  parts(params.get("field")).map((one) => {
    const at = one.indexOf("=");
    return at < 0 ? [one, ""] : [one.slice(0, at).trim(), one.slice(at + 1).trim()];
  });
const parts = (text) => (text ?? "").split(",").map((one) => one.trim()).filter(Boolean);

function moments(params) {
  const names = ["created_after", "created_before"].filter((name) => params.get(name));
  return Object.fromEntries(names.map((name) => [name, `${params.get(name)}T00:00:00Z`]));
}
