// The list of schedules; it is requested again while it is visible.

import { find, make, show } from "./dom.js";
import { requestJson } from "./job_api.js";
import { showTrouble } from "./job_words.js";
import { loadPreview } from "./previews.js";
import { changeText, nextText, outcomeChip, previewPath, timesText, titleOfSchedule } from "./schedule_words.js";

/** Milliseconds between two requests. */
const INTERVAL_MS = 10_000;
let timer = 0, controller = null, isShown = false;

export function showSchedules() {
  isShown = true;
  refresh();
}

export function hideSchedules() {
  isShown = false;
  clearTimeout(timer);
  controller?.abort();
}

async function refresh() {
  if (!isShown) return;
  clearTimeout(timer);
  controller?.abort();
  if (document.visibilityState !== "visible") return;
  const current = controller = new AbortController();
  try {
    const { schedules } = await requestJson("schedules?limit=100", { signal: current.signal });
    render(schedules);
    showTrouble(find("schedules-trouble"), null);
  } catch (error) {
    if (current.signal.aborted) return;
    show(find("schedules-none"), false);
    showTrouble(find("schedules-trouble"), error, refresh);
    if ([401, 403].includes(error.status)) return;
  }
  if (!current.signal.aborted) timer = setTimeout(refresh, INTERVAL_MS);
}

function render(schedules) {
  const list = find("schedule-list"), rows = new Map([...list.children].map((row) => [row.dataset.schedule, row]));
  const wanted = schedules.map((schedule) => {
    const text = JSON.stringify(schedule), row = rows.get(schedule.id) ?? make("li", { class: "job", "data-schedule": schedule.id });
    if (row.dataset.text !== text) fillRow(row, schedule);
    row.dataset.text = text;
    row.querySelector(".job-age").textContent = nextText(schedule);
    return row;
  });
  if (wanted.length !== list.children.length || wanted.some((row, index) => list.children[index] !== row)) list.replaceChildren(...wanted);
  show(find("schedules-none"), !schedules.length);
}

function stateOf({ paused, last_run: last, running }) {
  if (running) return ["running", "Running"];
  if (paused) return ["queued", "Paused"];
  if (!last) return ["queued", "Waiting"];
  if (last.error || last.status === "failed") return ["failed", "Failed"];
  return last.changed ? ["partial", `${changeText(last.change)} changed`] : ["completed", "Unchanged"];
}

function fillRow(row, schedule) {
  const hadFocus = row.contains(document.activeElement), cover = row.querySelector(".cover") ?? make("span", { class: "cover" });
  row.replaceChildren(make("a", { href: `jobs?schedule=${schedule.id}`, "data-view": true }, cover,
    make("span", { class: "job-name" }, titleOfSchedule(schedule)), outcomeChip(stateOf(schedule)),
    make("span", { class: "job-counts" }, timesText(schedule)), make("span", { class: "job-age" })));
  if (hadFocus) row.firstElementChild.focus();
  const last = schedule.last_run;
  if (!last || last.status === "running" || cover.dataset.run === last.id) return;
  cover.dataset.run = last.id;
  const image = make("img", { alt: "", width: 400, height: 225 });
  cover.replaceChildren(image);
  loadPreview(image, previewPath(schedule.id, last.id, 1), () => image.remove());
}

export function openSchedules() {
  document.addEventListener("visibilitychange", refresh);
}
