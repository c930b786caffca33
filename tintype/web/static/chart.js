// A small line chart of one series.

import { draw } from "./dom.js";

const WIDTH = 300, HEIGHT = 72;

/** Draw values (null: unknown) into an SVG; the upper edge is `top`, the width `span` seconds. */
export function drawChart(svg, values, top, span) {
  const description = svg.querySelector("desc");
  const points = values.filter(({ value }) => value !== null).map(({ at, value }) => [
    (WIDTH * (1 - at / span)).toFixed(1),
    (HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1),
  ]);
  const rules = [0, 0.5].map((share) => draw("line", { class: "rule", x1: 0, x2: WIDTH, y1: 1 + share * HEIGHT, y2: 1 + share * HEIGHT }));
  const line = points.map((point) => point.join(",")).join(" ");
  if (points.length < 2) {
    svg.replaceChildren(description, ...rules);
    return;
  }
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  svg.replaceChildren(description, ...rules,
    draw("polygon", { class: "area", points: `${first},${HEIGHT} ${line} ${last},${HEIGHT}` }),
    draw("polyline", { class: "line", points: line }));
}

/** The upper end of an axis: at least `least`, and a round number above the highest value. */
export function roundTop(highest, least) {
  if (highest <= least) return least;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= highest);
}
