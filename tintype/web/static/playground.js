// The playground: the form requests thumbnails and renders snippets.

import { requestThumbnail } from "./api.js";
import { initCopyButtons } from "./copy.js";
import { announce, find, make, show } from "./dom.js";
import { clearErrors, collectOptions, setOptions, showErrors, updateCounts } from "./form.js";
import { addToGallery, openGallery } from "./gallery.js";
import { clearFailure, showFailure, showProgress, showResult } from "./result.js";
import { renderSnippets } from "./snippet.js";
import { startPolling } from "./status.js";

const KEY_STORAGE = "tintype.key", MAX_REQUESTS = 30, DOUBLE_CLICK_MS = 600;
const access = { open: document.body.dataset.access === "open", keys: document.body.dataset.access === "keys", signed: "signed" in document.body.dataset };
const form = find("form"), keyField = find("key");
let inFlight = null;
let pollStatus = () => {};

const key = () => (access.keys ? keyField.value.trim() : "");

/** The URL in the field for signed URLs, relative to this page; "" without one. */
function signedUrl() {
  const text = keyField && "signedUrl" in keyField.dataset ? keyField.value.trim() : "";
  if (!text) return "";
  const { pathname, search } = new URL(text, location.href);
  return pathname.split("/").pop() + search;
}

function pageName(options) {
  const url = new Map(options.query).get("url");
  return url ? url.replace(/^https?:\/\//, "").replace(/\/$/, "") : "the inline HTML";
}

/** Submitting the same form while its request is running cancels the request; a double click counts as one click. */
async function submit(event) {
  event?.preventDefault();
  const options = collectOptions(), text = JSON.stringify(options);
  if (inFlight) {
    if (inFlight.text === text && performance.now() - inFlight.since < DOUBLE_CLICK_MS) return;
    inFlight.controller.abort();
    if (inFlight.text === text) return;
  }
  const current = inFlight = { text, controller: new AbortController(), since: performance.now() };
  onStart(options);
  try {
    await capture(options, current.controller.signal);
  } catch (error) {
    if (error.name !== "AbortError") showFailure("No response", "The service is unreachable. Is it running?");
    else if (inFlight === current) announce("Cancelled.");
  } finally {
    if (inFlight === current) onEnd();
  }
}

function onStart(options) {
  clearErrors();
  clearFailure();
  showProgress(true);
  find("go").firstElementChild.textContent = "Cancel";
  find("go").classList.add("cancels");
  announce(`Capturing ${pageName(options)}.`);
  if (!options.body.length) history.replaceState(null, "", options.query.length ? `?${new URLSearchParams(options.query)}` : "./");
}

function onEnd() {
  inFlight = null;
  showProgress(false);
  find("go").firstElementChild.textContent = "Capture";
  find("go").classList.remove("cancels");
  pollStatus();
}

/** Request the thumbnail, and again while the response is a placeholder. */
async function capture(options, signal) {
  const signed = signedUrl();
  for (let requests = 0; requests < MAX_REQUESTS; requests += 1) {
    const response = await requestThumbnail({ options, key: key(), signedUrl: signed, signal });
    if (!response.ok) showProblem(response.problem);
    if (response.ok || response.type.startsWith("image/")) {
      const image = await showResult(response, signed ? "the signed URL" : pageName(options));
      scrollToPreview();
      if (response.ok && image && !response.refresh && !options.body.length && !signed) await addToGallery(options.query, image);
    }
    if (response.ok && access.keys) sessionStorage.setItem(KEY_STORAGE, key());
    if (!response.refresh) return;
    await new Promise((done) => { setTimeout(done, response.refresh * 1000); });
    signal.throwIfAborted();
  }
}

function showProblem(problem) {
  const errors = problem.errors ?? [];
  if (problem.error === "target-denied") errors.push({ parameter: "url", message: problem.detail });
  if (["unauthorized", "bad-signature"].includes(problem.error) && keyField) {
    errors.push({ parameter: "key", message: access.keys && !key() ? "is required: enter your API key" : problem.detail });
  }
  const unplaced = showErrors(errors);
  showFailure(problem.title, errors.length ? parameterNames(errors) : problem.detail, unplaced);
  if (unplaced.length === errors.length) find("alert").scrollIntoView({ block: "nearest" });
}

const parameterNames = (errors) => (errors[0].parameter === "key" ? "" : `Check ${errors.map(({ parameter }) => parameter).join(", ")}.`);

/** On narrow screens the preview is below the options. */
function scrollToPreview() {
  const box = find("preview").getBoundingClientRect();
  if (box.top < innerHeight * 0.6 && box.bottom > 0) return;
  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  find("preview").scrollIntoView({ behavior: reduced ? "auto" : "smooth", block: "start" });
}

function onInput() {
  updateCounts();
  renderSnippets(collectOptions(), access);
}

/** Suggest the time zones that this browser supports. */
function suggestTimezones() {
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  const field = find("timezone");
  field?.after(make("datalist", { id: "zones" }, ...zones.map((value) => make("option", { value }))));
  field?.setAttribute("list", "zones");
}

function init() {
  find("more").open = matchMedia("(min-width: 60rem)").matches;
  show(find("body-only"), find("body-only").querySelector("[data-body-only]") !== null);
  const pairs = [...new URLSearchParams(location.search)];
  if (pairs.length) setOptions(pairs);
  if (access.keys) keyField.value = sessionStorage.getItem(KEY_STORAGE) ?? "";
  form.addEventListener("submit", submit);
  form.addEventListener("reset", () => setTimeout(onInput));
  document.addEventListener("input", onInput);
  keyField?.addEventListener("change", () => pollStatus());
  find("example").addEventListener("click", () => {
    find("url").value = "https://example.com";
    onInput();
    form.requestSubmit();
  });
  openGallery((options) => {
    setOptions(options);
    onInput();
    if (!inFlight) form.requestSubmit();
    find("title").scrollIntoView({ block: "nearest" });
  });
  initCopyButtons();
  suggestTimezones();
  onInput();
  pollStatus = startPolling(key, !access.open);
}

init();
