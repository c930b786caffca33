// A small line chart of one series.

import { draw } from "./dom.js";

const WIDTH = 300, HEIGHT = 48, EDGE = 3;

/** Draw values (null: unknown) into an SVG; the upper edge is `top` or the highest value, the width `span` seconds. */
export function drawChart(svg, values, top, span) {
  const description = svg.querySelector("desc");
  const highest = Math.max(top, ...values.map(({ value }) => value ?? 0)) || 1;
  const points = values.filter(({ value }) => value !== null).map(({ at, value }) => [
    (WIDTH * (1 - at / span)).toFixed(1),
    (HEIGHT - EDGE - (value / highest) * (HEIGHT - 2 * EDGE)).toFixed(1),
  ]);
  const line = points.map((point) => point.join(",")).join(" ");
  const base = draw("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 });
  if (points.length < 2) {
    svg.replaceChildren(description, base);
    return;
  }
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  svg.replaceChildren(description, base,
    draw("polygon", { class: "area", points: `${first},${HEIGHT - 1} ${line} ${last},${HEIGHT - 1}` }),
    draw("polyline", { class: "line", points: line }));
}
