// A question that is answered before something is done.

import { el } from "./dom.js";
import { texts } from "./texts.js";

/**
 * Ask, with the words and the controls given, and return whether it is to be done.
 * @param refuse returns what is wrong with the controls, in words, or nothing.
 */
export function confirmed(title, content, action, refuse = () => null) {
  return new Promise((resolve) => {
    const wrong = el("p", { class: "wrong notice bad", role: "alert" });
    const close = (done) => {
      box.close();
      box.remove();
      resolve(done);
    };
    const submit = (event) => {
      event.preventDefault();
      const why = refuse();
      wrong.textContent = why ?? "";
      if (!why) close(true);
    };
    const box = el(
      "dialog",
      { "aria-labelledby": "confirm-title", on: { cancel: () => close(false) } },
      el(
        "form",
        { on: { submit } },
        el("h2", { id: "confirm-title" }, title),
        content,
        wrong,
        el(
          "div",
          { class: "actions" },
          el("button", { type: "submit", class: "primary" }, action),
          el("button", { type: "button", on: { click: () => close(false) } }, texts.cancel),
        ),
      ),
    );
    document.body.append(box);
    box.showModal();
  });
}
