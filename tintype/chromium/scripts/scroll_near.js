// Go where the picture will be taken, so that what loads when it comes into view does; whether that needed scrolling.
(top, height) => {
  if (top + height <= innerHeight) return false;
  scrollTo({ top: Math.max(0, top + Math.min(height, innerHeight) / 2 - innerHeight / 2), behavior: "instant" });
  return true;
}
