// Words that two texts share.

import { el } from "./dom.js";
import { texts } from "./texts.js";

const WORD = /[\p{L}\p{N}][\p{L}\p{N}_.-]*[\p{L}\p{N}]/gu;
const LEAST = 3;

/** Return the words of a text that say something, in lower case. */
export function wordsOf(text) {
  const found = (text.match(WORD) ?? []).map((word) => word.toLowerCase());
  return new Set(found.filter((word) => word.length >= LEAST && !texts.commonWords.has(word)));
}

/** Return the text as nodes in which the words of the set are marked. */
export function marked(text, words) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(WORD)) {
    if (!words.has(match[0].toLowerCase())) continue;
    parts.push(text.slice(end, match.index), el("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}
