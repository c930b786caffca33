// Requests thumbnails from the service, and turns each response into a plain object.

import { parseServerTiming } from "./timing.js";

/** URL of a thumbnail, relative to this page. */
export function thumbnailUrl(pairs) {
  return `thumb?${new URLSearchParams(pairs)}`;
}

/**
 * Request a thumbnail. `options` is {query, body} of the form, `key` an API key or "", `signedUrl` a URL that was signed
 * elsewhere or "", `progressId` the id under which the service reports progress. Returns {ok, status, body, ms, …}; rejects only if there was no response.
 */
export async function requestThumbnail({ options, key, signedUrl, progressId, signal }) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  headers["X-Server-Timing"] = "1";
  if (progressId) headers["X-Progress-Id"] = progressId;
  const start = performance.now();
  const request = options.body.length && !signedUrl
    ? { method: "POST", body: JSON.stringify(Object.fromEntries([...options.query, ...options.body])) }
    : {};
  if (request.method) headers["Content-Type"] = "application/json";
  // no-store: the browser's cache would return the X-Cache of an earlier response
  const response = await fetch(signedUrl || (request.method ? "thumb" : thumbnailUrl(options.query)), {
    ...request, headers, signal, cache: "no-store", credentials: "same-origin", referrerPolicy: "no-referrer",
  });
  const body = await response.blob();
  return { ...parseResponse(response), body, ms: performance.now() - start, problem: await parseProblem(response, body) };
}

function parseResponse(response) {
  const header = (name) => response.headers.get(name) ?? "";
  return {
    ok: response.ok,
    status: response.status,
    cache: header("X-Cache"),
    verdict: header("X-Verdict"),
    flags: header("X-Capture"),
    targetStatus: header("X-Target-Status"),
    type: header("Content-Type").split(";")[0],
    age: Number(header("Age")),
    etag: header("ETag"),
    refresh: Number(header("Refresh")),
    remaining: /;r=(\d+)/.exec(header("RateLimit"))?.[1] ?? "",
    steps: parseServerTiming(header("Server-Timing")),
  };
}

export async function parseProblem(response, body) {
  if (response.ok) return null;
  if (body.type.startsWith("application/problem+json")) {
    try {
      const problem = JSON.parse(await body.text());
      return { ...problem, retry_after: problem.retry_after ?? retryAfter(response) };
    } catch { /* a proxy sent something else */ }
  }
  return { title: `The service returned ${response.status}`, detail: response.statusText, status: response.status, retry_after: retryAfter(response) };
}

const retryAfter = (response) => Number(response.headers.get("Retry-After")) || undefined;
