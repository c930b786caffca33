// The list of jobs, newest first; it is requested again while it is visible.

import { find, make, show } from "./dom.js";
import { requestJson } from "./job_api.js";
import { age, countsText, drawMeter, hasEnded, showState, showTrouble, stateChip, titleOf } from "./job_words.js";
import { loadPreview } from "./previews.js";

const LIMIT = 20;
/** Milliseconds between two requests, while a job runs and otherwise; without input for IDLE_MS there are none. */
const ACTIVE_MS = 2000, QUIET_MS = 20_000, IDLE_MS = 600_000;
let timer = 0, before = "", controller = null, lastInput = performance.now();
let isShown = false;

/** Show the jobs after the one with the id `start`, or the newest. */
export function showList(start) {
  if (start !== before) find("job-list").replaceChildren();
  before = start;
  isShown = true;
  refreshList();
}

export function hideList() {
  isShown = false;
  clearTimeout(timer);
  controller?.abort();
}

/** Request the list now. */
export async function refreshList() {
  if (!isShown) return;
  clearTimeout(timer);
  controller?.abort();
  if (document.visibilityState !== "visible" || performance.now() - lastInput > IDLE_MS) return;
  const current = controller = new AbortController();
  let isActive = false;
  try {
    const query = new URLSearchParams({ limit: LIMIT, ...(before ? { before } : {}) });
    const list = await requestJson(`jobs?${query}`, { signal: current.signal });
    render(list);
    showTrouble(find("list-trouble"), null);
    isActive = list.jobs.some((job) => !hasEnded(job));
  } catch (error) {
    if (current.signal.aborted) return;
    show(find("list-none"), false);
    showTrouble(find("list-trouble"), error, refreshList);
    if ([400, 401, 403].includes(error.status)) return;
  }
  if (!current.signal.aborted) timer = setTimeout(refreshList, isActive ? ACTIVE_MS : QUIET_MS);
}

function render({ jobs, next }) {
  const list = find("job-list"), rows = new Map([...list.children].map((row) => [row.dataset.job, row]));
  const wanted = jobs.map((job) => {
    const row = rows.get(job.id) ?? makeRow(job);
    fillRow(row, job);
    return row;
  });
  if (wanted.length !== list.children.length || wanted.some((row, index) => list.children[index] !== row)) {
    const focused = document.activeElement;
    list.replaceChildren(...wanted);
    if (list.contains(focused)) focused.focus();
  }
  show(find("list-none"), !jobs.length && !before);
  show(find("list-pager"), Boolean(next || before));
  show(find("list-newest"), Boolean(before));
  show(find("list-older"), Boolean(next));
  find("list-older").href = `jobs?before=${next}`;
}

function makeRow(job) {
  return make("li", { class: "job", "data-job": job.id },
    make("a", { href: `jobs?job=${job.id}`, "data-view": true },
      make("span", { class: "cover" }),
      make("span", { class: "job-name" }, titleOf(job)),
      stateChip(job),
      make("span", { class: "meter", "aria-hidden": "true" }),
      make("span", { class: "job-counts" }),
      make("span", { class: "job-age" })));
}

function fillRow(row, job) {
  const part = (name) => row.querySelector(`.${name}`);
  showState(part("state"), job);
  drawMeter(part("meter"), job);
  part("job-counts").textContent = countsText(job);
  part("job-age").textContent = age(job.created_at);
  if (job.progress.captured && job.store && !row.dataset.covered) addCover(row, job);
}

/** The first captured page as the picture of the job. */
async function addCover(row, job) {
  row.dataset.covered = "true";
  try {
    const { pages } = await requestJson(`jobs/${job.id}/pages?status=captured&limit=1`);
    if (!pages[0]?.content_type?.startsWith("image/")) return;
    const image = make("img", { alt: "", width: 400, height: 225 });
    row.querySelector(".cover").replaceChildren(image);
    loadPreview(image, `jobs/${job.id}/pages/${pages[0].number}/preview`, () => image.remove());
  } catch {
    delete row.dataset.covered;
  }
}

export function openList() {
  document.addEventListener("visibilitychange", refreshList);
  for (const event of ["pointermove", "pointerdown", "keydown", "scroll"]) {
    addEventListener(event, () => {
      const wasIdle = performance.now() - lastInput > IDLE_MS;
      lastInput = performance.now();
      if (wasIdle) refreshList();
    }, { passive: true });
  }
}
