// The service's API under /v1, and nothing else.

import { askForKey, keptKey } from "./key.js";
import { texts } from "./texts.js";

// This file lies in console/, so the service is one level up, whatever prefix it is served under.
const SERVICE = new URL("..", import.meta.url);

/** What went wrong, in words for people; `status` is 0 when the service did not answer. */
export class Problem extends Error {
  constructor(status, title, detail, retryAfter = null) {
    super(detail);
    this.status = status;
    this.title = title;
    this.retryAfter = retryAfter;
  }
}

/** Return the decoded answer of a GET. */
export async function get(path, signal) {
  return decoded(await ask(path, { signal }), signal);
}

/** Return `{jobs, may_start}`: the jobs that the key of this tab may see, null if none, and whether it may start any. */
export async function jobList(signal) {
  try {
    return await get("v1/jobs", signal);
  } catch (error) {
    if (error.status === 403) return { jobs: null, may_start: false };
    throw error;
  }
}

/** Send an object, or text of another type, and return the decoded answer. */
export async function post(path, body, signal, type = "application/json") {
  return decoded(await ask(path, sending(body, signal, type)), signal);
}

/** Store an object under its address, and return the decoded answer. */
export async function put(path, body, signal) {
  return decoded(await ask(path, { ...sending(body, signal, "application/json"), method: "PUT" }), signal);
}

/** Send a file as it is, and return the decoded answer. */
export async function send(path, file, signal) {
  return decoded(await ask(path, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file, signal }), signal);
}

/** Return the answer of a GET as a file. */
export async function blob(path, signal) {
  return (await ask(path, { signal })).blob();
}

/** End or delete something, and return the decoded answer. */
export async function remove(path, signal) {
  return decoded(await ask(path, { method: "DELETE", signal }), signal);
}

/** Send an object, or with null none, and yield the events that come back, as they come: `{name, data}`. */
export async function* stream(path, body, signal) {
  const request = body === null ? { headers: {}, signal } : sending(body, signal, "application/json");
  request.headers.Accept = "text/event-stream";
  const response = await ask(path, request);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let name = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      throw signal?.aborted ? error : unreachable();
    });
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.map((one) => one.replace(/\r$/, ""))) {
      if (line.startsWith("event: ")) name = line.slice(7);
      // The service writes the data of an event in one line.
      else if (line.startsWith("data: ")) yield { name, data: JSON.parse(line.slice(6)) };
    }
  }
}

function sending(body, signal, type) {
  const content = typeof body === "string" ? body : JSON.stringify(body);
  return { method: "POST", headers: { "Content-Type": type }, body: content, signal };
}

/** Return what an answer says; one that breaks off, or is a proxy's own page, is none of the service. */
const decoded = (response, signal) =>
  response.json().catch((error) => {
    throw signal?.aborted ? error : unreachable();
  });

async function ask(path, request) {
  for (;;) {
    const key = keptKey();
    const headers = { ...request.headers, ...(key && { Authorization: `Bearer ${key}` }) };
    let response;
    try {
      response = await fetch(new URL(path, SERVICE), { ...request, headers });
    } catch (error) {
      throw request.signal?.aborted ? error : unreachable();
    }
    if (response.ok) return response;
    if (response.status !== 401 || !(await askForKey(key))) throw await problemOf(response);
  }
}

function unreachable() {
  return new Problem(0, texts.problems.unreachable, texts.problems.unreachableDetail);
}

async function problemOf(response) {
  const found = await response.json().catch(() => ({}));
  const title = texts.problems.titles[response.status] ?? found.title ?? texts.problems.other;
  return new Problem(response.status, title, found.detail ?? response.statusText, found.retry_after ?? null);
}

/** Return whether the service is ready, `{status, stage}`: no key is needed for it, and 503 is an answer too. */
export async function ready(signal) {
  try {
    return await (await fetch(new URL("health/ready", SERVICE), { signal })).json();
  } catch (error) {
    throw signal?.aborted ? error : unreachable();
  }
}

/** Wait so many milliseconds before the service is asked again; fails when the page is left. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
