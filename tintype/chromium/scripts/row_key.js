// What identifies an element that shows something: its own text or its image, or else a mark and its colour; null if it shows
// nothing.
(element) => {
  const text = [...element.childNodes].map((node) => (node.nodeType === Node.TEXT_NODE ? node.data : "")).join("").trim();
  if (text) return text.slice(0, 100);
  if (element.localName === "img") return element.currentSrc || element.src;
  if (element.childElementCount) return null;
  const { backgroundColor, backgroundImage } = getComputedStyle(element);
  const colour = `${backgroundColor} ${backgroundImage}`;
  return colour === "rgba(0, 0, 0, 0) none" ? null : `\0${colour.slice(0, 300)}`;
}
