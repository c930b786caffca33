// Requests to the routes of jobs, with the API key of the page.

import { parseProblem } from "./api.js";

/** The service, above this page. */
const BASE = new URL("../", location.href);
let keyOf = () => "";

/** Send the key that `key` returns with all requests. */
export function useKey(key) {
  keyOf = key;
}

export const serviceUrl = (path) => new URL(path, BASE).href;

/** Send a request; rejects only if there was no response. */
export function send(path, { method = "GET", body, headers = {}, signal } = {}) {
  const key = keyOf();
  return fetch(serviceUrl(path), {
    method, signal, cache: method === "GET" && path.endsWith("/preview") ? "default" : "no-store", credentials: "same-origin", referrerPolicy: "no-referrer",
    headers: { ...headers, ...(key ? { Authorization: `Bearer ${key}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
}

/** Why a request for JSON failed: `problem` is that of the service, or null if it did not respond. */
export class RequestFailed extends Error {
  constructor(problem) {
    super(problem?.title ?? "no response");
    this.problem = problem;
    this.status = problem?.status ?? 0;
    this.wait = problem?.retry_after ?? 0;
  }
}

/** The JSON body of a response; rejects with RequestFailed, or AbortError. */
export async function requestJson(path, options = {}) {
  let response;
  try {
    response = await send(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new RequestFailed(null);
  }
  if (!response.ok) throw await failureOf(response);
  return response.status === 204 ? null : response.json();
}

/** The failure of a response that is not successful. */
export async function failureOf(response) {
  const problem = await parseProblem(response, await response.blob());
  return new RequestFailed({ status: response.status, ...problem });
}
