// Add the request's css and hide what its hide_selectors match; throws if these are not selectors. Can run again: pages
// may replace their style sheets.
(css, hidden) => {
  const sheets = globalThis.tintypeSheets ??= [];
  if (!sheets.length) {
    if (hidden) document.createDocumentFragment().querySelector(hidden);
    const [styles, hiding] = [new CSSStyleSheet(), new CSSStyleSheet()];
    styles.replaceSync(css);
    if (hidden) hiding.insertRule(`${hidden} { display: none !important }`);
    sheets.push(styles, hiding);
  }
  if (!document.adoptedStyleSheets.includes(sheets[0])) {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, ...sheets];
  }
  const trees = hidden ? deepTrees() : [];
  for (const tree of trees) {
    if (!tree.adoptedStyleSheets.includes(sheets[1])) tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, sheets[1]];
  }
  // A constructed sheet ignores @import; a style element honours it, if the page's policy allows.
  if (!/@import/i.test(css) || !document.documentElement) return;
  const element = globalThis.tintypeElement ??= document.createElement("style");
  element.textContent ||= css;
  if (!element.isConnected) (document.head ?? document.documentElement).append(element);
}
