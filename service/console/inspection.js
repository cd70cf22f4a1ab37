// What an export was read as: its columns with examples, to be changed; counts; and what is doubtful.

import { apart, el, facts, field } from "./dom.js";
import { date, number, percent } from "./format.js";
import { ended, notice } from "./notices.js";
import { texts } from "./texts.js";

const words = texts.inspection;
const FIELDS = Object.keys(words.fields);
const MOST = 300; // columns that are shown
const SEEN = 1000; // records whose columns are counted
const SHOWN = 10; // labels, statuses
const LONGEST = 600; // characters of one value
const ENTRIES = 20; // of a list of values
const named = new Intl.DisplayNames("en", { type: "language" });

/**
 * Return what is shown of an inspection, and what gives the choices that it offers.
 * @param order how the export was read, `{upload, columns, date_format, time_zone, source}`.
 * @param again reads it anew with what was changed.
 */
export function inspection(found, order, again) {
  const [source] = found.sources;
  const names = Object.keys(source?.columns ?? {});
  const seen = Math.min(found.read, SEEN);
  const selects = new Map(names.slice(0, MOST).map((name) => [name, meaning(name, source.columns[name], order)]));
  const dates = choice(words.dateOrders, order.date_format);
  const zone = el("input", { type: "text", autocomplete: "off", placeholder: "Europe/Berlin" });
  const origin = el("input", { type: "text", autocomplete: "off", maxlength: "200" });
  zone.value = order.time_zone ?? "";
  origin.value = order.source ?? "";
  const wrong = el("p", { class: "notice bad wrong", role: "alert" });
  const changed = () => ({
    columns: Object.fromEntries([...selects].filter(([, select]) => select.value).map(([name, select]) => [select.value, name])),
    date_format: dates.value || null,
    time_zone: zone.value.trim() || null,
    source: origin.value.trim() || null,
  });
  const click = () => {
    const chosen = [...selects.values()].map((select) => select.value).filter(Boolean);
    const twice = chosen.find((name, at) => chosen.indexOf(name) !== at);
    wrong.textContent = twice ? words.twice(words.fields[twice]) : "";
    if (!twice) again(changed());
  };
  return {
    // What was not looked at again is not stored: only the name of the source says nothing of how it is read.
    chosen: () => ({ source: origin.value.trim() || null }),
    view: [
      el("h2", { tabindex: "-1" }, words.title),
      el("p", {}, summary(found, source)),
      doubts(found, source),
      names.length > 0 && [
        el("h3", {}, words.columns),
        el("p", { class: "hint" }, words.columnsMean),
        el("ul", { class: "columns" }, [...selects].map(([name, select]) => column(name, select, source.values[name], seen))),
        names.length > MOST && el("p", { class: "hint" }, words.moreColumns(number(names.length - MOST))),
      ],
      el(
        "div",
        { class: "filters" },
        field(words.dates, dates, words.datesHint),
        field(words.zone, zone, words.zoneHint),
        field(words.source, origin, words.sourceHint),
      ),
      wrong,
      el("div", { class: "actions" }, el("button", { type: "button", on: { click } }, words.again)),
      found.usable > 0 && [el("h3", {}, words.of(number(found.usable))), shares(found), labels(found), examples(found.tickets)],
    ],
  };
}

function choice(named, chosen) {
  return el(
    "select",
    {},
    Object.entries(named).map(([value, text]) => el("option", { value, selected: value === (chosen ?? "") }, text)),
  );
}

function meaning(name, became, order) {
  const given = FIELDS.find((one) => order.columns?.[one] === name) ?? "";
  const understood = given ? words.asUnderstood : words.understood(understanding(became));
  const select = choice({ "": understood, ...words.fields }, given);
  select.setAttribute("aria-label", words.readAs(name));
  return select;
}

function understanding(became) {
  if (!became) return words.notRead;
  return became.startsWith("fields.") ? words.furtherField(became.slice(7)) : (words.fields[became] ?? became);
}

