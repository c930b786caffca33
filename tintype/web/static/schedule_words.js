// Schedules in words: when they run, what has changed.

import { make } from "./dom.js";
import { duration } from "./format.js";
import { seconds } from "./job_words.js";

const UNITS = { m: "minute", h: "hour", d: "day", w: "week" };

/** When a schedule runs. */
export function timesText({ every, cron, timezone }) {
  if (cron) return `${cron} (${timezone})`;
  const [, count, unit] = /^(\d+)([mhdw])$/.exec(every ?? "") ?? [];
  if (!count) return every ? `every ${every}` : "";
  return count === "1" ? `every ${UNITS[unit]}` : `every ${count} ${UNITS[unit]}s`;
}

export function nextText({ running, paused, next_run_at: next }) {
  if (running) return "a run is in progress";
  if (paused || !next) return "paused";
  const left = seconds(next) - Date.now() / 1000;
  return left < 1 ? "the next run begins now" : `the next run in ${duration(left)}`;
}

export const titleOfSchedule = ({ name, job }) => name || String(job.pages?.[0]?.url ?? job.pages?.[0] ?? job.sitemap ?? "Schedule").replace(/^https?:\/\//, "").replace(/\/$/, "");

export function changeText(change) {
  if (change === null || change === undefined) return "";
  return change > 0 && change < 0.1 ? "below 0.1 %" : `${change.toLocaleString("en", { maximumFractionDigits: 1 })} %`;
}

/** State of a run, or of one of its pages, as a class name and words. */
export function outcome(run, page) {
  if (run.status === "running") return ["running", "Running"];
  if (run.error || page?.error || run.status === "failed") return ["failed", "Failed"];
  if (!page) return ["queued", "Not captured"];
  if (page.changed) return ["partial", `${changeText(page.change)} changed`];
  return page.change === null ? ["completed", "First picture"] : ["completed", page.change ? `${changeText(page.change)}, unchanged` : "Unchanged"];
}

export const outcomeChip = ([name, text]) => make("span", { class: `state ${name}` }, text);

export const timeOf = (time) => new Date(time).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const previewPath = (schedule, run, number, of = "thumbnail", size = "small") => `schedules/${schedule}/runs/${run}/pages/${number}/preview?of=${of}&size=${size}`;
