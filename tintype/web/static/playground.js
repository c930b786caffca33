// The playground: the form requests thumbnails; the parts of the page show them.

import { requestThumbnail } from "./api.js";
import { openClipTool, setClipSource } from "./clip.js";
import { openCompare } from "./compare.js";
import { announce, find, make, show } from "./dom.js";
import { openElementTool, setElementSource } from "./element.js";
import { NO_PAGE, NO_RESPONSE, explain } from "./explain.js";
import { collectOptions, focusField, setOptions, withScheme } from "./form.js";
import { addToGallery, openGallery } from "./gallery.js";
import { openPanel, updatePanel, viewport } from "./options.js";
import { cancelCapture, followProgress, newProgressId } from "./progress.js";
import { showResult, updateAge } from "./result.js";
import { openSharing, shareResponse } from "./share.js";
import { openSnippets, renderSnippets } from "./snippet.js";
import { hideWorking, showFailure, showStep, showWorking } from "./stage.js";
import { startPolling } from "./status.js";
import { openViewer } from "./viewer.js";

const KEY_STORAGE = "tintype.key", MAX_REQUESTS = 30, DOUBLE_CLICK_MS = 600, AGE_INTERVAL = 15_000;
const access = { open: document.body.dataset.access === "open", keys: document.body.dataset.access === "keys", signed: "signed" in document.body.dataset };
const form = find("form"), keyField = find("key");
let inFlight = null;
let pollStatus = () => {};

const key = () => (access.keys ? keyField.value.trim() : "");

/** The URL in the field for signed URLs, relative to this page; "" without one. */
function signedUrl() {
  const text = keyField && "signedUrl" in keyField.dataset ? keyField.value.trim() : "";
  if (!text || !URL.canParse(text, location.href)) return "";
  const { pathname, search } = new URL(text, location.href);
  return pathname.split("/").pop() + search;
}

const urlOf = (options) => new Map(options.query).get("url") ?? "";

