// The key of a service that needs one: asked for once, and kept for this tab.

import { el, field } from "./dom.js";
import { texts } from "./texts.js";

const NAME = "precedent.key";

export const keptKey = () => sessionStorage.getItem(NAME);

let asking = null;

/**
 * Ask for a key, once for all that wait for one.
 * @param refused the key that the service did not take, null if none was sent.
 * @returns whether there is another one to try.
 */
export async function askForKey(refused) {
  if (keptKey() !== refused) return keptKey() !== null;
  asking ??= dialog(refused !== null).finally(() => {
    asking = null;
  });
  return asking;
}

/** Forget the key, and begin anew. */
export function forgetKey() {
  sessionStorage.removeItem(NAME);
  location.reload();
}

function dialog(wasRefused) {
  return new Promise((resolve) => {
    const input = el("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true });
    const close = (given) => {
      if (given) {
        sessionStorage.setItem(NAME, given);
        dispatchEvent(new Event("precedent-key"));
      }
      box.close();
      box.remove();
      resolve(Boolean(given));
    };
    const box = el(
      "dialog",
      { "aria-labelledby": "key-title", on: { cancel: () => close(null) } },
      el(
        "form",
        {
          on: {
            submit: (event) => {
              event.preventDefault();
              close(input.value.trim());
            },
          },
        },
        el("h2", { id: "key-title" }, texts.key.title),
        el("p", { role: wasRefused && "alert" }, wasRefused ? texts.key.refused : texts.key.needed),
        field(texts.key.label, input, texts.key.hint),
        el(
          "div",
          { class: "actions" },
          el("button", { type: "submit", class: "primary" }, texts.key.use),
          el("button", { type: "button", on: { click: () => close(null) } }, texts.key.without),
        ),
      ),
    );
    document.body.append(box);
    box.showModal();
    input.focus();
  });
}
