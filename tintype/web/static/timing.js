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

/** Draw the steps as parts of one bar, with a legend that says it in words and numbers. */
export function drawSteps(all) {
  const parts = all.filter(([name, ms]) => name !== "total" && ms > 0);
  const total = all.find(([name]) => name === "total")?.[1] ?? 0;
  const known = parts.reduce((sum, [, ms]) => sum + ms, 0);
  if (total - known > 1 && parts.length) parts.push(["other", total - known]);
  const whole = Math.max(total, known) || 1;
  let at = 0;
  find("steps").replaceChildren(...parts.map(([, ms], index) => {
    const x = at, width = (ms / whole) * 1000;
    at += width;
    return draw("rect", { class: `step-${index % 7}`, x: x.toFixed(1), y: 0, width: Math.max(width, 1).toFixed(1), height: 10 });
  }));
  find("legend").replaceChildren(...parts.map(([name, ms], index) =>
    make("li", {}, make("span", { class: `dot step-${index % 7}`, "aria-hidden": "true" }), `${name} `, make("b", {}, milliseconds(ms)))));
  show(find("timing"), parts.length > 0);
}
