// How is the service doing? Asked every few seconds while somebody looks, drawn over the last five minutes.
// A page that was left open must not keep a machine awake that would sleep without visitors.

import { drawChart } from "./chart.js";
import { find, show } from "./dom.js";
import { percent } from "./words.js";

const EVERY = 5, SPAN = 300, AWAKE = 600, MINUTE = 60, SHORT = 20, PLACE = "tintype.figures";
const PICTURES = ["hits", "stale", "derived", "coalesced", "misses"];
let samples = load();
let timer = 0;
let keyOf = () => "";

/** Begin to look; `key` gives the API key, if one was entered. `needed`: there is nothing to see without. */
export function watch(key, needed) {
  keyOf = () => (needed ? key() : "");
  let touched = performance.now();
  const sleeping = () => performance.now() - touched > AWAKE * 1000;
  const look = async () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible" || sleeping()) return;
    if (!needed || key()) await ask();
    timer = setTimeout(look, samples.length < 2 ? 1500 : EVERY * 1000);
  };
  const touch = () => {
    const slept = sleeping();
    touched = performance.now();
    if (slept) look();
  };
  for (const event of ["pointermove", "pointerdown", "keydown", "scroll"]) addEventListener(event, touch, { passive: true });
  document.addEventListener("visibilitychange", look);
  look();
  return look;
}

async function ask() {
  const key = keyOf();
  try {
    const answer = await fetch("status.json", { cache: "no-store", headers: key ? { Authorization: `Bearer ${key}` } : {} });
    if (answer.ok) take(await answer.json());
    else if (answer.status === 401) show(find("figures"), false);
  } catch { /* it may be restarting: the next look tells */ }
}

function take(sample) {
  samples = [...samples, sample].filter((each) => each.time > sample.time - SPAN - MINUTE && each.time <= sample.time);
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(samples));
  } catch { /* then the charts begin anew with the page */ }
  show(find("live-none"), false);
  show(find("figures"));
  paint(sample);
}

function load() {
  try {
    const found = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each?.time === "number") : [];
  } catch {
    return [];
  }
}

function paint(now) {
  const series = (value) => samples.filter((each) => each.time > now.time - SPAN).map((each) => ({ at: now.time - each.time, value: value(each) }));
  const ratio = ratioBefore(now);
  tell("ratio", ratio === null ? "–" : percent(ratio), about(now), series(ratioBefore), 1, (value) => percent(value));
  const queue = now.queue;
  tell("queue", queue ? String(queue.busy + queue.waiting) : "–",
    queue ? `${queue.busy} of ${queue.slots} slots busy, ${queue.waiting} in the queue` : "the browser is not running now",
    series((each) => (each.queue ? each.queue.busy + each.queue.waiting : null)), queue?.slots ?? 1, String);
  tell("rate", String(capturesBefore(now)), meanOf(now), series(capturesBefore), 5, String);
}

function tell(name, value, words, values, top, spoken) {
  find(`${name}-value`).textContent = value;
  find(`${name}-about`).textContent = words;
  const known = values.map((each) => each.value).filter((each) => each !== null);
  const range = known.length ? `, between ${spoken(Math.min(...known))} and ${spoken(Math.max(...known))} in the last five minutes` : "";
  find(`${name}-told`).textContent = `now ${value}${range}`;
  drawChart(find(`${name}-chart`), values, top, Math.min(SPAN, Math.max(SHORT, ...values.map(({ at }) => at))));
}

const sum = (sample, names) => names.reduce((total, name) => total + sample.thumbnails[name], 0);

/** The sample a minute before another, or the oldest there is. */
function before(sample) {
  return samples.find((each) => each.time >= sample.time - MINUTE) ?? sample;
}

/** The part of pictures in a minute that came without waiting; where there were none, of all there ever were. */
function ratioBefore(sample) {
  const old = before(sample);
  const served = sum(sample, PICTURES) - sum(old, PICTURES);
  return served > 0 ? (sum(sample, ["hits", "stale"]) - sum(old, ["hits", "stale"])) / served : sample.hit_ratio;
}

function capturesBefore(sample) {
  return Math.max(0, sample.captures - before(sample).captures);
}

function about(sample) {
  const all = sum(sample, PICTURES);
  return all ? `${percent(sample.hit_ratio ?? 0)} of ${all.toLocaleString("en")} pictures so far` : "no pictures yet";
}

function meanOf(sample) {
  const visits = sample.captures + sample.failures;
  return visits ? `${(sample.capture_seconds / visits).toFixed(1)} s each on average` : "none yet";
}
