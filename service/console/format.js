// Numbers and times as people read them.

import { texts } from "./texts.js";

const whole = new Intl.NumberFormat("en");
const percentage = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const twoDigits = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export const number = (value) => whole.format(value);
export const percent = (share) => percentage.format(share);
export const decimal = (value) => twoDigits.format(value);
const unit = (name) => new Intl.NumberFormat("en", { style: "unit", unit: name, maximumFractionDigits: 1 });
const kilobytes = unit("kilobyte");
const megabytes = unit("megabyte");
const gigabytes = unit("gigabyte");
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const AGES = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** Return a size that is given in MB. */
export const size = (mb) =>
  mb < 1 ? kilobytes.format(mb && Math.max(0.1, mb * 1_000)) : mb < 1_000 ? megabytes.format(mb) : gigabytes.format(mb / 1_000);

/** Return how long ago a moment was. */
export function age(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  const [name, length] = AGES.find(([, each]) => seconds >= each) ?? ["minute", 60];
  return ago.format(-Math.floor(seconds / length), name);
}

export const date = (iso) => (iso ? day.format(new Date(iso)) : null);
export const time = (iso) => (iso ? moment.format(new Date(iso)) : null);
export const now = () => clock.format(new Date());

/** Return a value of a ticket's field, which may be several. */
export const value = (one) => (Array.isArray(one) ? one.join(texts.listSeparator) : String(one));

/** Return the address if a browser may follow it: one that runs a script is none. */
export function webAddress(text) {
  const url = text && URL.canParse(text) ? new URL(text) : null;
  return url && (url.protocol === "https:" || url.protocol === "http:") ? url.href : null;
}
