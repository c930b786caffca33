// Reports what the first screen shows if that may be a loading screen: hardly any text, no form, no frame, no video; else
// null. All lengths are CSS pixels, all boxes [left, top, width, height].
// text, captions: visible text and its boxes. loaders: spinners and skeletons. unplaced: sizes of moving pseudo-elements whose
// place is unknown. pictures: images and canvases, each with the address of its file. bars: empty headers and side bars.
// cover: the box of an element that fills the view, and is named as a splash screen or hides text of the page.
() => {
  const MOST_LETTERS = 160;
  const NAMES = new RegExp("spinner|loader(?!s? ?dock)|loading|skeleton|shimmer|throbber|splash|progress|lds-|(^|[-_ ])sk-|ant-spin|fa-spin"
    + "|placeholder-(glow|wave)|content-?placeholder|lottie|hourglass|please-?wait", "i");
  const ICON_FONTS = /icon|symbol|awesome|glyph/i;
  const UNSEEN = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TITLE", "HEAD", "title", "desc", "defs", "metadata"]);
  const area = innerWidth * innerHeight;
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const touchesView = (box) => box.width >= 1 && box.height >= 1 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  const isNearView = (box) => box.bottom >= 0 && box.right >= 0 && box.top <= innerHeight && box.left <= innerWidth; // also without a size
  const share = (box) => {
    const width = Math.min(box.right, innerWidth) - Math.max(box.left, 0);
    const height = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    return (Math.max(width, 0) * Math.max(height, 0)) / area;
  };
  const values = (box) => [box.left, box.top, box.width, box.height].map(Math.round);

  // Whether something opaque, positioned above the page, lies over the middle of a box of an element.
  const isOpaque = (element) => {
    if (/^(IMG|CANVAS|VIDEO|IFRAME)$/.test(element.nodeName)) return true;
    const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
    const alpha = /rgba\(.*,\s*([\d.]+)\)$|\/\s*([\d.]+)\)$/.exec(backgroundColor);
    return opacity > 0.9 && ((alpha ? Number(alpha[1] ?? alpha[2]) : 1) > 0.9 || /gradient|url/.test(backgroundImage));
  };
  // Sheets above the page that let clicks through, which elementFromPoint does not find.
  const sheets = [...document.querySelectorAll("body > *, body > * > *")].slice(0, 300).filter((element) => {
    const { pointerEvents, position } = getComputedStyle(element);
    return pointerEvents === "none" && /fixed|absolute/.test(position) && share(element.getBoundingClientRect()) > 0.9
      && isShown(element) && isOpaque(element);
  });
  const coverOf = (element, box) => {
    const sheet = sheets.find((each) => !each.contains(element)
      && (getComputedStyle(each).zIndex > 0 || element.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING));
    if (sheet) return sheet;
    const x = Math.min(Math.max((box.left + box.right) / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max((box.top + box.bottom) / 2, 0), innerHeight - 1);
    let top = element.getRootNode().elementFromPoint?.(x, y) ?? null;
    if (!top || top.contains(element) || element.contains(top)) return null;
    for (; top && top !== document.body && !top.contains(element); top = top.parentElement) if (isOpaque(top)) return top;
    return null;
  };
  const isSeen = (element, box) => touchesView(box) && isShown(element) && !coverOf(element, box);

  let trees = [document];
  const all = (selector, most) => firstElements(trees, selector, most);
  const seen = (selector, most = 300) => all(selector, most).filter((element) => isSeen(element, element.getBoundingClientRect()));

  const found = { view: [innerWidth, innerHeight], text: "", captions: [], loaders: [], unplaced: [], pictures: [], bars: [], cover: null };
  let hider = null;
  const add = (words, box) => {
    found.text += `${words} `;
    if (found.captions.length < 12) found.captions.push(values(box));
    return found.text.length <= MOST_LETTERS;
  };
  const readText = (among) => {
    const range = document.createRange();
    let left = 3000;
    for (const tree of among) {
      const walker = document.createTreeWalker(tree === document ? document.body ?? document : tree,
        NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
        (node) => (UNSEEN.has(node.nodeName) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
      while (left-- > 0 && walker.nextNode()) {
        const node = walker.currentNode;
        const holder = node.parentElement ?? node.getRootNode().host;
        if (node.nodeType !== Node.TEXT_NODE || !holder || !/\S/.test(node.data) || !isShown(holder)) continue;
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (!touchesView(box) || ICON_FONTS.test(getComputedStyle(holder).fontFamily)) continue;
        const cover = coverOf(holder, box);
        if (cover) hider = cover;
        else if (!add(node.data.slice(0, 400).replace(/\s+/g, " ").trim(), box)) return false;
      }
    }
    return left > 0;
  };
  const readPseudoTexts = () => {
    for (const element of all("body, body *", 400)) {
      const box = element.getBoundingClientRect();
      if (!isNearView(box) || !isShown(element)) continue; // the styles of pseudo-elements take the most time
      for (const pseudo of ["::before", "::after"]) {
        const { content, fontFamily } = getComputedStyle(element, pseudo);
        const words = /^"(.*)"$/.exec(content)?.[1].trim();
        if (!words || ICON_FONTS.test(fontFamily) || /^[\ue000-\uf8ff]+$/.test(words)) continue;
        if (!coverOf(element, box) && !add(words, box)) return false;
      }
    }
    return true;
  };

  // A box of an element, or of its pseudo-element if that has another place.
  const addLoader = (element, pseudo) => {
    let box = element.getBoundingClientRect();
    if (pseudo) {
      const style = getComputedStyle(element, pseudo);
      const [width, height] = [parseFloat(style.width) || 0, parseFloat(style.height) || 0];
      const edge = parseFloat(style.borderTopWidth) || 0;
      const isElsewhere = /absolute|fixed/.test(style.position) && getComputedStyle(element).position === "static";
      if ((share(box) > 0.5 || isElsewhere || element === document.body) && width < innerWidth * 0.7) {
        if (!isShown(element) || found.unplaced.length > 5) return;
        found.unplaced.push([width + 2 * edge, height + 2 * edge].map(Math.round));
        return;
      }
      const grow = Math.max(width, height) + edge;
      box = new DOMRect(box.left - grow, box.top - grow, box.width + 2 * grow, box.height + 2 * grow);
      if (share(box) > 0.5) return; // a backdrop
    }
    if (!touchesView(box) || !isShown(element) || coverOf(element, box)) return;
    const track = element.parentElement?.getBoundingClientRect(); // a bar may run along it, out of sight at times
    for (const each of track && share(track) < 0.03 ? [box, track] : [box]) {
      if (found.loaders.length < 80) found.loaders.push(values(each));
    }
  };
  const isPicture = (element) => /^(IMG|CANVAS|VIDEO|PICTURE)$/.test(element.nodeName) || getComputedStyle(element).backgroundImage.includes("url(");
  const holdsPicture = (element) => isPicture(element) || !!element.querySelector("img,canvas,video,picture,svg");
  const addMoving = () => {
    const endless = trees.flatMap((tree) => tree.getAnimations()).slice(0, 400).filter(({ effect }) => {
      return effect?.target && effect.getComputedTiming().endTime > 60_000;
    });
    const targets = new Set(endless.map(({ effect }) => effect.target));
    if (targets.size > 120) return false; // a drawing
    for (const { effect } of endless) {
      const { target, pseudoElement } = effect;
      const large = share(target.getBoundingClientRect()) > 0.5;
      const pulses = () => effect.getKeyframes().some((frame) => "opacity" in frame);
      if (pseudoElement || !large) {
        if (pseudoElement || !isPicture(target) || NAMES.test(nameOf(target)) || share(target.getBoundingClientRect()) < 0.06) addLoader(target, pseudoElement);
      } else if (pulses() && !holdsPicture(target)) addLoader(target);
    }
    for (const svg of seen("svg", 40)) {
      if (!svg.querySelector("[repeatCount=indefinite],[repeatDur=indefinite]")) continue;
      if (svg.querySelectorAll("*").length > 120) return false;
      addLoader(svg);
    }
    return true;
  };
  const nameOf = (element) => {
    const { id, className, alt, role, ariaLabel, src } = element;
    const file = typeof src === "string" && !src.startsWith("data:") ? src.split("/").pop().slice(0, 100) : "";
    const label = ariaLabel && ariaLabel.length < 30 ? ariaLabel : "";
    const kind = role === "progressbar" ? "progress" : "";
    return [element.localName, id, className.baseVal ?? className, alt, label, file, kind].filter((text) => typeof text === "string").join(" ");
  };
  const addNamed = () => {
    for (const element of all("body *", 1500)) {
      if (/^(BODY|MAIN|HTML|SCRIPT|STYLE|LINK)$/.test(element.nodeName) || !NAMES.test(nameOf(element))) continue;
      const box = element.getBoundingClientRect();
      if (!touchesView(box) || !isShown(element) || coverOf(element, box)) continue;
      if (share(box) >= 0.9) found.cover ??= values(box);
      else if (share(box) < (isPicture(element) ? 0.06 : 0.6)) addLoader(element);
    }
  };
  const addPictures = () => {
    for (const element of seen("img,canvas,svg,body *", 800)) {
      const box = element.getBoundingClientRect();
      const [, background] = /url\("([^"]+)"\)/.exec(getComputedStyle(element).backgroundImage) ?? [];
      const kind = element.localName;
      if (!background && !/^(img|canvas|svg)$/.test(kind)) continue;
      if (found.pictures.length >= 20) return false;
      const { backgroundSize, backgroundRepeat } = getComputedStyle(element);
      found.pictures.push({
        kind: background ? "background" : kind,
        box: values(box),
        fills: !background || backgroundSize !== "auto" || backgroundRepeat !== "no-repeat",
        named: NAMES.test(nameOf(element)),
        file: String(kind === "img" ? element.currentSrc : background ?? "").slice(0, 100_000),
      });
    }
    return true;
  };

  if (!document.body || !readText([document])) return null;
  trees = deepTrees();
  if (!readText(trees.slice(1))) return null;
  if (seen("input:not([type=hidden]),textarea,select,button,video,object,embed,iframe", 50).some((element) => share(element.getBoundingClientRect()) > 0.0005)) return null;
  if (!addMoving() || !addPictures() || !readPseudoTexts()) return null; // the slowest last
  addNamed();
  if (hider && share(hider.getBoundingClientRect()) > 0.9) found.cover ??= values(hider.getBoundingClientRect());
  for (const bar of seen("header,nav,aside,footer,[role=banner],[role=navigation]", 20)) found.bars.push(values(bar.getBoundingClientRect()));
  return found;
}
