// Called on the element of a frame: its height, that of the viewport around it, and whether it fills most of that, so that its
// content scrolls in place of the document. A frame that must not scroll does not.
function () {
  const { innerWidth, innerHeight, getComputedStyle } = this.ownerDocument.defaultView;
  const { width, height } = this.getBoundingClientRect();
  const inFrameset = this.localName === "frame";
  const isLarge = height > innerHeight / (inFrameset ? 3 : 2) && (inFrameset || width > innerWidth / 2);
  const fills = isLarge && this.scrolling !== "no" && getComputedStyle(this).visibility === "visible";
  return { height: this.clientHeight || height, viewport: innerHeight, inFrameset, fills };
}
