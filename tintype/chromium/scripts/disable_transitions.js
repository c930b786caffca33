// Switch off transitions, smooth scrolling, and scroll anchoring, which moves a list that replaces its rows at each step.
() => {
  if (globalThis.transitionsDisabled) return;
  globalThis.transitionsDisabled = true;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important; scroll-behavior: auto !important; overflow-anchor: none !important }");
  document.adoptedStyleSheets.push(sheet);
}
