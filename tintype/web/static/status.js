// Status of the service: /status.json every 5 s while the page is visible and in use, drawn over the last 5 minutes.
// Polling stops after 10 minutes without input, so that a forgotten tab does not keep a machine awake.

import { drawChart, roundTop } from "./chart.js";
import { find, show } from "./dom.js";
import { duration, percent } from "./format.js";

/** All in seconds. */
const INTERVAL = 5, SPAN = 300, IDLE_TIMEOUT = 600, MINUTE = 60, MIN_CHART_SPAN = 20;
const STORAGE_KEY = "tintype.status";
const THUMBNAILS = ["hits", "stale", "derived", "coalesced", "misses"];
let samples = load();
let timer = 0;
let keyOf = () => "";

/** Start polling; `key` returns the API key, and `required` is true if requests need one. Returns the poll function. */
export function startPolling(key, required) {
  keyOf = () => (required ? key() : "");
  let lastInput = performance.now();
  const isIdle = () => performance.now() - lastInput > IDLE_TIMEOUT * 1000;
  const poll = async () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible" || isIdle()) return;
    if (!required || key()) await fetchStatus();
    timer = setTimeout(poll, samples.length < 2 ? 1500 : INTERVAL * 1000);
  };
  const onInput = () => {
    const wasIdle = isIdle();
    lastInput = performance.now();
    if (wasIdle) poll();
  };
  for (const event of ["pointermove", "pointerdown", "keydown", "scroll"]) addEventListener(event, onInput, { passive: true });
  document.addEventListener("visibilitychange", poll);
  poll();
  return poll;
}

async function fetchStatus() {
  const key = keyOf();
  try {
    const response = await fetch("status.json", { cache: "no-store", headers: key ? { Authorization: `Bearer ${key}` } : {} });
    if (response.ok) addSample(await response.json());
    else if (response.status === 401) show(find("status"), false);
  } catch { /* the service may be restarting; the next poll tries again */ }
}

function addSample(sample) {
  samples = [...samples, sample].filter((each) => each.time > sample.time - SPAN - MINUTE && each.time <= sample.time);
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(samples));
  } catch { /* without storage, a reload empties the charts */ }
  show(find("live-none"), false);
  show(find("status"));
  render(sample);
}

function load() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter((each) => typeof each?.time === "number" && each.thumbnails) : [];
  } catch {
    return [];
  }
}

function render(now) {
  const series = (value) => samples.filter((each) => each.time > now.time - SPAN).map((each) => ({ at: now.time - each.time, value: value(each) }));
  const ratio = recentHitRatio(now);
  renderFigure("ratio", ratio === null ? "–" : percent(ratio), totalText(now), series(recentHitRatio), 1, (value) => percent(value));
  const queue = now.queue;
  renderFigure("queue", queue ? String(queue.busy + queue.waiting) : "–",
    queue ? `${queue.busy} of ${queue.slots} slots in use, ${queue.waiting} in the queue` : "the browser is not running",
    series((each) => (each.queue ? each.queue.busy + each.queue.waiting : null)), queue?.slots ?? 1, String);
  renderFigure("rate", String(recentCaptures(now)), meanText(now), series(recentCaptures), 5, String);
}

function renderFigure(name, value, note, values, top, format) {
  find(`${name}-value`).textContent = value;
  find(`${name}-note`).textContent = note;
  const known = values.map((each) => each.value).filter((each) => each !== null);
  const range = known.length ? `, between ${format(Math.min(...known))} and ${format(Math.max(...known))} in the last five minutes` : "";
  find(`${name}-description`).textContent = `now ${value}${range}`;
  const span = Math.min(SPAN, Math.max(MIN_CHART_SPAN, ...values.map(({ at }) => at)));
  const upper = roundTop(Math.max(0, ...known), top);
  find(`${name}-top`).textContent = format(upper);
  find(`${name}-from`).textContent = `${duration(span)} ago`;
  drawChart(find(`${name}-chart`), values, upper, span);
}

const sum = (sample, names) => names.reduce((total, name) => total + sample.thumbnails[name], 0);

/** The sample of a minute earlier, or the oldest one. */
function minuteBefore(sample) {
  return samples.find((each) => each.time >= sample.time - MINUTE) ?? sample;
}

/** Share of hits and stale thumbnails in the last minute; without thumbnails in that minute, of all so far. */
function recentHitRatio(sample) {
  const earlier = minuteBefore(sample);
  const served = sum(sample, THUMBNAILS) - sum(earlier, THUMBNAILS);
  return served > 0 ? (sum(sample, ["hits", "stale"]) - sum(earlier, ["hits", "stale"])) / served : sample.hit_ratio;
}

function recentCaptures(sample) {
  return Math.max(0, sample.captures - minuteBefore(sample).captures);
}

function totalText(sample) {
  const total = sum(sample, THUMBNAILS);
  return total ? `${percent(sample.hit_ratio ?? 0)} of ${total.toLocaleString("en")} thumbnails since the start` : "no thumbnails yet";
}

function meanText(sample) {
  const captures = sample.captures + sample.failures;
  return captures ? `${(sample.capture_seconds / captures).toFixed(1)} s per capture on average` : "none yet";
}
