// Follows a job by server-sent events. EventSource cannot send an API key, so the stream is read by fetch.

import { RequestFailed, failureOf, requestJson, send } from "./job_api.js";

/** Milliseconds until the stream is opened again after it was lost, doubled up to the maximum. */
const RETRY_MS = 1000, MAX_RETRY_MS = 30_000;
/** Milliseconds between two requests while the service has no room for another stream. */
const POLL_MS = 3000;
const FINAL = [400, 401, 403, 404];

/**
 * Report a job now and after each change, until it has ended, the page is hidden or the returned function is called.
 * `onReport(job)`; `onWait(ms)` when the connection was lost, and with 0 when there is one again;
 * `onFailure(error)` if requests are in vain.
 */
export function followJob(id, { onReport, onWait, onFailure }) {
  let controller = null, timer = 0, failures = 0, ended = false;
  const stop = () => {
    clearTimeout(timer);
    controller?.abort();
    controller = null;
  };
  const again = (ms) => { timer = setTimeout(open, ms); };
  const report = (job) => {
    failures = 0;
    ended = job.ended_at !== null;
    onWait(0);
    onReport(job);
  };
  async function open() {
    const current = controller = new AbortController();
    try {
      const response = await send(`jobs/${id}/events`, { signal: current.signal });
      if (response.status === 429 || response.status === 503) await poll(id, current.signal, report);
      else if (response.ok) await readEvents(response.body, report);
      else throw await failureOf(response);
    } catch (error) {
      if (current.signal.aborted) return;
      if (error instanceof RequestFailed && FINAL.includes(error.status)) {
        ended = true;
        onFailure(error);
      } else {
        failures += 1;
      }
    }
    if (ended || current.signal.aborted) return;
    const pause = failures ? Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (failures - 1)) : 0;
    if (failures) onWait(pause);
    again(failures ? pause : RETRY_MS);
  }
  const onVisibility = () => {
    if (ended) return;
    stop();
    if (document.visibilityState === "visible") open();
  };
  document.addEventListener("visibilitychange", onVisibility);
  open();
  return () => {
    ended = true;
    stop();
    document.removeEventListener("visibilitychange", onVisibility);
  };
}

/** One report without a stream; the next follows after a pause. */
async function poll(id, signal, report) {
  const job = await requestJson(`jobs/${id}`, { signal });
  report(job);
  await new Promise((done) => { setTimeout(done, POLL_MS); });
}

/** Read events until the stream ends (HTML standard, 9.2.6; the service sends each field in one line). */
async function readEvents(body, report) {
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    text += piece.replaceAll("\r\n", "\n");
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) readEvent(block, report);
  }
}

function readEvent(block, report) {
  const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  if (fields.has("data")) report(JSON.parse(fields.get("data")));
}
