// Progress of a capture, reported by the service under an id that only this page knows.

const INTERVAL_MS = 350;
const isReported = "progress" in document.body.dataset;

/** A random id of 128 bits: only a client that has it can read or stop the capture. */
export function newProgressId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Call `onStep` with {step, ahead} until the returned function is called. */
export function followProgress(id, onStep) {
  let stopped = !isReported, known = false, timer = 0;
  const poll = async () => {
    try {
      const response = await fetch(`progress/${id}`, { cache: "no-store" });
      if (stopped) return;
      if (response.status === 429) return; // the steps are a convenience; the capture goes on
      const progress = response.ok ? await response.json() : { step: "" };
      if (stopped) return;
      if (progress.step) {
        known = true;
        onStep(progress);
      } else if (known) {
        onStep({ step: "render" });
      }
    } catch { /* the next poll tries again */ }
    if (!stopped) timer = setTimeout(poll, INTERVAL_MS);
  };
  if (!stopped) timer = setTimeout(poll, INTERVAL_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Stop the capture in the service; a request that other clients wait for goes on for them. */
export function cancelCapture(id) {
  if (isReported) fetch(`progress/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}
