// Place what is fixed or sticky so that a full-page image shows it once: bars at the lower edge of the viewport move to
// the lower edge of the image, sticky elements to their place in the flow. The page is at its top and keeps its height.
(maxHeight) => {
  const imageHeight = Math.min(document.documentElement.scrollHeight, maxHeight);
  if (imageHeight <= innerHeight) return;
  const styles = [];
  for (const element of [...document.querySelectorAll("body, body *")].slice(0, 20000)) {
    const { position } = getComputedStyle(element);
    if (position === "sticky") styles.push([element, "position", "relative"], ...["top", "bottom"].map((side) => [element, side, "auto"]));
    if (position !== "fixed") continue;
    const { top, bottom, height } = element.getBoundingClientRect();
    const low = height > 0 && top > innerHeight / 2 && bottom > innerHeight / 2;
    if (low) styles.push([element, "translate", `0 ${imageHeight - innerHeight}px`], [element, "transition", "none"]);
  }
  for (const [element, name, value] of styles) element.style.setProperty(name, value, "important");
}
