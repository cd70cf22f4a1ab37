// The frame: navigation, and the page that the address names.

import { el, fill } from "./dom.js";
import { forgetKey, keptKey } from "./key.js";
import { showProblem } from "./notices.js";
import { texts } from "./texts.js";

// The frame is drawn before the modules of a page are there; index.html names those that it needs itself.
const PAGES = {
  answer: () => import("./answer.js"),
  answers: () => import("./answers.js"),
  find: () => import("./find.js"),
  ticket: () => import("./ticket.js"),
  quality: () => import("./quality.js"),
  later: () => import("./confusions.js"),
  map: () => import("./map.js"),
  "bring-in": () => import("./bring_in.js"),
  running: () => import("./running.js"),
};
const NOWHERE = "nowhere"; // for an address of no page
const IN_MENU = ["answer", "find", "answers", "quality", "map", "bring-in", "running"];

const main = el("main", { id: "main", tabindex: "-1" });
const links = new Map(IN_MENU.map((name) => [name, el("a", { href: `#/${name}`, "data-name": texts.menu[name] }, texts.menu[name])]));
const menu = el("nav", { "aria-label": texts.menuName }, [...links.values()]);
const keyPlace = el("span");

let leave = new AbortController();

function show() {
  if (location.hash && !location.hash.startsWith("#/")) return Promise.resolve();
  const [path, query] = location.hash.slice(2).split("?");
  const [given, ...rest] = path.split("/");
  const name = Object.hasOwn(PAGES, given || "answer") ? given || "answer" : NOWHERE;
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  for (const [other, link] of links) {
    if (other === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  reveal();
  document.title = `${texts.pages[name]} · ${texts.name}`;
  const heading = el("h1", { tabindex: "-1" }, texts.pages[name]);
  const body = el("div", { class: `page ${name}` });
  fill(main, heading, body);
  scrollTo(0, 0);
  if (name === NOWHERE) {
    fill(body, el("p", {}, texts.noSuchPage), el("p", {}, el("a", { href: "#/answer" }, texts.pages.answer)));
    return Promise.resolve();
  }
  const params = new URLSearchParams(query);
  if (rest.length) params.set("id", decodeURIComponent(rest.join("/")));
  return PAGES[name]()
    .catch((error) => {
      // Of a module that does not come every browser says so; any other error is one of the module.
      if (!(error instanceof TypeError && /module/i.test(error.message))) throw error;
      throw { status: 0, title: texts.problems.unreachable, message: texts.problems.unreachableDetail };
    })
    .then(({ page }) => signal.aborted || page(body, { params, heading, signal }))
    .catch((error) => showProblem(body, error, signal));
}

/** On a phone the menu is wider than the screen: have the page that is shown seen in it. */
function reveal() {
  const current = menu.querySelector("[aria-current]");
  if (current) menu.scrollLeft = current.offsetLeft - (menu.clientWidth - current.offsetWidth) / 2;
}

function showKey() {
  fill(
    keyPlace,
    keptKey() && el("button", { type: "button", class: "quiet", on: { click: forgetKey } }, texts.key.forget),
  );
}

const skip = el("a", { href: "#main", class: "skip" }, texts.skip);
skip.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

document.body.append(
  skip,
  el(
    "header",
    { class: "top" },
    el(
      "div",
      { class: "inner" },
      el("a", { href: "#/answer", class: "brand" }, el("img", { src: "console/icon.svg", alt: "" }), texts.name),
      menu,
      el("span", { class: "aside" }, keyPlace, el("a", { href: "docs" }, texts.api)),
    ),
  ),
  main,
);
addEventListener("hashchange", () => {
  show();
  // Who reads the page by ear is told that it is another one.
  main.querySelector("h1")?.focus();
});
// What no page waits for fails here.
addEventListener("unhandledrejection", ({ reason }) => showProblem(main, reason));
addEventListener("error", ({ error }) => error && showProblem(main, error));
addEventListener("precedent-key", showKey);
addEventListener("resize", reveal);
showKey();
// The other pages' modules come once the first page is shown, so that going to one asks for nothing but its content.
show().then(() => Object.values(PAGES).forEach((load) => load().catch(() => {})));
