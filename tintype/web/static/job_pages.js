// The pages of a job: one part of the list at a time, each page as a card that is filled when it has been captured.

import { find, make, show } from "./dom.js";
import { VERDICT_BADGE, bytes, milliseconds } from "./format.js";
import { requestJson } from "./job_api.js";
import { number, showTrouble } from "./job_words.js";
import { loadPreview } from "./previews.js";

/** Pages in one part of the list. */
const LIMIT = 60;
/** Milliseconds between two requests for the shown part while the job runs. */
const INTERVAL_MS = 1000;
const FILTERS = [["", "All", "total"], ["captured", "Captured", "captured"], ["failed", "Failed", "failed"], ["running", "Running", "running"], ["queued", "Waiting", "queued"], ["cancelled", "Cancelled", "cancelled"]];
const STATES = { queued: "Waiting", running: "Capturing", cancelled: "Cancelled" };
let shown = { job: "", status: "", after: 0 };
let counts = null, timer = 0, controller = null, previousStarts = [];

const hrefOf = ({ job, status, after }) => `jobs?${new URLSearchParams({ job, ...(status ? { status } : {}), ...(after ? { after } : {}) })}`;

/** Show the pages of a job in a state, after a number. */
export function showPages(job, status, after) {
  if (shown.job !== job || shown.status !== status) previousStarts = [];
  if (shown.job !== job || shown.status !== status || shown.after !== after) find("pages").replaceChildren();
  shown = { job, status, after };
  counts = null;
}

export function hidePages() {
  clearTimeout(timer);
  timer = 0;
  controller?.abort();
  shown = { job: "", status: "", after: 0 };
}

/** Show the counts of a job, and request the shown part again if it may have changed. */
export function updatePages({ id, progress }) {
  if (id !== shown.job) return;
  const changed = !counts || JSON.stringify(counts) !== JSON.stringify(progress);
  const isFirst = !counts;
  counts = progress;
  drawFilters();
  if (!changed || timer) return;
  timer = setTimeout(refresh, isFirst ? 0 : INTERVAL_MS);
}

async function refresh() {
  timer = 0;
  controller?.abort();
  const current = controller = new AbortController();
  const { job, status, after } = shown, known = counts;
  try {
    const query = new URLSearchParams({ after, limit: LIMIT, ...(status ? { status } : {}) });
    const list = await requestJson(`jobs/${job}/pages?${query}`, { signal: current.signal });
    if (current.signal.aborted) return;
    showTrouble(find("job-trouble"), null);
    render(list);
    if (counts !== known && !timer) timer = setTimeout(refresh, INTERVAL_MS);
  } catch (error) {
    if (!current.signal.aborted) showTrouble(find("job-trouble"), error, refresh);
  }
}

