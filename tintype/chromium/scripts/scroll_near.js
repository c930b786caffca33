// Scroll to the part that will be captured, so that what is lazy there loads; false if it is in the viewport already.
(top, height) => {
  if (top + height <= innerHeight) return false;
  scrollTo({ top: Math.max(0, top + Math.min(height, innerHeight) / 2 - innerHeight / 2), behavior: "instant" });
  return true;
}
