// Before a page is walked down: what comes into view is there at once, and where not the document scrolls but a part of it
// that fills the screen, that part is as tall as what is in it.
() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important; scroll-behavior: auto !important }");
  document.adoptedStyleSheets.push(sheet);
  const { documentElement: root, body } = document;
  if (!body || root.scrollHeight > innerHeight + 1) return;
  const folded = (element) => {
    const { overflowY } = getComputedStyle(element);
    const scrolls = /auto|scroll|overlay/.test(overflowY) || (element === body && overflowY === "hidden");
    const { width, height } = element.getBoundingClientRect();
    return scrolls && element.scrollHeight > element.clientHeight + 1 && width > innerWidth / 2 && height > innerHeight / 2;
  };
  const force = (element, style) => {
    for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value, "important");
  };
  const unfold = (element) => {
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
    const scroller = under.filter((element) => element !== root).find(folded);
    if (!scroller) return;
    unfold(scroller);
  }
}
