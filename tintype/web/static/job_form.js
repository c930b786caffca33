// The form that submits a job, or creates a schedule of one: addresses or a sitemap, options, mistakes by line.

import { announce, find, make, show } from "./dom.js";
import { clearErrors, collectOptions, focusField, labelOf, showFieldError, withScheme } from "./form.js";
import { requestJson } from "./job_api.js";
import { number, plural } from "./job_words.js";
import { openPanel, updatePanel } from "./options.js";

/** Mistakes that are shown, and those that the service reports. */
const MAX_LISTED = 5, MAX_REPORTED = 16;
let attempt = { text: "", id: "" };

/** Addresses with their line numbers; the same address counts once, and lines that begin with # are comments. */
export function parseLines(text) {
  const found = new Map();
  let repeated = 0;
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim().startsWith("#")) return;
    for (const word of line.split(/\s+/).map((each) => each.replace(/^["'<]+|[>"',;]+$/g, "")).filter(Boolean)) {
      const url = withScheme(word);
      if (found.has(url)) repeated += 1;
      else found.set(url, index + 1);
    }
  });
  return { urls: [...found.keys()], lines: [...found.values()], repeated };
}

function updateCount() {
  const { urls, repeated } = parseLines(find("urls").value);
  const most = Number(find("urls").dataset.maximum);
  const over = urls.length > most ? `, ${number(urls.length - most)} too many for one job` : "";
  find("urls-count").textContent = urls.length ? `${number(urls.length)} ${urls.length === 1 ? "address" : "addresses"}${repeated ? `, ${number(repeated)} repeated left out` : ""}${over}` : "";
  find("job-name").placeholder = suggestedName(urls) ? `Name: ${suggestedName(urls)}` : "Name (optional)";
}

/** The host of the first page, and how many pages there are beside it. */
function suggestedName(urls) {
  if (!urls.length || !URL.canParse(urls[0])) return "";
  const hosts = new Set(urls.filter((each) => URL.canParse(each)).map((each) => new URL(each).host)), [first] = hosts;
  const rest = hosts.size > 1 ? ` and ${plural(hosts.size - 1, "other host")}` : "";
  return `${first}${rest}`.slice(0, find("job-name").maxLength);
}

/** Random text by which the service recognizes a repeated request, so that a lost response makes no second job. */
function idempotencyKey(text) {
  if (attempt.text !== text) attempt = { text, id: Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("") };
  return attempt.id;
}

const usesSitemap = () => document.querySelector("[name=source]:checked").value === "sitemap";
const when = () => find("when")?.value ?? "";
const words = (id) => find(id).value.trim().split(/\s+/).filter(Boolean);
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The members that choose the pages. */
function pageMembers(urls) {
  if (!usesSitemap()) return { pages: urls };
  const lists = ["include", "exclude"].filter((name) => words(name).length).map((name) => [name, words(name)]);
  return { sitemap: withScheme(find("sitemap").value), ...Object.fromEntries(lists), ...(find("max_pages").value ? { max_pages: Number(find("max_pages").value) } : {}) };
}

/** The members of a schedule in addition to those of its job. */
function scheduleMembers() {
  const selectors = find("ignore_selectors").value.split(",").map((each) => each.trim()).filter(Boolean);
  return {
    ...(when() === "cron" ? { cron: find("cron").value.trim(), timezone: zone() } : { every: when() }),
    ...(find("threshold").value ? { threshold: Number(find("threshold").value) } : {}),
    ...(selectors.length ? { ignore_selectors: selectors } : {}),
  };
}

async function submit(partial, { onJob, onSchedule }) {
  const { urls, lines } = usesSitemap() ? { urls: [withScheme(find("sitemap").value)].filter(Boolean), lines: [1] } : parseLines(find("urls").value);
  clearErrors();
  showMistakes([]);
  if (!urls.length) {
    showMistakes([[usesSitemap() ? "Enter the address of a sitemap, such as https://example.com/sitemap.xml." : "Enter the addresses of pages, one per line, such as https://example.com."]]);
    find(usesSitemap() ? "sitemap" : "urls").focus();
    return;
  }
  const common = { ...pageMembers(urls), name: find("job-name").value.trim() || suggestedName(urls), options: Object.fromEntries(collectOptions().query) };
  const body = when() ? { ...common, ...scheduleMembers() } : { ...common, store: find("store").checked, ...(partial ? { partial_ok: true } : {}) };
  const button = find("go");
  button.disabled = true;
  button.firstElementChild.textContent = "Submitting …";
  try {
    if (when()) onSchedule(await requestJson("schedules", { method: "POST", body }));
    else onJob(await requestJson("jobs", { method: "POST", body, headers: { "Idempotency-Key": idempotencyKey(JSON.stringify(body)) } }));
    attempt = { text: "", id: "" };
    find("urls").value = find("job-name").value = find("sitemap").value = "";
    updateCount();
  } catch (error) {
    report(error, urls, lines, { onJob, onSchedule });
  } finally {
    button.disabled = false;
    updateTimes();
  }
}