function drawFilters() {
  const isOpen = counts.queued + counts.running > 0;
  const filters = FILTERS.filter(([status, , name]) => !status || counts[name] || status === shown.status || (isOpen && ["queued", "running"].includes(status)));
  const box = find("filters");
  if (box.dataset.names !== filters.join()) {
    const had = box.contains(document.activeElement) && document.activeElement.dataset.status;
    box.replaceChildren(...filters.map(([status, title]) => make("a", { href: hrefOf({ job: shown.job, status }), "data-view": true, "data-status": status }, `${title} `, make("span", { class: "filter-count" }))));
    box.dataset.names = filters.join();
    if (had !== false) box.querySelector(`[data-status="${had}"]`)?.focus();
  }
  filters.forEach(([status, , name], index) => {
    const link = box.children[index];
    link.href = hrefOf({ job: shown.job, status });
    link.lastElementChild.textContent = number(counts[name]);
    if (status === shown.status) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
}

function render({ pages, next }) {
  const list = find("pages"), cards = new Map([...list.children].map((card) => [card.dataset.number, card]));
  const wanted = pages.map((page) => {
    const card = cards.get(String(page.number)) ?? make("li", { class: "page", "data-number": page.number });
    fillCard(card, page);
    return card;
  });
  if (wanted.length !== list.children.length || wanted.some((card, index) => list.children[index] !== card)) list.replaceChildren(...wanted);
  if (!wanted.length) list.replaceChildren(make("li", { class: "no-pages hint" }, "No page is in this state now."));
  drawPager(pages, next);
}

function drawPager(pages, next) {
  const total = counts[FILTERS.find(([status]) => status === shown.status)[2]];
  show(find("pager"), Boolean(next || shown.after));
  show(find("pager-next"), Boolean(next));
  show(find("pager-previous"), shown.after > 0);
  if (next) find("pager-next").href = hrefOf({ ...shown, after: next });
  if (shown.after && previousStarts.at(-1) !== shown.after) previousStarts = [...previousStarts.filter((each) => each < shown.after), shown.after];
  const back = shown.status ? previousStarts.at(-2) ?? 0 : Math.max(0, shown.after - LIMIT);
  find("pager-previous").href = hrefOf({ ...shown, after: back });
  if (!pages.length) find("pager-range").textContent = "";
  else if (shown.status) find("pager-range").textContent = `${number(pages.length)} of ${number(total)}`;
  else find("pager-range").textContent = `${number(pages[0].number)} to ${number(pages.at(-1).number)} of ${number(total)}`;
}

const withoutScheme = (url) => url.replace(/^https?:\/\//, "").replace(/\/$/, "");

/** Fill a card; one that has not changed is left as it is, so that its picture stays. */
function fillCard(card, page) {
  const text = JSON.stringify(page);
  if (card.dataset.page === text) return;
  card.dataset.page = text;
  card.className = `page ${page.status}`;
  const name = withoutScheme(page.url);
  card.replaceChildren(picture(page, name), make("div", { class: "page-text" },
    make("p", { class: "page-url" }, make("span", { class: "page-number" }, number(page.number)), make("a", { href: page.url, target: "_blank", rel: "noopener noreferrer", title: page.url }, name)),
    ...details(page)));
}

function picture(page, name) {
  if (page.status !== "captured") return make("div", { class: "page-picture" }, make("span", { class: "page-state" }, STATES[page.status] ?? "Failed"));
  const isImage = page.content_type?.startsWith("image/");
  const format = (page.content_type ?? "").split("/").pop().toUpperCase();
  if (!page.stored_url) return make("div", { class: "page-picture" }, make("span", { class: "page-state" }, "In the cache only"));
  const link = make("a", { class: "page-picture", href: page.stored_url, target: "_blank", rel: "noopener" });
  const missing = (text) => link.replaceChildren(make("span", { class: "page-state" }, text, make("span", { class: "visually-hidden" }, ` of ${name}`)));
  if (!isImage) {
    missing(format || "Document");
    return link;
  }
  const image = make("img", { alt: `Thumbnail of ${name}`, width: 400, height: 225 });
  link.append(image);
  loadPreview(image, `jobs/${shown.job}/pages/${page.number}/preview`, () => missing("No preview"));
  return link;
}

function details(page) {
  if (page.status === "failed" || (page.status === "queued" && page.error)) {
    return [make("p", { class: "page-error" }, make("code", {}, page.error), `: ${page.detail ?? ""}`), ...(page.attempts > 1 ? [make("p", { class: "hint" }, `${number(page.attempts)} attempts`)] : [])];
  }
  if (page.status !== "captured") return [];
  const badge = VERDICT_BADGE[page.verdict];
  const facts = [page.width && page.height ? `${page.width} × ${page.height}` : "", page.bytes ? bytes(page.bytes) : "", page.seconds ? milliseconds(page.seconds * 1000) : ""];
  return [...(badge ? [make("p", { class: "page-verdict", title: badge[1] }, badge[0])] : []), make("p", { class: "hint" }, facts.filter(Boolean).join(" · "))];
}
