// Go to a height of the page; how high the page is.
(top) => {
  scrollTo({ top, left: 0, behavior: "instant" });
  return document.documentElement.scrollHeight;
}
