// How is a picture asked for, and what came back? One request, whatever became of it, as one plain object.

import { steps } from "./timing.js";

/** The address of a picture, relative to this page. */
export function addressOf(pairs) {
  return `thumb?${new URLSearchParams(pairs)}`;
}

/**
 * Ask for a picture. `asked` is {open, posted} of the form, `key` an API key or nothing, `address` one that was signed
 * elsewhere. Gives {good, status, body, ms, …}; rejects only when there was no answer at all.
 */
export async function capture({ asked, key, address, signal }) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const begin = performance.now();
  const request = asked.posted.length && !address
    ? { method: "POST", body: JSON.stringify(Object.fromEntries([...asked.open, ...asked.posted])) }
    : {};
  if (request.method) headers["Content-Type"] = "application/json";
  // the browser's own cache would answer with the X-Cache of last time
  const answer = await fetch(address || (request.method ? "thumb" : addressOf(asked.open)), {
    ...request, headers, signal, cache: "no-store", credentials: "same-origin", referrerPolicy: "no-referrer",
  });
  const body = await answer.blob();
  return { ...told(answer), body, ms: performance.now() - begin, problem: await problemIn(answer, body) };
}

function told(answer) {
  const field = (name) => answer.headers.get(name) ?? "";
  return {
    good: answer.ok,
    status: answer.status,
    cache: field("X-Cache"),
    verdict: field("X-Verdict"),
    shortcomings: field("X-Capture"),
    target: field("X-Target-Status"),
    id: field("X-Request-Id"),
    type: field("Content-Type").split(";")[0],
    age: Number(field("Age")),
    again: Number(field("Refresh")),
    left: field("RateLimit-Remaining"),
    steps: steps(field("Server-Timing")),
  };
}

async function problemIn(answer, body) {
  if (answer.ok) return null;
  if (body.type.startsWith("application/problem+json")) {
    try {
      return JSON.parse(await body.text());
    } catch { /* somebody in between says it in other words */ }
  }
  return { title: `The service answered ${answer.status}`, detail: answer.statusText, status: answer.status };
}