function column(name, select, values, seen) {
  return el(
    "li",
    {},
    el("div", {}, el("strong", {}, apart(name)), el("p", { class: "hint" }, seen > 0 && words.filled(percent((values?.filled ?? 0) / seen)))),
    el("ul", { class: "values" }, (values?.examples ?? []).map((text) => el("li", {}, apart(text)))),
    select,
  );
}

function summary({ read, usable, left_out: left, rejected, complete, broke_off: broke }, source) {
  const out = Object.values(left).reduce((sum, count) => sum + count, 0);
  return [
    source && words.format(source.format, source.tool, source.encoding),
    " ",
    read > 0 && words.records(number(read), number(usable), number(out), number(rejected)),
    !complete && !broke && ` ${words.first}`,
  ];
}

function doubts(found, source) {
  const by = Object.entries(source?.columns ?? {}).filter(([, became]) => became && !became.startsWith("fields."));
  const shared = FIELDS.map((name) => [name, by.filter(([, became]) => became === name).map(([column]) => column)]);
  const said = [
    found.broke_off && ended(cut(found.broke_off)),
    !found.usable && !found.broke_off && words.noTickets,
    found.usable > 0 && !found.has.body && words.noBody,
    found.usable > 0 && !found.has.resolution && words.noResolution,
    found.usable > 0 && !found.has.priority && words.noPriority,
    ...shared.filter(([, columns]) => columns.length > 1).map(([name, columns]) => words.shared(columns.slice(0, 5).join(texts.listSeparator), words.fields[name])),
    ...Object.entries(source?.dates ?? {}).map(([name, order]) => words.dateOrder(name, words.dateOrders[order] ?? order)),
    found.dates_lost > 0 && words.datesLost(number(found.dates_lost)),
    found.same_id > 0 && words.sameId(number(found.same_id)),
    found.same_text > 0 && words.sameText(number(found.same_text)),
    ...found.alike.map(([one, other]) => words.alike(one, other)),
    ...Object.entries(found.left_out).slice(0, SHOWN).map(([why, count]) => words.leftOut(number(count), why)),
    ...found.reasons.map((reason) => words.rejected(reason)),
  ].filter(Boolean);
  return said.length > 0 && notice(words.doubtful, el("ul", {}, said.map((one) => el("li", {}, apart(one)))));
}

function shares({ usable, has, drawn, earliest, latest }) {
  const share = (count) => words.share(number(count ?? 0), percent((count ?? 0) / usable));
  return facts([
    ...words.counted.map(([name, said]) => [said, share(has[name])]),
    [words.drawn, drawn > 0 && share(drawn)],
    [words.span, earliest && latest && `${date(earliest)} – ${date(latest)}`],
  ]);
}

function labels({ priorities, statuses, languages }) {
  const told = (counts) =>
    Object.entries(counts)
      .slice(0, SHOWN)
      .map(([name, count]) => words.count(name, number(count)))
      .join(texts.listSeparator);
  return facts([
    [words.priorities, apart(told(priorities))],
    [words.statuses, Object.keys(statuses).length > 0 && apart(told(statuses))],
    [words.languages, told(Object.fromEntries(Object.entries(languages).map(([code, count]) => [named.of(code), count])))],
  ]);
}

function examples(tickets) {
  return el(
    "details",
    {},
    el("summary", {}, words.examples),
    tickets.map((ticket) =>
      el(
        "section",
        { class: "example" },
        facts(
          Object.entries(ticket)
            .filter(([, value]) => value !== null && !(typeof value === "object" && Object.keys(value).length === 0))
            .map(([name, value]) => [words.fields[name] ?? words.further[name] ?? name, shown(value)]),
        ),
      ),
    ),
  );
}

function shown(value) {
  if (typeof value !== "object") return el("span", { class: "text", dir: "auto" }, cut(String(value)));
  const named = Array.isArray(value) ? value.map(written) : Object.entries(value).map(([name, one]) => `${name}: ${written(one)}`);
  return el("ul", { class: "values" }, named.slice(0, ENTRIES).map((text) => el("li", {}, apart(cut(text)))));
}

const written = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
