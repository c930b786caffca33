// Before a page is scrolled through: switch transitions off, and make the element that scrolls in place of the document
// as tall as its content, if it fills the viewport.
() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important; scroll-behavior: auto !important }");
  document.adoptedStyleSheets.push(sheet);
  const { documentElement: root, body } = document;
  if (!body || root.scrollHeight > innerHeight + 1) return;
  const isScroller = (element) => {
    const { overflowY } = getComputedStyle(element);
    const scrolls = /auto|scroll|overlay/.test(overflowY) || (element === body && overflowY === "hidden");
    const { width, height } = element.getBoundingClientRect();
    return scrolls && element.scrollHeight > element.clientHeight + 1 && width > innerWidth / 2 && height > innerHeight / 2;
  };
  const force = (element, style) => {
    for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value, "important");
  };
  const expand = (element) => {
    const tall = element.scrollHeight;
    force(element, { "min-height": `${tall}px`, "flex-shrink": "0" });
    for (let part = element; part && part !== root; part = part.parentElement) {
      const { position, display } = getComputedStyle(part);
      if (part !== element) force(part, { "min-height": `${part.offsetHeight}px` });
      if (display !== "contents") force(part, { overflow: "visible", height: "auto", "max-height": "none", contain: "none" });
      if (position === "fixed") force(part, { position: "absolute" });
    }
    force(root, { overflow: "visible", height: "auto", "max-height": "none" });
  };
  for (let depth = 0; depth < 3; depth++) {
    const under = [0.5, 0.3, 0.7].flatMap((part) => {
      const chain = [];
      for (let at = document.elementFromPoint(innerWidth / 2, innerHeight * part); at; at = at.parentElement) chain.push(at);
      return chain;
    });
    const scroller = under.filter((element) => element !== root).find(isScroller);
    if (!scroller) return;
    expand(scroller);
  }
}
