// Hide what the rules name before it is first drawn. Runs before the page's own scripts in every frame, and changes the
// main frame only. named: {kind: {selectors, first}}; listed: the style sheet of filter lists. hide_named.js and
// weigh_lists.js measure later what is lost, and correct these sheets.
(named, listed) => {
  if (window !== top) return;
  const sheetOf = (css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    return sheet;
  };
  const ruleOf = (style) => (selector) => `${selector}{${style}}`;
  globalThis.namedSheets = Object.fromEntries(Object.entries(named).map(([kind, { selectors, first }]) => {
    return [kind, sheetOf(selectors.map(ruleOf(first)).join("\n"))];
  }));
  globalThis.listedSheets = listed ? [sheetOf(listed)] : [];
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, ...Object.values(globalThis.namedSheets), ...globalThis.listedSheets];
}
