// One schedule: its runs as a strip of pictures, newest first, and one run beside the picture before it.

import { announce, find, make, show } from "./dom.js";
import { requestJson } from "./job_api.js";
import { confirmAction, plural, showTrouble } from "./job_words.js";
import { loadPreview } from "./previews.js";
import { nextText, outcome, outcomeChip, previewPath, timeOf, timesText, titleOfSchedule } from "./schedule_words.js";

/** Runs in the strip at first, and by each press of a button. */
const LIMIT = 30;
/** Milliseconds between two requests, while a run is in progress and otherwise. */
const ACTIVE_MS = 2000, QUIET_MS = 15_000;
const PICTURES = [["before", "Before"], ["thumbnail", "After"], ["difference", "Difference"]];
let shownId = "", schedule = null, runs = [], next = null, number = 1, chosen = "", timer = 0, controller = null, leave = () => {};

/** Show a schedule, its page with a number, and one of its runs ("": the newest). */
export function showSchedule(id, run, page) {
  if (shownId !== id) {
    hideSchedule();
    shownId = id;
    showContent(false);
    showTrouble(find("schedule-trouble"), null);
    find("strip").replaceChildren();
    refresh();
  }
  chosen = run;
  number = page || 1;
  if (schedule) render();
}

export function hideSchedule() {
  clearTimeout(timer);
  controller?.abort();
  [shownId, schedule, runs, next] = ["", null, [], null];
}

function showContent(visible) {
  show(find("schedule-content"), visible);
  show(find("schedule-waiting"), !visible);
}

async function refresh() {
  clearTimeout(timer);
  controller?.abort();
  if (!shownId || document.visibilityState !== "visible") return;
  const current = controller = new AbortController(), id = shownId, isFirst = !schedule;
  try {
    const [report, list] = await Promise.all(["", `/runs?limit=${LIMIT}`].map((part) => requestJson(`schedules/${id}${part}`, { signal: current.signal })));
    if (current.signal.aborted) return;
    schedule = report;
    const older = runs.slice(LIMIT).filter((run) => !list.runs.some((each) => each.id === run.id));
    runs = [...list.runs, ...older];
    if (!older.length) next = list.next;
    showContent(true);
    showTrouble(find("schedule-trouble"), null);
    render();
    if (isFirst) find("schedule-title").focus({ preventScroll: true });
  } catch (error) {
    if (current.signal.aborted) return;
    if (isFirst) showContent(false);
    showTrouble(find("schedule-trouble"), error, refresh, "schedule");
    if ([401, 403, 404].includes(error.status)) return;
  }
  timer = setTimeout(refresh, schedule?.running || !runs.length ? ACTIVE_MS : QUIET_MS);
}

const pageOf = (run) => run.pages.find((page) => page.number === number);
const hrefOf = (run) => `jobs?${new URLSearchParams({ schedule: shownId, ...(run ? { run } : {}), ...(number > 1 ? { page: number } : {}) })}`;

function render() {
  const title = titleOfSchedule(schedule);
  document.title = `${title} · Tintype`;
  if (find("schedule-title").textContent !== title) find("schedule-title").textContent = title;
  find("schedule-state").replaceWith(Object.assign(outcomeChip(schedule.running ? ["running", "Running"] : schedule.paused ? ["queued", "Paused"] : ["completed", "Active"]), { id: "schedule-state" }));
  find("schedule-times").textContent = `${timesText(schedule)} · ${nextText(schedule)}`.replace(/^./, (letter) => letter.toUpperCase());
  find("schedule-pause").textContent = schedule.paused ? "Continue" : "Pause";
  find("schedule-run").disabled = Boolean(schedule.running);
  renderPages();
  renderStrip();
  renderRun();
}

/** The choice of the page, if a run has several. */
function renderPages() {
  const pages = runs.find((run) => run.pages.length)?.pages ?? [], select = find("schedule-page");
  const sorted = [...pages].sort((one, other) => one.number - other.number), text = sorted.map((page) => page.number).join();
  show(find("schedule-pages"), sorted.length > 1);
  if (select.dataset.numbers !== text) {
    select.replaceChildren(...sorted.map((page) => make("option", { value: page.number }, `${page.number}. ${page.url.replace(/^https?:\/\//, "")}`)));
    select.dataset.numbers = text;
  }
  select.value = String(number);
}

