// What the service says about itself, asked once by pages that explain answers with it.

import { get } from "./api.js";

/** Return `/v1/status`. */
export const status = (signal) => get("v1/status", signal);

/** Return the report on the forest that serves, null if there is none. */
export const reportOf = (found) => found?.forest?.report ?? null;

/** Return whether no ticket is stored: then there is nothing to answer from. */
export const isEmpty = (found) => found.ready && !found.index?.tickets;
