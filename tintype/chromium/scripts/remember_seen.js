// Record how the elements in the viewport look: some pages show them only while they are in view. Runs in the isolated
// world: no page sees what it keeps on window.
() => {
  window.seen ??= new Map();
  for (const element of [...(document.body?.querySelectorAll("*") ?? [])].slice(0, 10000)) {
    const { top, bottom, width } = element.getBoundingClientRect();
    const height = Math.min(bottom, innerHeight) - Math.max(top, 0);
    if (height < 1 || !width) continue;
    const { opacity, visibility } = getComputedStyle(element);
    if (visibility !== "visible" || !(opacity > 0)) continue;
    const before = window.seen.get(element);
    if (before && (before.height > height || before.opacity > opacity)) continue;
    window.seen.set(element, { height, opacity, class: element.getAttribute("class"), style: element.getAttribute("style") });
  }
}
