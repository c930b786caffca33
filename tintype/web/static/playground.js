// The page: what is said becomes a picture, an address and snippets.

import { capture } from "./capture.js";
import { find, make, say, show } from "./dom.js";
import { watch } from "./figures.js";
import { blame, count, forgive, said, set } from "./form.js";
import { open as openGallery, remember } from "./gallery.js";
import { clearFailure, fail, present, waiting } from "./result.js";
import { wireCopying, write } from "./snippet.js";

const KEY = "tintype.key", MOST_LOOKS = 30, AT_ONCE = 600;
const access = { open: document.body.dataset.access === "open", keys: document.body.dataset.access === "keys", signed: "signed" in document.body.dataset };
const form = find("ask"), keyField = find("key");
let under = null;
let look = () => {};

const key = () => (access.keys ? keyField.value.trim() : "");
/** An address signed elsewhere, if it is one of this service. */
function signedAddress() {
  const text = keyField && "address" in keyField.dataset ? keyField.value.trim() : "";
  if (!text) return "";
  const { pathname, search } = new URL(text, location.href);
  return pathname.split("/").pop() + search;
}

function shortName(asked) {
  const url = new Map(asked.open).get("url");
  return url ? url.replace(/^https?:\/\//, "").replace(/\/$/, "") : "the page you wrote";
}

/** Ask for what the form says now. Asking for the same again while one waits is to cancel, but twice at once is one. */
async function take(event) {
  event?.preventDefault();
  const asked = said(), text = JSON.stringify(asked);
  if (under) {
    if (under.text === text && performance.now() - under.since < AT_ONCE) return;
    under.control.abort();
    if (under.text === text) return;
  }
  const mine = under = { text, control: new AbortController(), since: performance.now() };
  begin(asked);
  try {
    await shoot(asked, mine.control.signal);
  } catch (error) {
    if (error.name !== "AbortError") fail("No answer came", "The service could not be reached. Is it running?");
    else if (under === mine) say("Cancelled.");
  } finally {
    if (under === mine) end();
  }
}

function end() {
  under = null;
  waiting(false);
  find("go").firstElementChild.textContent = "Take the picture";
  find("go").classList.remove("cancels");
  look();
}

function begin(asked) {
  forgive();
  clearFailure();
  waiting(true);
  find("go").firstElementChild.textContent = "Cancel";
  find("go").classList.add("cancels");
  say(`Taking the picture of ${shortName(asked)}.`);
  if (!asked.posted.length) history.replaceState(null, "", asked.open.length ? `?${new URLSearchParams(asked.open)}` : "./");
}

/** Ask, and ask again while there is only a placeholder. */
async function shoot(asked, signal) {
  const address = signedAddress();
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const answer = await capture({ asked, key: key(), address, signal });
    if (!answer.good) explain(answer.problem);
    if (answer.good || answer.type.startsWith("image/")) {
      const image = await present(answer, address ? "the signed page" : shortName(asked));
      reveal();
      if (answer.good && image && !answer.again && !asked.posted.length && !address) await remember(asked.open, image);
    }
    if (answer.good && access.keys) sessionStorage.setItem(KEY, key());
    if (!answer.again) return;
    await new Promise((done) => { setTimeout(done, answer.again * 1000); });
    signal.throwIfAborted();
  }
}

function explain(problem) {
  const mistakes = problem.errors ?? [];
  if (problem.error === "target-denied") mistakes.push({ parameter: "url", message: problem.detail });
  if (["unauthorized", "bad-signature"].includes(problem.error) && keyField) {
    mistakes.push({ parameter: "key", message: access.keys && !key() ? "is needed: enter the one you were given" : problem.detail });
  }
  const homeless = blame(mistakes);
  fail(problem.title, mistakes.length ? named(mistakes) : problem.detail, homeless);
  if (homeless.length === mistakes.length) find("alert").scrollIntoView({ block: "nearest" });
}

const named = (mistakes) => (mistakes[0].parameter === "key" ? "" : `Look at ${mistakes.map(({ parameter }) => parameter).join(", ")}.`);

/** On a phone the picture is below the options. */
function reveal() {
  const box = find("plate").getBoundingClientRect();
  if (box.top < innerHeight * 0.6 && box.bottom > 0) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  find("plate").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

function refresh() {
  count();
  write(said(), access);
}

/** The names of time zones, as this browser knows them. */
function suggestZones() {
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  const field = find("timezone");
  field?.after(make("datalist", { id: "zones" }, ...zones.map((value) => make("option", { value }))));
  field?.setAttribute("list", "zones");
}

function begun() {
  find("more").open = matchMedia("(min-width: 60rem)").matches;
  show(find("posted"), find("posted").querySelector("[data-posted]") !== null);
  const asked = [...new URLSearchParams(location.search)];
  if (asked.length) set(asked);
  if (access.keys) keyField.value = sessionStorage.getItem(KEY) ?? "";
  form.addEventListener("submit", take);
  form.addEventListener("reset", () => setTimeout(refresh));
  document.addEventListener("input", refresh);
  keyField?.addEventListener("change", () => look());
  find("example").addEventListener("click", () => {
    find("url").value = "https://example.com";
    refresh();
    form.requestSubmit();
  });
  openGallery((pairs) => {
    set(pairs);
    refresh();
    if (!under) form.requestSubmit();
    find("title").scrollIntoView({ block: "nearest" });
  });
  wireCopying();
  suggestZones();
  refresh();
  look = watch(key, !access.open);
}

begun();
