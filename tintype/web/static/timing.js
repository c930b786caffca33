// Server-Timing (W3C): parsed into steps, and drawn as a bar.

import { draw, find, make, show } from "./dom.js";
import { milliseconds } from "./format.js";

/** [[name, milliseconds]…] of a Server-Timing header. */
export function parseServerTiming(header) {
  const steps = [];
  for (const metric of header.split(",")) {
    const [name, ...parameters] = metric.split(";").map((part) => part.trim());
    const duration = parameters.find((part) => /^dur=/i.test(part));
    if (name && duration) steps.push([name, Number(duration.slice(4)) || 0]);
  }
  return steps;
}

const OUTER_STEPS = ["lookup", "wait", "capture", "render"];
/** Steps below this share of the total are summed up as "everything else". */
const MIN_SHARE = 0.01;

/** Parts that add up to the total: the steps inside of a capture replace the capture itself. */
export function splitTotal(steps) {
  const inner = steps.filter(([name]) => ![...OUTER_STEPS, "total"].includes(name));
  const outer = steps.filter(([name]) => OUTER_STEPS.includes(name) && !(name === "capture" && inner.length));
  const ordered = [...outer.filter(([name]) => name !== "render"), ...inner, ...outer.filter(([name]) => name === "render")];
  const sum = (parts) => parts.reduce((total, [, ms]) => total + ms, 0);
  const total = Math.max(steps.find(([name]) => name === "total")?.[1] ?? 0, sum(ordered)) || 1;
  const shown = ordered.filter(([, ms]) => ms / total >= MIN_SHARE);
  const rest = total - sum(shown);
  return { total, parts: shown.length && rest / total >= MIN_SHARE ? [...shown, ["everything else", rest]] : shown };
}

/** Steps with a colour of their own; the same step always has the same. */
const COLOURED = [...OUTER_STEPS, "queue", "navigate", "stabilize", "screenshot"];
const colourOf = (name) => (COLOURED.includes(name) ? name : "rest");

/** Draw the steps as parts of one bar, with a legend in words and numbers. */
export function drawSteps(steps) {
  const { total, parts } = splitTotal(steps);
  let at = 0;
  find("steps").replaceChildren(...parts.map(([name, ms]) => {
    const x = at, width = (ms / total) * 1000;
    at += width;
    return draw("rect", { class: `step-${colourOf(name)}`, x: x.toFixed(1), y: 0, width: width.toFixed(1), height: 10 });
  }));
  find("legend").replaceChildren(...parts.map(([name, ms]) =>
    make("li", {}, make("span", { class: `dot step-${colourOf(name)}`, "aria-hidden": "true" }), `${name} `, make("b", {}, milliseconds(ms)))));
  show(find("timing"), parts.length > 0);
}