function renderStrip() {
  const strip = find("strip"), cards = new Map([...strip.children].map((card) => [card.dataset.run, card]));
  const wanted = runs.map((run) => {
    const card = cards.get(run.id) ?? make("li", { "data-run": run.id }), text = JSON.stringify([run, number]);
    if (card.dataset.text !== text) fillCard(card, run);
    card.dataset.text = text;
    const link = card.firstElementChild;
    link.href = hrefOf(run.id);
    if (run.id === current()?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    return card;
  });
  if (wanted.length !== strip.children.length || wanted.some((card, index) => strip.children[index] !== card)) strip.replaceChildren(...wanted);
  show(find("strip-none"), !runs.length);
  show(find("strip-older"), Boolean(next));
}

/** A run in the strip; while the pointer or the focus is on it, the difference is shown in place of the picture. */
function fillCard(card, run) {
  const page = pageOf(run), state = outcome(run, page), picture = make("span", { class: "page-picture" });
  const link = make("a", { class: "run", "data-view": true, "data-in-place": true }, picture, make("span", { class: "run-time" }, timeOf(run.started_at)), outcomeChip(state));
  if (page?.stored_url) {
    const image = make("img", { alt: "", width: 400, height: 225 });
    picture.append(image);
    loadPreview(image, previewPath(shownId, run.id, number), () => image.remove());
  } else picture.append(make("span", { class: "page-state" }, state[1]));
  if (page?.difference_url) {
    let marked = null;
    const showDifference = () => {
      if (!marked) {
        marked = make("img", { alt: "", width: 400, height: 225, class: "marked" });
        picture.append(marked);
        loadPreview(marked, previewPath(shownId, run.id, number, "difference"), () => marked.remove());
      }
      link.classList.add("shows-difference");
    };
    for (const event of ["pointerenter", "focus"]) link.addEventListener(event, showDifference);
    for (const event of ["pointerleave", "blur"]) link.addEventListener(event, () => link.classList.remove("shows-difference"));
  }
  card.replaceChildren(link);
}

const current = () => runs.find((run) => run.id === chosen) ?? runs.find((run) => run.status !== "running") ?? runs[0];

/** The chosen run: before, after, difference; or why there is no picture. */
function renderRun() {
  const run = current(), box = find("run-detail");
  show(box, Boolean(run));
  if (!run) return;
  const page = pageOf(run), text = JSON.stringify([run.id, run.status, page, number]);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  const failure = run.error ? run : page?.error ? page : null, urls = { before: page?.before_url, thumbnail: page?.stored_url, difference: page?.difference_url };
  find("run-title").textContent = `Run of ${timeOf(run.started_at)}`;
  find("run-state").replaceWith(Object.assign(outcomeChip(outcome(run, page)), { id: "run-state" }));
  find("run-note").replaceChildren(...(failure ? [make("code", {}, failure.error), `: ${failure.detail ?? ""}`] : [noteOf(run, page)]));
  find("run-pictures").replaceChildren(...PICTURES.filter(([name]) => urls[name]).map(([name, title]) => figure(run, name, urls.before ? title : "Picture", urls[name])));
}

function noteOf(run, page) {
  if (run.status === "running") return "The run is in progress.";
  if (!page) return run.total > run.pages.length ? `The list shows ${plural(run.pages.length, "page")} of ${run.total}; this one is not among them.` : "This page was not part of the run.";
  if (page.difference_url) return `${schedule.threshold} % of the pixels may differ before a page counts as changed.`;
  return page.change === null ? "There is no earlier picture to compare with." : "No part of the page has changed.";
}

function figure(run, name, title, url) {
  const image = make("img", { alt: `${title}, ${timeOf(run.started_at)}`, width: 1280, height: 720 }), link = make("a", { href: url, target: "_blank", rel: "noopener" }, image);
  loadPreview(image, previewPath(shownId, run.id, number, name, "large"), () => link.replaceChildren("No picture"));
  return make("figure", { class: "run-picture" }, make("figcaption", {}, title), link);
}

async function change(button, path, options, done) {
  button.disabled = true;
  try {
    await requestJson(path, options);
    done();
  } catch (error) {
    showTrouble(find("schedule-trouble"), error, () => change(button, path, options, done));
  } finally {
    button.disabled = false;
  }
}

async function remove({ currentTarget }) {
  const button = currentTarget;
  if (!await confirmAction("Delete this schedule?", "The schedule, its runs and their pictures are deleted.", "Delete")) return;
  change(button, `schedules/${shownId}`, { method: "DELETE" }, () => leave());
}

async function showOlder() {
  try {
    const list = await requestJson(`schedules/${shownId}/runs?${new URLSearchParams({ limit: LIMIT, before: next })}`);
    runs = [...runs, ...list.runs];
    next = list.next;
    render();
  } catch (error) {
    showTrouble(find("schedule-trouble"), error, showOlder);
  }
}

/** `onDelete` is called after the schedule was deleted, `onChoose` with the URL of another page. */
export function openScheduleView(onDelete, onChoose) {
  leave = onDelete;
  find("schedule-run").addEventListener("click", ({ currentTarget }) => change(currentTarget, `schedules/${shownId}/run`, { method: "POST" }, () => {
    announce("The run begins now.");
    refresh();
  }));
  find("schedule-pause").addEventListener("click", ({ currentTarget }) => {
    const paused = !schedule.paused;
    change(currentTarget, `schedules/${shownId}`, { method: "PATCH", body: { paused } }, () => {
      announce(paused ? "The schedule is paused." : "The schedule continues.");
      refresh();
    });
  });
  find("schedule-delete").addEventListener("click", remove);
  find("strip-older").addEventListener("click", showOlder);
  find("schedule-page").addEventListener("change", ({ target }) => {
    number = Number(target.value);
    onChoose(hrefOf(chosen));
  });
  document.addEventListener("visibilitychange", refresh);
}
