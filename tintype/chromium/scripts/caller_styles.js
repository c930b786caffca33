// Add styles and hide elements; throws when the selectors are none. Can be run again: pages may set their own sheets.
(css, hidden) => {
  const sheets = globalThis.tintypeSheets ??= [];
  if (!sheets.length) {
    if (hidden) document.createDocumentFragment().querySelector(hidden);
    const [theirs, hiding] = [new CSSStyleSheet(), new CSSStyleSheet()];
    theirs.replaceSync(css);
    if (hidden) hiding.insertRule(`${hidden} { display: none !important }`);
    sheets.push(theirs, hiding);
  }
  if (!document.adoptedStyleSheets.includes(sheets[0])) {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, ...sheets];
  }
  // A constructed sheet imports nothing; an element does, as far as the page's policy lets it.
  if (!/@import/i.test(css) || !document.documentElement) return;
  const element = globalThis.tintypeElement ??= document.createElement("style");
  element.textContent ||= css;
  if (!element.isConnected) (document.head ?? document.documentElement).append(element);
}
