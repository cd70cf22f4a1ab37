// What the service says about itself, asked once by pages that explain answers with it.

import { get } from "./api.js";

/** Return `/v1/status`. */
export const status = (signal) => get("v1/status", signal);

/** Return the report on the forest that serves, null if there is none. */
export const reportOf = (found) => found?.forest?.report ?? null;

/** Return the labels of what is decided, by urgency where that is known, as the service orders them. */
export const labelsOf = (found, field = "priority") => (field === "priority" ? found?.forest : found?.forests[field])?.labels ?? [];

/** Return names in the order of these labels; those that are none of them last. */
export function inOrder(names, labels) {
  const place = (name) => (labels.includes(name) ? labels.indexOf(name) : labels.length);
  return [...names].sort((one, other) => place(one) - place(other));
}

/** Return whether no ticket is stored: then there is nothing to answer from. */
export const isEmpty = (found) => found.ready && !found.index?.tickets;
