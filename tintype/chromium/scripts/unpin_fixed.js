// What stays in place while the page scrolls is in the picture once: bars at the lower edge of the screen go to the lower
// edge of the picture, and what sticks lies where it belongs. The page is at its top, and stays as high as it is.
(tallest) => {
  const high = Math.min(document.documentElement.scrollHeight, tallest);
  if (high <= innerHeight) return;
  const pinned = [];
  for (const element of [...document.querySelectorAll("body, body *")].slice(0, 20000)) {
    const { position } = getComputedStyle(element);
    if (position === "sticky") pinned.push([element, "position", "relative"], ...["top", "bottom"].map((side) => [element, side, "auto"]));
    if (position !== "fixed") continue;
    const { top, bottom, height } = element.getBoundingClientRect();
    const low = height > 0 && top > innerHeight / 2 && bottom > innerHeight / 2;
    if (low) pinned.push([element, "translate", `0 ${high - innerHeight}px`], [element, "transition", "none"]);
  }
  for (const [element, name, value] of pinned) element.style.setProperty(name, value, "important");
}
