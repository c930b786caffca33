// The box of the first visible match in CSS pixels from the document's corner; null if nothing matches.
(selector) => {
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width >= 1 && box.height >= 1 && getComputedStyle(element).visibility === "visible";
  };
  const element = deepQuery(selector).find(shown);
  if (!element) return null;
  const box = element.getBoundingClientRect();
  return { x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height };
}