function pageName(options) {
  return urlOf(options).replace(/^https?:\/\//, "").replace(/\/$/, "") || "the inline HTML";
}

function hostName(options) {
  return URL.canParse(urlOf(options)) ? new URL(urlOf(options)).hostname : "page";
}

/** Submitting the same form while its request is running cancels the request; a double click counts as one click. */
async function submit(event) {
  event?.preventDefault();
  find("url").value = withScheme(find("url").value);
  updateUrlHint();
  const options = collectOptions(), text = JSON.stringify(options);
  if (inFlight) {
    if (inFlight.text === text && performance.now() - inFlight.since < DOUBLE_CLICK_MS) return;
    cancel();
    if (text === inFlight.text) return;
  }
  if (!urlOf(options) && !options.body.some(([name]) => name === "html") && !signedUrl()) {
    hideWorking();
    showFailure(NO_PAGE, run);
    return;
  }
  const current = inFlight = { text, options, controller: new AbortController(), since: performance.now(), progressId: newProgressId() };
  onStart(options);
  try {
    await capture(current);
  } catch (error) {
    if (inFlight === current) onFailure(error.name === "AbortError" ? CANCELLED : NO_RESPONSE);
  } finally {
    if (inFlight === current) onEnd();
  }
}

const CANCELLED = { title: "Cancelled", text: "The capture was stopped.", fields: [], actions: [], wait: 0, canRetry: true, neutral: true };

/** Stop the running request, in the service too. */
function cancel() {
  if (!inFlight) return;
  cancelCapture(inFlight.progressId);
  inFlight.controller.abort();
}

function onStart(options) {
  showWorking(pageName(options));
  find("go").firstElementChild.textContent = "Cancel";
  find("go").classList.add("cancels");
  announce(`Capturing ${pageName(options)}.`);
  if (!options.body.length) history.replaceState(null, "", options.query.length ? `?${new URLSearchParams(options.query)}` : "./");
}

function onEnd() {
  inFlight = null;
  hideWorking();
  find("go").firstElementChild.textContent = "Capture";
  find("go").classList.remove("cancels");
  pollStatus();
}

function onFailure(failure) {
  hideWorking();
  showFailure(failure, run);
  scrollToPreview();
}

/** Buttons of a failure. */
function run(action, value) {
  if (action === "url") find("url").value = value;
  if (action === "field") {
    focusField(value);
    return;
  }
  onInput();
  form.requestSubmit();
}

/** Request the thumbnail, and again while the response is a placeholder. */
async function capture(current) {
  const { options, controller: { signal } } = current, signed = signedUrl();
  for (let requests = 0; requests < MAX_REQUESTS; requests += 1) {
    const stopFollowing = followProgress(current.progressId, showStep);
    const response = await requestThumbnail({ options, key: key(), signedUrl: signed, progressId: current.progressId, signal }).finally(stopFollowing);
    signal.throwIfAborted();
    if (response.ok || response.type.startsWith("image/")) await showThumbnail(response, current, signed);
    else onFailure(explain(response.problem, { url: urlOf(options), hasKey: Boolean(key()), isSigned: Boolean(signed) }));
    if (response.ok && access.keys) sessionStorage.setItem(KEY_STORAGE, key());
    if (!response.refresh) return;
    await new Promise((done) => { setTimeout(done, response.refresh * 1000); });
    signal.throwIfAborted();
  }
}

async function showThumbnail(response, { options }, signed) {
  hideWorking();
  const { objectUrl, image } = await showResult(response, signed ? "the signed URL" : pageName(options));
  shareResponse({ objectUrl, type: response.type, host: hostName(options), options, signed, isPublic: access.open });
  const source = image && response.ok && !signed ? { image, options, viewport: viewport() } : null;
  setClipSource(source);
  setElementSource(response.refresh ? null : source);
  if (!response.refresh) scrollToPreview();
  if (response.ok && image && !response.refresh && !options.body.length && !signed) await addToGallery(options.query, image, response);
}

/** On narrow screens the address may be all that is visible. */
function scrollToPreview() {
  const box = find("preview").getBoundingClientRect();
  if (box.top < innerHeight * 0.6 && box.bottom > 0) return;
  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  find("preview").scrollIntoView({ behavior: reduced ? "auto" : "smooth", block: "start" });
}

/** Show which scheme an address without one gets, and offer the other. */
function updateUrlHint() {
  const typed = find("url").value.trim(), full = withScheme(typed), hint = find("url-hint");
  const isLocal = full.startsWith("http://");
  show(hint, Boolean(typed) && full !== typed && /[.:]|localhost/.test(typed));
  if (hint.hidden) return;
  const other = full.replace(/^https?/, isLocal ? "https" : "http");
  const button = make("button", { type: "button", class: "quiet" }, `Use ${isLocal ? "https" : "http"}://`);
  button.addEventListener("click", () => {
    find("url").value = other;
    onInput();
    find("url").focus();
  });
  hint.replaceChildren(`Opens ${isLocal ? "http" : "https"}:// `, button);
}

function onInput() {
  updateUrlHint();
  updatePanel();
  renderSnippets(collectOptions(), access, signedUrl());
}

/** Fill the form with the options of an entry, and request its thumbnail; `fresh` makes a new capture. */
function choose(pairs, fresh) {
  setOptions(fresh ? [...pairs.filter(([name]) => name !== "fresh"), ["fresh", "true"]] : pairs);
  onInput();
  form.requestSubmit();
  if (find("fresh")) find("fresh").checked = pairs.some(([name, value]) => name === "fresh" && value === "true");
  onInput();
  find("title").scrollIntoView({ block: "nearest" });
}

/** Capture a part of the page that a tool has chosen. */
function captureRegion(name, value) {
  for (const region of ["clip", "selector"]) if (find(region)) find(region).value = region === name ? value : "";
  find("full_page").checked = false;
  onInput();
  form.requestSubmit();
}

function init() {
  openPanel();
  const pairs = [...new URLSearchParams(location.search)];
  if (pairs.length) setOptions(pairs);
  if (access.keys) keyField.value = sessionStorage.getItem(KEY_STORAGE) ?? "";
  form.addEventListener("submit", submit);
  form.addEventListener("reset", () => setTimeout(onInput));
  document.addEventListener("input", onInput);
  keyField?.addEventListener("change", () => pollStatus());
  find("cancel").addEventListener("click", cancel);
  addEventListener("pagehide", cancel);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !find("compare").open && !document.fullscreenElement) cancel();
  });
  find("example").addEventListener("click", () => {
    find("url").value = "https://example.com";
    onInput();
    form.requestSubmit();
  });
  openViewer();
  openSharing();
  openCompare();
  openGallery(choose);
  openClipTool((clip) => captureRegion("clip", clip));
  openElementTool(
    (query, signal) => requestThumbnail({ options: { query, body: [] }, key: key(), signedUrl: "", signal }),
    (selector) => captureRegion("selector", selector),
  );
  openSnippets();
  onInput();
  setInterval(updateAge, AGE_INTERVAL);
  pollStatus = startPolling(key, !access.open);
}

init();
