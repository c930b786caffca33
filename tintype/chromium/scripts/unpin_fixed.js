// Place what is fixed or sticky so that a full-page image shows it once: bars at the lower edge of the viewport move to
// the lower edge of the image, sticky elements to their place in the flow. What lies behind or beside every screen, as a
// backdrop or a side bar, reaches to the lower edge. The page is at its top and keeps its height; shadow trees count.
(maxHeight, imageLeft, imageWidth) => {
  const root = document.documentElement;
  if (!root) return;
  const imageHeight = Math.min(root.scrollHeight, maxHeight);
  if (imageHeight <= innerHeight && imageWidth <= innerWidth) return;
  const styles = [], rules = new Map(), fillers = [];
  const force = (element, values) => styles.push([element, values]);
  const forcePseudo = (element, pseudo, values) => {
    const home = element.getRootNode();
    if (!rules.has(home)) rules.set(home, []);
    rules.get(home).push([element, pseudo, values]);
  };
  const isBox = ({ display }) => display !== "inline" && display !== "contents";
  // What makes a box the containing block of fixed descendants, which then move with the page.
  const contains = (style) => isBox(style) && (
    [style.transform, style.translate, style.rotate, style.scale, style.perspective, style.filter, style.backdropFilter]
      .some((value) => value && value !== "none")
    || /paint|layout|strict|content/.test(style.contain) || style.contentVisibility === "auto"
    || /transform|translate|rotate|scale|perspective|filter|contain/.test(style.willChange));
  const scrolls = (element, { overflowX, overflowY }) => element !== document.body && element !== root
    && [overflowX, overflowY].some((value) => /auto|scroll|hidden|overlay/.test(value));
  const isTall = ({ top, bottom, left, right, width }) =>
    width > 0 && right > 0 && left < innerWidth && top < innerHeight * 0.15 && bottom > innerHeight * 0.95 && bottom < innerHeight * 1.5;
  const isOpaque = ({ backgroundColor, backgroundImage }) =>
    backgroundImage !== "none" || /^rgb\(/.test(backgroundColor);
  // An opaque layer in front of the page, as a splash or a question of age, stays on the first screen.
  const isInFront = (style, width) => style.zIndex > 0 && width > innerWidth * 0.9 && isOpaque(style);
  const replaced = "img, video, canvas, svg, iframe, object, embed, picture";
  const reached = ({ top, width }) => ({
    height: `${imageHeight - top}px`, bottom: "auto", "max-height": "none", "box-sizing": "border-box",
    ...(width > innerWidth * 0.9 && { left: `${imageLeft}px`, right: "auto", width: `${imageWidth}px`, "max-width": "none" }),
  });
  const stretch = (element, box) => {
    if (element.matches(replaced) || !(ownChildren(element).length || element.shadowRoot || element.textContent.trim())) {
      force(element, reached(box));
    } else {
      extend(element, imageHeight);
    }
  };
  // Continue what an element paints, and those in it that are as large, down to a height; its content stays where it is.
  const extend = (element, end, depth = 0) => {
    const [box, style] = [element.getBoundingClientRect(), getComputedStyle(element)];
    force(element, { overflow: "visible", isolation: "isolate", contain: "none", ...(style.position === "static" && { position: "relative" }) });
    fillers.push([element, style, box.height, end - box.bottom]);
    if (depth > 3) return;
    for (const child of ownChildren(element)) {
      const { width, height } = child.getBoundingClientRect();
      if (height >= box.height * 0.9 && width >= box.width * 0.9 && !child.matches(replaced)) extend(child, end, depth + 1);
    }
  };
  const paints = (element, { width, height } = element.getBoundingClientRect(), depth = 0) => {
    const { backgroundColor, backgroundImage, borderLeftWidth, borderRightWidth } = getComputedStyle(element);
    return backgroundColor !== "rgba(0, 0, 0, 0)" || backgroundImage !== "none" || [borderLeftWidth, borderRightWidth].some((side) => side !== "0px")
      || (depth < 4 && [...ownChildren(element)].some((child) => {
        const part = child.getBoundingClientRect();
        return part.height >= height * 0.9 && part.width >= width * 0.9 && paints(child, part, depth + 1);
      }));
  };
  const fixed = (element, style) => {
    const box = element.getBoundingClientRect();
    if (box.height > 0 && box.top > innerHeight / 2 && box.bottom > innerHeight / 2) {
      // Not by translate: what is drawn before the screenshot lacks the part of a fixed layer that it moves out of the viewport.
      const top = `calc(${style.top} + ${imageHeight - innerHeight}px)`;
      force(element, { top, bottom: "auto", height: style.height, transition: "none" });
    } else if (isTall(box) && !isInFront(style, box.width) && element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
      stretch(element, box);
    }
  };
  const sticky = (element, style) => {
    const auto = Object.fromEntries(["top", "right", "bottom", "left"].map((side) => [side, "auto"]));
    force(element, { position: "relative", ...auto });
    const parent = element.parentElement;
    if (!parent || element.matches(replaced)) return;
    const [box, around, row] = [element.getBoundingClientRect(), parent.getBoundingClientRect(), getComputedStyle(parent)];
    const beside = /grid/.test(row.display) || (/flex/.test(row.display) && /^row/.test(row.flexDirection));
    const alone = beside || parent.lastElementChild === element;
    const end = Math.min(around.bottom, imageHeight);
    const bar = box.height > innerHeight * 0.8 && box.width < innerWidth / 2 && paints(element);
    if (bar && alone && end > box.bottom) extend(element, end);
  };
  const pseudo = (element, name, contained) => {
    const style = getComputedStyle(element, name);
    if (style.content === "none" || style.content === "normal") return;
    const values = {};
    if (/fixed/.test(style.backgroundAttachment)) values["background-attachment"] = "scroll";
    if (style.position === "fixed" && !contained && isBox(style)) {
      const [top, left, width, height] = [style.top, style.left, style.width, style.height].map(parseFloat);
      const box = { top, left, width, right: left + width, bottom: top + height };
      const shown = style.visibility === "visible" && style.opacity > 0;
      if (shown && isTall(box) && !isInFront(style, width)) {
        Object.assign(values, reached(box));
      } else if (top > innerHeight / 2) {
        Object.assign(values, { top: `${top + imageHeight - innerHeight}px`, bottom: "auto", height: `${height}px`, transition: "none" });
      }
    }
    if (Object.keys(values).length) forcePseudo(element, name, values);
  };
  const visit = (element, contained, scrolled, depth) => {
    const style = getComputedStyle(element);
    if (style.display === "none") return null;
    if (/fixed/.test(style.backgroundAttachment) && style.backgroundImage !== "none") force(element, { "background-attachment": "scroll" });
    if (style.position === "sticky" && !scrolled) sticky(element, style);
    if (style.position === "fixed" && !contained) fixed(element, style);
    const within = contained || (element !== root && contains(style));
    if (depth < 4 || element.offsetWidth > innerWidth / 2) ["::before", "::after"].forEach((name) => pseudo(element, name, within));
    return [within, scrolled || scrolls(element, style)];
  };
  // The flat tree: a host's children are those of its shadow root, a slot's are those assigned to it.
  const childrenOf = (element) => {
    const shadow = element.shadowRoot ?? globalThis.closedRoots?.get(element);
    if (shadow) return shadow.children;
    const assigned = element.localName === "slot" ? element.assignedElements() : [];
    return assigned.length ? assigned : ownChildren(element);
  };
  const left = [[root, false, false, 0]];
  for (let count = 0; left.length && count < 20000; count++) {
    const [element, contained, scrolled, depth] = left.pop();
    const inner = visit(element, contained, scrolled, depth);
    if (inner) for (const child of childrenOf(element)) left.push([child, ...inner, depth + 1]);
  }

  // Beside an element that scrolled in place of the document, what was as tall as the viewport.
  for (const { element, beside } of globalThis.scrollers ?? []) {
    const end = Math.min(element.getBoundingClientRect().bottom, imageHeight);
    for (const bar of beside) {
      if (bar.isConnected && bar.getBoundingClientRect().bottom < end && paints(bar)) extend(bar, end);
    }
  }

  // The picture of a canvas, that of body or html, is as tall as the html element, which may be as tall as the viewport.
  if (document.body && styles.some(([element, values]) => (element === document.body || element === root) && "background-attachment" in values)) {
    force(document.body, { height: getComputedStyle(document.body).height, "min-height": "0" });
    force(root, { "min-height": `${imageHeight}px` });
  }
  for (const [element, values] of styles) {
    for (const [name, value] of Object.entries(values)) element.style.setProperty(name, value, "important");
  }
  for (const [element, style, height, more] of fillers) {
    const filler = document.createElement("div");
    const [left, right] = [style.borderLeftWidth, style.borderRightWidth];
    filler.style.cssText = `all: initial; position: absolute; z-index: -1; top: 100%; left: -${left}; right: -${right}; height: ${more}px;`
      + "box-sizing: border-box; background: inherit; border-left: inherit; border-right: inherit; box-shadow: inherit; clip-path: inset(0 -60px)";
    if (/gradient/.test(style.backgroundImage)) { // from the top, so that it does not begin anew
      Object.assign(filler.style, { top: `-${style.borderTopWidth}`, height: `${height + more}px`, background: style.background });
      element.style.setProperty("background", "none", "important");
    }
    element.prepend(filler);
  }
  for (const [home, list] of rules) {
    const sheet = new CSSStyleSheet();
    list.forEach(([element, name, values], number) => {
      if (!element.dataset.tintypeLayer) element.dataset.tintypeLayer = number;
      const text = Object.entries(values).map(([key, value]) => `${key}: ${value} !important`).join("; ");
      sheet.insertRule(`[data-tintype-layer="${element.dataset.tintypeLayer}"]${name} { ${text} }`);
    });
    home.adoptedStyleSheets = [...home.adoptedStyleSheets, sheet];
  }
}
