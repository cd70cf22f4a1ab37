// A list that is read a page at a time.

import { get } from "./api.js";
import { el, fill } from "./dom.js";
import { number } from "./format.js";
import { showProblem } from "./notices.js";
import { texts } from "./texts.js";

/**
 * Show the list in an element instead of what it has.
 * @param path of the API, such as `v1/tickets`.
 * @param asked its parameters; `name` is that of the list in an answer.
 * @param row makes the row of one; `said` says how many are shown, and whether there are more.
 */
export async function paged(place, { path, asked, name, row, said }, signal) {
  const query = new URLSearchParams(asked);
  const rows = el("ol", { class: "rows" });
  const status = el("p", { role: "status", class: "said" });
  const more = el("button", { type: "button", hidden: true }, texts.more);
  const next = async () => {
    const found = await get(`${path}?${query}`, signal);
    const before = rows.childElementCount;
    rows.append(...found[name].map(row));
    status.textContent = said(number(rows.childElementCount), found.next_cursor !== null);
    more.hidden = found.next_cursor === null;
    query.set("cursor", found.next_cursor ?? "");
    // The button may be gone: reading goes on at the first of the new ones.
    if (before) rows.children[before]?.querySelector("a").focus();
  };
  more.addEventListener("click", () => next().catch((error) => showProblem(place, error, signal)));
  await next();
  fill(place, el("h2", { class: "unseen" }, texts.results), status, rows, more);
}
