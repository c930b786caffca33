// Called on the element of a frame that is a consent dialogue: whether it lies over the page; then hide it if told to.
function (act) {
  for (let element = this, depth = 0; element && depth < 20; element = element.parentElement, depth += 1) {
    if (element === document.body || element === document.documentElement) return false;
    const { position, display } = getComputedStyle(element);
    const over = position === "fixed" || position === "sticky" || display === "none"
      || element.matches(":modal, :popover-open, [aria-modal=true]");
    if (!over) continue;
    if (act && !element.innerText?.trim()) element.style.setProperty("display", "none", "important");
    else if (act) this.style.setProperty("display", "none", "important");
    return true;
  }
  return false;
}
