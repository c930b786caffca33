// Stops animated images at their first frame. Runs before the page is first drawn: on a loaded page it costs the style of every
// element, and hold_motion.js does it only if the page has removed this sheet.
() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(":root{image-animation:stopped!important}");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
