// Called on the element of a frame that contains a consent dialog: whether it lies above the page, alone or with an empty
// layer around it, and something remains of the page without it. With act it hides both.
function (act) {
  const MEDIA = "img, svg, video, canvas, iframe, object, embed, input:not([type=hidden]), textarea";
  const parentOf = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const isPage = (element) => element === document.body || element === document.documentElement;
  const isDrawn = (element) => element.checkVisibility({ visibilityProperty: true });
  const isAlone = (element) => !element.innerText?.trim()
    && ![...element.querySelectorAll(MEDIA)].some((other) => other !== this && isDrawn(other));
  let over = null;
  for (let element = this, depth = 0; element && !isPage(element) && depth < 20; element = parentOf(element), depth += 1) {
    if (!isAlone(element)) break;
    const { position, display } = getComputedStyle(element);
    if (position === "fixed" || position === "sticky" || display === "none" || element.matches(":modal, :popover-open, [aria-modal=true]")) {
      over = element;
    }
  }
  if (!over) return false;
  // Not by hiding it for a moment: a frame in another process would be laid out anew.
  const others = [...document.body.querySelectorAll(MEDIA)].filter((other) => !over.contains(other));
  const remains = document.body.innerText.trim().length >= 20 || others.some(isDrawn);
  if (act && remains) over.style.setProperty("display", "none", "important");
  return remains;
}