/** Choose every day for a schedule, or once for a job. */
export function suggestTimes(isSchedule) {
  if (!find("when") || Boolean(when()) === isSchedule) return;
  find("when").value = isSchedule ? "1d" : "";
  updateTimes();
}

/** Show the fields that the source and the times need. */
function updateTimes() {
  show(find("sitemap-fields"), usesSitemap());
  show(find("lines"), !usesSitemap());
  find("go").firstElementChild.textContent = when() ? "Create schedule" : "Start job";
  show(find("store-switch"), !when());
  if (!find("when")) return;
  show(find("schedule-fields"), Boolean(when()));
  show(find("cron-field"), when() === "cron");
  find("cron-zone").textContent = zone();
}

/** Show the mistakes that the service found: those of addresses by line, those of options at their fields. */
function report(error, urls, lines, onDone) {
  const mistakes = [], placed = [];
  for (const { parameter, message } of error.problem?.errors ?? []) {
    const [, index, rest] = /^pages\[(\d+)\]\.?(.*)$/.exec(parameter) ?? [];
    const name = (index === undefined ? parameter : rest).replace(/^options\./, "");
    if (index !== undefined && (!rest || rest === "url")) mistakes.push([`Line ${lines[Number(index)]}: `, make("code", {}, urls[Number(index)]), ` ${message}`]);
    else if (placed.includes(name) || showFieldError(name, `${labelOf(name)} ${message}.`)) placed.push(name);
    else mistakes.push([make("code", {}, name), ` ${message}`]);
  }
  if (!mistakes.length && !placed.length) {
    const { problem, wait } = error;
    mistakes.push([problem ? `${problem.title}. ${problem.detail ?? ""}` : "The service does not respond. It may be restarting, or the network is down.", wait ? ` Try again in ${wait} seconds.` : ""]);
  }
  const canSkip = !when() && mistakes.length > 0 && !placed.length && urls.length > mistakes.length && error.problem?.errors;
  showMistakes(mistakes, canSkip ? () => submit(true, onDone) : null);
  if (placed.length) {
    if (find(placed[0]).closest("#options-fold")) find("options-fold").open = true;
    focusField(placed[0]);
  } else find(usesSitemap() ? "sitemap" : "urls").focus();
}

function showMistakes(mistakes, skip = null) {
  const box = find("urls-error");
  show(box, mistakes.length > 0);
  find("urls").toggleAttribute("aria-invalid", false);
  if (!mistakes.length) return;
  find("urls").setAttribute("aria-invalid", "true");
  const button = make("button", { type: "button", class: "act" }, "Start without them");
  button.addEventListener("click", () => skip());
  const more = mistakes.length - MAX_LISTED;
  box.replaceChildren(make("ul", {}, ...mistakes.slice(0, MAX_LISTED).map((parts) => make("li", {}, ...parts)), ...(more > 0 ? [make("li", {}, `and ${mistakes.length >= MAX_REPORTED ? "at least " : ""}${number(more)} more`)] : [])), ...(skip ? [button] : []));
  announce(box.textContent);
}

/** Make the form work; `onJob` is called with a job that was submitted, `onSchedule` with a schedule. */
export function openJobForm(onDone) {
  openPanel();
  const update = () => {
    updatePanel();
    const set = collectOptions().query.length;
    find("options-count").textContent = set ? `${set} set` : "";
  };
  find("options-fold").open = matchMedia("(min-width: 64rem)").matches;
  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(false, onDone);
  });
  find("form").addEventListener("reset", (event) => { // the button resets options, not the addresses
    const kept = [...find("form").querySelectorAll("input:not([type=radio]), select, textarea")].map((each) => [each, each.type === "checkbox" ? each.checked : each.value]);
    const source = document.querySelector("[name=source]:checked");
    setTimeout(() => {
      for (const [field, value] of kept) field[field.type === "checkbox" ? "checked" : "value"] = value;
      source.checked = true;
      update();
      updateCount();
      updateTimes();
    });
    event.stopPropagation();
  });
  document.addEventListener("input", update);
  find("urls").addEventListener("input", updateCount);
  find("urls").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("form").requestSubmit();
  });
  find("form").addEventListener("change", updateTimes);
  update();
  updateCount();
  updateTimes();
}
