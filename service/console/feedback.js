// What an agent does with a reply: copy, accept, edit, reject it, or correct the label; each is stored.

import { post } from "./api.js";
import { el, field, fill } from "./dom.js";
import { notice, problem } from "./notices.js";
import { inOrder } from "./status.js";
import { texts } from "./texts.js";

const words = texts.feedback;

/**
 * Return the controls.
 * @param answer the whole answer.
 * @param question `{text}`, or `{subject, body}`: a corrected label is learned with it.
 * @param ticketId the helpdesk's id of the ticket, empty if it was not given.
 * @param text the element that shows the reply; editing takes its place.
 * @param labels returns those of what is decided, in their order.
 * @param signal aborted when the answer is no longer shown.
 */
export function feedback(answer, question, ticketId, text, labels, signal) {
  const stored = el("div", { role: "status", class: "stored" });
  const editor = el("div", { class: "stack" });
  let action = null;
  let priority = null;
  const right = {}; // values of other fields
  let told = {};

  async function send(done, more) {
    // A label that is corrected afterwards takes nothing back of what was said before.
    told = more ?? told;
    const body = {
      action: done,
      triage_id: answer.id,
      ...(ticketId && { ticket_id: ticketId }),
      ...told,
      ...(priority && { priority }),
      ...(Object.keys(right).length > 0 && { decisions: right }),
      ...((priority || Object.keys(right).length > 0) && question),
    };
    try {
      const learned = await post("v1/feedback", body);
      action = done;
      fill(stored, notice(words.stored, el("p", {}, words.actions[done]), learnt(learned, [priority, ...Object.values(right)])));
    } catch (error) {
      fill(stored, problem(error));
    }
  }

  return [
    el(
      "div",
      { class: "actions" },
      answer.reply.text && [
        copyButton(() => (text.hidden ? editor.querySelector("textarea").value : answer.reply.text), text, signal),
        button(words.accept, () => send("accepted", {})),
        button(words.edit, () => edit(editor, text, answer.reply.text, (reply) => send("edited", { reply }))),
        button(words.reject, () => reject(editor, text, answer.neighbours, (why) => send("rejected", why))),
      ],
    ),
    editor,
    // What became of the draft may not be said yet; an answer whose label was mended was edited.
    Object.keys(answer.priority.probabilities).length > 0 &&
      correction(words.label, words.correct, answer.priority, labels(), (label) => {
        priority = label;
        return send(action ?? "edited");
      }),
    Object.entries(answer.decisions)
      .filter(([, decision]) => Object.keys(decision.probabilities).length > 0)
      .map(([name, decision]) =>
        correction(words.rightField(name), words.correctField(name), decision, labels(name), (label) => {
          right[name] = label;
          return send(action ?? "edited");
        }),
      ),
    stored,
  ];
}

function button(label, click, more = {}) {
  return el("button", { type: "button", on: { click }, ...more }, label);
}

function copyButton(textNow, shown, signal) {
  const copy = button(
    words.copy,
    async () => {
      try {
        await navigator.clipboard.writeText(textNow());
        copy.textContent = words.copied;
      } catch {
        // Browsers give the clipboard to pages of https and of this machine only.
        getSelection().selectAllChildren(shown);
        copy.textContent = words.selected;
      }
      setTimeout(() => {
        copy.textContent = words.copy;
      }, 4000);
    },
    { class: "primary", title: words.copyKey, "aria-keyshortcuts": "Alt+C" },
  );
  const onKey = (event) => {
    if (!event.altKey || event.code !== "KeyC") return;
    event.preventDefault();
    copy.click();
  };
  addEventListener("keydown", onKey, { signal });
  return copy;
}

function reject(place, text, neighbours, save) {
  const reason = el("textarea", { rows: "2", dir: "auto", maxlength: "2000" });
  const choices = el("datalist", { id: "precedents" }, neighbours.map((one) => el("option", { value: one.id })));
  const precedent = el("input", { type: "text", autocomplete: "off", maxlength: "200", list: choices.id });
  text.hidden = false;
  fill(
    place,
    field(words.why, reason),
    field(words.rightPrecedent, precedent),
    choices,
    el(
      "div",
      { class: "actions" },
      button(
        words.rejectIt,
        () => {
          const given = { reason: reason.value.trim(), precedent: precedent.value.trim() };
          save(Object.fromEntries(Object.entries(given).filter(([, one]) => one)));
        },
        { class: "primary" },
      ),
      button(words.cancel, () => fill(place)),
    ),
  );
  reason.focus();
}

function edit(place, text, original, save) {
  if (text.hidden) return;
  const area = el("textarea", { rows: "12", dir: "auto" });
  area.value = original;
  const close = () => {
    text.hidden = false;
    fill(place);
  };
  text.hidden = true;
  fill(
    place,
    field(words.edited, area, words.editedKept),
    el(
      "div",
      { class: "actions" },
      button(words.save, () => save(area.value), { class: "primary" }),
      button(words.cancel, close),
    ),
  );
  area.focus();
  area.setSelectionRange(0, 0);
}

function correction(title, click, { label, probabilities }, order, correct) {
  const choice = el(
    "select",
    {},
    inOrder(Object.keys(probabilities).sort(), order).map((name) => el("option", { value: name, selected: name === label }, name)),
  );
  return el(
    "div",
    { class: "row" },
    field(title, choice),
    button(click, () => correct(choice.value)),
  );
}

function learnt(learned, given) {
  const labels = given.filter(Boolean).join(texts.listSeparator);
  if (!labels) return null;
  if (learned.review) return el("p", {}, words.newLabel(labels));
  return el("p", {}, words.learned(labels, learned.ticket_id, learned.outcome));
}
