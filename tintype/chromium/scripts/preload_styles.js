// Hide what the rules name before it is first drawn. Runs before the page's own scripts in every frame, and changes the
// main frame only.
(css) => {
  if (window !== top) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
