// Called on the element of a frame that contains a consent dialog: whether it lies above the page. With act it hides it,
// or the element around it that does so.
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
