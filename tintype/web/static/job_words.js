// Jobs in words: states, counts, times, and the bar of their progress.

import { announce, find, make } from "./dom.js";
import { ago, duration } from "./format.js";

export const number = (value) => value.toLocaleString("en");

export const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;

/** Titles of the states of a job. */
const STATES = { queued: "Queued", running: "Running", completed: "Completed", partial: "Partly captured", failed: "Failed", cancelled: "Cancelled" };

export const hasEnded = (job) => job.ended_at !== null;

/** The state of a job as a chip; a cancelled job whose last pages are still captured is ending. */
export function stateChip(job) {
  const chip = make("span", { class: "state" });
  showState(chip, job);
  return chip;
}

export function showState(chip, job) {
  chip.className = `state ${job.status}`;
  chip.textContent = job.status === "cancelled" && !hasEnded(job) ? "Cancelling" : STATES[job.status] ?? job.status;
}

export const seconds = (time) => Date.parse(time) / 1000;

export const titleOf = (job) => job.name || `Job of ${new Date(job.created_at).toLocaleString("en-GB", { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" })}`;

export const age = (time) => ago(Math.max(0, Date.now() / 1000 - seconds(time)));

/** Draw the shares of captured, failed, cancelled and running pages into a meter. */
export function drawMeter(meter, { progress }) {
  const shares = ["captured", "failed", "cancelled", "running"];
  if (meter.childElementCount !== shares.length) meter.replaceChildren(...shares.map((name) => make("span", { class: `share ${name}` })));
  shares.forEach((name, index) => { meter.children[index].style.width = `${(100 * progress[name]) / Math.max(1, progress.total)}%`; });
}

/** Counts of the pages of a job in one line. */
export function countsText({ progress, status }) {
  const { total, captured, failed, cancelled } = progress;
  if (status === "completed") return plural(total, "page");
  return [`${number(captured)} of ${plural(total, "page")}`, ...(failed ? [`${number(failed)} failed`] : []), ...(cancelled ? [`${number(cancelled)} cancelled`] : [])].join(" · ");
}

/** Pages that have ended in a minute, and how long the rest takes; empty until there is something to measure. */
export function paceTexts({ progress, started_at: startedAt, ended_at: endedAt }) {
  const ended = progress.captured + progress.failed;
  if (!startedAt || ended < 1) return { pace: "", rest: "" };
  const passed = Math.max(1, (endedAt ? seconds(endedAt) : Date.now() / 1000) - seconds(startedAt));
  const left = progress.queued + progress.running;
  return {
    pace: ended > 1 ? `${number(Math.max(1, Math.round((ended / passed) * 60)))} pages per minute` : "",
    rest: left && !endedAt && ended > 2 ? `about ${duration((passed / ended) * left)} left` : "",
  };
}

/** Ask before something that cannot be undone; resolves to whether it is confirmed. */
export function confirmAction(title, text, label) {
  const dialog = find("confirm");
  find("confirm-title").textContent = title;
  find("confirm-text").textContent = text;
  find("confirm-yes").textContent = label;
  dialog.returnValue = "";
  dialog.showModal();
  find("confirm-no").focus();
  return new Promise((resolve) => { dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }); });
}

export function openConfirm() {
  find("confirm-no").addEventListener("click", () => find("confirm").close(""));
  find("confirm-yes").addEventListener("click", () => find("confirm").close("yes"));
}

const WORDS = {
  401: ["An API key is needed", "Enter your API key above. The operator of the service issues it."],
  403: ["Not permitted", ""],
  404: ["There is no such job", "It was deleted, its retention has ended, or it belongs to another API key."],
};

/** Show why a request failed, with a button that repeats it; null removes the message. */
export function showTrouble(box, error, retry, subject = "") {
  if (!error) {
    box.replaceChildren();
    return;
  }
  const [title, text] = (error.status === 404 && subject ? [`There is no such ${subject}`, "It was deleted, or it belongs to another API key."] : WORDS[error.status])
    ?? (error.status ? [error.problem.title, error.problem.detail] : ["The service does not respond", "It may be restarting, or the network is down."]);
  const button = make("button", { type: "button", class: "act" }, "Try again");
  button.addEventListener("click", retry);
  box.replaceChildren(make("strong", {}, title), make("p", {}, text || error.problem?.detail || ""), ...([401, 403, 404].includes(error.status) ? [] : [button]));
  announce(title);
}
