// Add a style sheet of filter lists to the document; in any frame.
(css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  const kept = globalThis.keptSelectors ?? new Set();
  for (let index = sheet.cssRules.length - 1; index >= 0; index -= 1) if (kept.has(sheet.cssRules[index].selectorText)) sheet.deleteRule(index);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  (globalThis.listedSheets ??= []).push(sheet);
}
