// The page of jobs and schedules: its URL chooses between the lists, one job, and one schedule.

import { find, show } from "./dom.js";
import { useKey } from "./job_api.js";
import { openJobForm, suggestTimes } from "./job_form.js";
import { hideList, openList, showList } from "./job_list.js";
import { hideJob, openJobView, showJob } from "./job_view.js";
import { openConfirm } from "./job_words.js";
import { hideSchedules, openSchedules, showSchedules } from "./schedule_list.js";
import { hideSchedule, openScheduleView, showSchedule } from "./schedule_view.js";

const KEY_STORAGE = "tintype.key";
const keyField = find("key"), hasSchedules = find("schedule-view") !== null;
const key = () => keyField?.value.trim() ?? "";

/** Show the view of the URL. */
function route() {
  const query = new URLSearchParams(location.search), job = query.get("job"), schedule = hasSchedules ? query.get("schedule") : null;
  const name = job ? "job" : schedule ? "schedule" : hasSchedules && query.get("view") === "schedules" ? "schedules" : "jobs";
  show(find("list-view"), name === "jobs" || name === "schedules");
  show(find("job-view"), name === "job");
  if (hasSchedules) {
    show(find("schedule-view"), name === "schedule");
    show(find("schedules-section"), name === "schedules");
    show(find("jobs-section"), name !== "schedules");
  }
  for (const link of document.querySelectorAll(".top a[data-name]")) {
    if (link.dataset.name === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (name !== "job") hideJob();
  if (name !== "jobs") hideList();
  if (name !== "schedule") hideSchedule();
  if (name !== "schedules") hideSchedules();
  if (name === "job") showJob(job, query.get("status") ?? "", Number(query.get("after")) || 0);
  else if (name === "schedule") showSchedule(schedule, query.get("run") ?? "", Number(query.get("page")) || 1);
  else showLists(name, query.get("before") ?? "");
}

function showLists(name, before) {
  document.title = `${name === "jobs" ? "Jobs" : "Schedules"} · Tintype`;
  find("title").textContent = name === "jobs" ? "Thumbnails of many pages, in one job." : "Pages captured again and again, and compared.";
  suggestTimes(name === "schedules");
  if (name === "jobs") showList(before);
  else showSchedules();
}

function go(url) {
  history.pushState(null, "", url);
  route();
  scrollTo(0, 0);
}

/** Links to views change the view without loading the page, unless the browser should open them elsewhere. */
function onClick(event) {
  const link = event.target.closest("a[data-view]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const inPlace = link.closest("#filters, [data-in-place]");
  const top = scrollY;
  go(link.href);
  if (inPlace) scrollTo(0, top);
}

function init() {
  if (keyField) {
    keyField.value = sessionStorage.getItem(KEY_STORAGE) ?? "";
    keyField.addEventListener("change", () => {
      sessionStorage.setItem(KEY_STORAGE, key());
      hideJob();
      hideSchedule();
      route();
    });
  }
  useKey(key);
  openConfirm();
  openList();
  openJobForm({ onJob: ({ id }) => go(`jobs?job=${id}`), onSchedule: ({ id }) => go(`jobs?schedule=${id}`) });
  openJobView(() => go("jobs"), () => Boolean(key()));
  if (hasSchedules) {
    openSchedules();
    openScheduleView(() => go("jobs?view=schedules"), (url) => {
      history.pushState(null, "", url);
      route();
    });
  }
  document.addEventListener("click", onClick);
  addEventListener("popstate", route);
  route();
}

init();
