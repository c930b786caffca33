// Where did the time go? Server-Timing (W3C) as numbers, and drawn.

import { draw, find, make, show } from "./dom.js";
import { milliseconds } from "./words.js";

/** [[name, milliseconds]…] of a Server-Timing field. */
export function steps(field) {
  const found = [];
  for (const metric of field.split(",")) {
    const [name, ...parameters] = metric.split(";").map((part) => part.trim());
    const duration = parameters.find((part) => /^dur=/i.test(part));
    if (name && duration) found.push([name, Number(duration.slice(4)) || 0]);
  }
  return found;
}

const AROUND = ["lookup", "wait", "capture", "render"];
/** Shares of the whole below which a step is not told by itself. */
const SMALL = 0.01;

/** What together is the whole: the steps of a capture are part of it and not told twice, trifles are told as one. */
export function partsOf(all) {
  const inner = all.filter(([name]) => ![...AROUND, "total"].includes(name));
  const beside = all.filter(([name]) => AROUND.includes(name) && !(name === "capture" && inner.length));
  const ordered = [...beside.filter(([name]) => name !== "render"), ...inner, ...beside.filter(([name]) => name === "render")];
  const sum = (parts) => parts.reduce((total, [, ms]) => total + ms, 0);
  const whole = Math.max(all.find(([name]) => name === "total")?.[1] ?? 0, sum(ordered)) || 1;
  const told = ordered.filter(([, ms]) => ms / whole >= SMALL);
  const rest = whole - sum(told);
  return { whole, parts: told.length && rest / whole >= SMALL ? [...told, ["everything else", rest]] : told };
}

/** Draw the steps as parts of one bar, with a legend that says it in words and numbers. */
export function drawSteps(all) {
  const { whole, parts } = partsOf(all);
  let at = 0;
  find("steps").replaceChildren(...parts.map(([, ms], index) => {
    const x = at, width = (ms / whole) * 1000;
    at += width;
    return draw("rect", { class: `step-${index % 7}`, x: x.toFixed(1), y: 0, width: width.toFixed(1), height: 10 });
  }));
  find("legend").replaceChildren(...parts.map(([name, ms], index) =>
    make("li", {}, make("span", { class: `dot step-${index % 7}`, "aria-hidden": "true" }), `${name} `, make("b", {}, milliseconds(ms)))));
  show(find("timing"), parts.length > 0);
}
