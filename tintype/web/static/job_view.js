// One job: its progress live, what can be done with it, and its pages.

import { copyText } from "./copy.js";
import { announce, find, make, show } from "./dom.js";
import { duration } from "./format.js";
import { failureOf, requestJson, send, serviceUrl } from "./job_api.js";
import { followJob } from "./job_events.js";
import { hidePages, showPages, updatePages } from "./job_pages.js";
import { age, confirmAction, countsText, drawMeter, hasEnded, number, paceTexts, plural, seconds, showState, showTrouble, titleOf } from "./job_words.js";

let shownId = "", job = null, stopFollowing = () => {}, countdown = 0, leave = () => {}, hasKey = () => false;

/** Show a job; `status` and `after` choose the pages. */
export function showJob(id, status, after) {
  showPages(id, status, after);
  if (shownId === id) {
    if (job) updatePages(job);
    return;
  }
  shownId = id;
  job = null;
  showContent(false);
  showTrouble(find("job-trouble"), null);
  follow();
}

export function hideJob() {
  stopFollowing();
  clearInterval(countdown);
  shownId = "";
  job = null;
  hidePages();
}

function showContent(visible) {
  show(find("job-content"), visible);
  show(find("job-waiting"), !visible);
}

function follow() {
  stopFollowing();
  stopFollowing = followJob(shownId, {
    onReport: (report) => {
      const wasRunning = job && !hasEnded(job), isFirst = !job;
      job = report;
      render();
      if (isFirst) find("job-title").focus({ preventScroll: true });
      if (wasRunning && hasEnded(job)) announce(`${titleOf(job)} has ended: ${countsText(job)}.`);
    },
    onWait: showWait,
    onFailure: (error) => {
      showContent(false);
      showTrouble(find("job-trouble"), error, follow, "job");
    },
  });
}

/** The connection was lost; the stream is opened again after so many milliseconds. */
function showWait(ms) {
  clearInterval(countdown);
  const line = find("job-connection");
  if (!ms) {
    if (line.textContent) line.textContent = "";
    return;
  }
  line.textContent = `The connection to the service was lost. The next attempt is in ${duration(Math.ceil(ms / 1000))}.`;
}

function render() {
  showContent(true);
  showTrouble(find("job-trouble"), null);
  const title = titleOf(job), { progress } = job, { pace, rest } = paceTexts(job);
  document.title = `${hasEnded(job) ? "" : `${Math.floor(progress.percentage)} % · `}${title} · Tintype`;
  if (find("job-title").textContent !== title) find("job-title").textContent = title;
  showState(find("job-status"), job);
  drawMeter(find("job-meter"), job);
  find("job-meter").setAttribute("aria-valuenow", Math.floor(progress.percentage));
  find("job-meter").setAttribute("aria-valuetext", countsText(job));
  find("job-numbers").textContent = [countsText(job), ...(progress.running ? [`${number(progress.running)} running`] : []), rest].filter(Boolean).join(" · ");
  const lost = progress.failed + progress.cancelled;
  show(find("job-retry"), lost > 0);
  find("job-retry").textContent = progress.failed ? `Retry ${plural(lost, progress.cancelled ? "page" : "failed page")}` : `Capture ${plural(lost, "cancelled page")}`;
  show(find("job-cancel"), progress.queued > 0);
  show(find("job-delete"), hasEnded(job));
  show(find("job-archive"), job.store && progress.captured > 0);
  find("job-archive").href = serviceUrl(`jobs/${job.id}/archive`);
  renderFacts(pace);
  updatePages(job);
}

function renderFacts(pace) {
  const { created_at: created, started_at: started, ended_at: ended } = job;
  const facts = [
    ["Submitted", age(created)],
    ["Duration", started && duration((ended ? seconds(ended) : Date.now() / 1000) - seconds(started))],
    ["Pace", pace],
    ["Sitemap", job.sitemap && sitemapText(job.sitemap)],
    ["Thumbnails", job.store ? "stored permanently" : "in the cache only"],
    ["Id", make("code", {}, job.id)],
  ];
  find("job-facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** What was found in the sitemap of a job, and what of it was left out. */
function sitemapText({ read, found, duplicates, invalid, excluded, disallowed, truncated }) {
  if (!read) return "is being read";
  const left = [[duplicates, "repeated"], [invalid, "invalid"], [excluded, "excluded"], [disallowed, "disallowed by robots.txt"]];
  return [`${number(found)} ${found === 1 ? "address" : "addresses"}`, ...left.filter(([count]) => count).map(([count, text]) => `${number(count)} ${text}`), ...(truncated ? ["there may be more"] : [])].join(", ");
}

/** Send a change of the job; the stream is opened again, because it ends with the job. */
async function change(button, path, options, done) {
  button.disabled = true;
  const { id } = job;
  try {
    const result = await requestJson(path, options);
    if (shownId !== id) return;
    showTrouble(find("job-trouble"), null);
    done(result);
  } catch (error) {
    if (shownId === id) showTrouble(find("job-trouble"), error, () => change(button, path, options, done));
  } finally {
    button.disabled = false;
  }
}

function retry({ currentTarget }) {
  change(currentTarget, `jobs/${job.id}/retry`, { method: "POST" }, ({ pages }) => {
    announce(`${plural(pages, "page")} queued again.`);
    follow();
  });
}

function cancel({ currentTarget }) {
  change(currentTarget, `jobs/${job.id}`, { method: "DELETE" }, ({ pages }) => {
    announce(`${plural(pages, "page")} cancelled.`);
    follow();
  });
}

async function remove({ currentTarget }) {
  const button = currentTarget;
  const text = `The job and the list of its pages are deleted.${job.store ? " Its stored thumbnails stay." : ""}`;
  if (!await confirmAction("Delete this job?", text, "Delete")) return;
  await change(button, `jobs/${job.id}`, { method: "DELETE" }, () => leave());
}

/** A link cannot send an API key; with one the archive is read by the page, which keeps it as a file. */
async function saveArchive(event) {
  if (!hasKey()) return;
  event.preventDefault();
  const link = event.currentTarget;
  if (link.getAttribute("aria-disabled") === "true") return;
  link.setAttribute("aria-disabled", "true");
  link.textContent = "Preparing …";
  try {
    const response = await send(`jobs/${job.id}/archive`);
    if (!response.ok) throw await failureOf(response);
    const url = URL.createObjectURL(await response.blob());
    const saved = make("a", { href: url, download: `${job.id}.zip` });
    saved.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    showTrouble(find("job-trouble"), error, () => link.click());
  } finally {
    link.removeAttribute("aria-disabled");
    link.textContent = "Download archive";
  }
}

async function copyLink({ currentTarget }) {
  const button = currentTarget, done = await copyText(new URL(`jobs?job=${job.id}`, location.href).href);
  button.textContent = done ? "Copied" : "Not copied";
  announce(done ? "Copied to the clipboard." : "This browser does not permit copying.");
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
}

/** `onDelete` is called after the job was deleted; `key` returns whether requests need an API key. */
export function openJobView(onDelete, key) {
  leave = onDelete;
  hasKey = key;
  find("job-retry").addEventListener("click", retry);
  find("job-cancel").addEventListener("click", cancel);
  find("job-delete").addEventListener("click", remove);
  find("job-archive").addEventListener("click", saveArchive);
  find("job-link").addEventListener("click", copyLink);
  setInterval(() => { if (job && !hasEnded(job)) renderFacts(paceTexts(job).pace); }, 1000);
}
