// The page of jobs: its URL chooses between the list and one job.

import { find, show } from "./dom.js";
import { useKey } from "./job_api.js";
import { openJobForm } from "./job_form.js";
import { hideList, openList, showList } from "./job_list.js";
import { hideJob, openJobView, showJob } from "./job_view.js";
import { openConfirm } from "./job_words.js";

const KEY_STORAGE = "tintype.key";
const keyField = find("key");
const key = () => keyField?.value.trim() ?? "";

/** Show the view of the URL. */
function route() {
  const query = new URLSearchParams(location.search), job = query.get("job");
  show(find("list-view"), !job);
  show(find("job-view"), Boolean(job));
  for (const link of document.querySelectorAll(".top a[data-view]")) {
    if (job) link.removeAttribute("aria-current");
    else link.setAttribute("aria-current", "page");
  }
  if (job) {
    hideList();
    showJob(job, query.get("status") ?? "", Number(query.get("after")) || 0);
  } else {
    hideJob();
    document.title = "Jobs · Tintype";
    showList(query.get("before") ?? "");
  }
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
  const inPlace = link.closest("#filters");
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
      route();
    });
  }
  useKey(key);
  openConfirm();
  openList();
  openJobForm((job) => go(`jobs?job=${job.id}`));
  openJobView(() => go("jobs"), () => Boolean(key()));
  document.addEventListener("click", onClick);
  addEventListener("popstate", route);
  route();
}

init();
