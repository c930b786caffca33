// The stage shows one of: nothing yet, the steps of a running request, a failure, a thumbnail.

import { announce, find, make, show } from "./dom.js";
import { clearErrors, focusField, labelOf, showFieldError } from "./form.js";
import { duration } from "./format.js";

/** Milliseconds until the steps replace the previous thumbnail, so that hits do not flicker. */
const GRACE = 250;
const STEPS = [
  ["queue", "Waiting in the queue"],
  ["navigate", "Opening the page"],
  ["stabilize", "Waiting until the page is stable"],
  ["screenshot", "Taking the screenshot"],
  ["render", "Drawing the thumbnail"],
];
let ticking = 0, grace = 0, countdown = 0;

/** Show that a request runs: the elapsed time, and the steps as far as the service reports them. */
export function showWorking(page) {
  clearErrors();
  clearFailure();
  find("working-page").textContent = page;
  find("stepper").replaceChildren(make("li", { class: "current" }, "Sending the request"));
  find("result").setAttribute("aria-busy", "true");
  const start = performance.now();
  const tick = () => { find("elapsed").textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`; };
  clearInterval(ticking);
  clearTimeout(grace);
  tick();
  ticking = setInterval(tick, 100);
  grace = setTimeout(() => {
    find("preview").classList.add("busy");
    show(find("working"));
    show(find("empty"), false);
  }, GRACE);
}

/** Show the step of the capture: {step, ahead}; `ahead` are the captures before this one in the queue. */
export function showStep({ step, ahead = 0 }) {
  const current = STEPS.findIndex(([name]) => name === step);
  if (current < 0) return;
  find("stepper").replaceChildren(...STEPS.map(([name, text], index) => {
    const words = name === "queue" && index === current ? `Waiting in the queue, ${ahead ? `${ahead} before you` : "you are next"}` : text;
    const state = index < current ? "done" : index === current ? "current" : "";
    return make("li", { class: state, "data-step": name, "aria-current": state === "current" && "step" }, words);
  }));
}

export function hideWorking() {
  clearInterval(ticking);
  clearTimeout(grace);
  find("preview").classList.remove("busy");
  find("result").setAttribute("aria-busy", "false");
  show(find("working"), false);
}

/** Remove the thumbnail and everything about it. */
export function clearStage() {
  find("shown").replaceChildren();
  find("badges").replaceChildren();
  find("notes").replaceChildren();
  find("caption").textContent = "";
  for (const id of ["caption", "tools", "facts", "notes", "empty"]) show(find(id), false);
}

/**
 * Replace the thumbnail by a failure: {title, text, fields, actions, wait, canRetry}. Messages of fields are shown beside
 * the fields only. `run(action, value)` is called for a button.
 */
export function showFailure(failure, run) {
  clearStage();
  const unplaced = failure.fields.filter(([name, message]) => !showFieldError(name, message));
  const placed = failure.fields.filter((each) => !unplaced.includes(each));
  const buttons = failure.actions.map(([label, action, value]) => actionButton(label, () => run(action, value)));
  for (const [name] of placed.filter(([each]) => each !== "url" && each !== "key")) buttons.push(actionButton(labelOf(name), () => focusField(name)));
  if (failure.canRetry) buttons.push(retryButton(failure, () => run("retry")));
  find("alert").classList.toggle("neutral", Boolean(failure.neutral));
  find("alert").replaceChildren(
    make("strong", {}, failure.title),
    ...(failure.text ? [make("p", {}, failure.text)] : []),
    ...unplaced.map(([name, message]) => make("p", {}, make("code", {}, name), ` ${message}`)),
    ...(buttons.length ? [make("div", { class: "actions" }, ...buttons)] : []),
  );
  find("preview").classList.add("failed");
  if (placed.length) focusField(placed[0][0]);
}

function actionButton(label, run) {
  const button = make("button", { type: "button", class: "chip-button" }, label);
  button.addEventListener("click", run);
  return button;
}

/** A button that can be pressed when the service is ready again; until then it counts down. */
function retryButton({ wait, isLong }, run) {
  const button = actionButton("Try again", run);
  if (!wait || isLong) {
    if (isLong) button.textContent = `Try again in ${duration(wait)}`;
    return button;
  }
  const until = performance.now() + wait * 1000;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
    if (left > 0) return;
    clearInterval(countdown);
    announce("You can try again now.");
  };
  clearInterval(countdown);
  countdown = setInterval(tick, 250);
  tick();
  return button;
}

export function clearFailure() {
  clearInterval(countdown);
  find("alert").replaceChildren();
  find("preview").classList.remove("failed");
}
