// Hide the elements that the rules name, and only those which are what their name says: a page may call its own parts
// so. kinds: {ads, chats, consent: {selectors, final}}; final is the style of what is hidden. True if something is shown again
// that was hidden before; null if there are such elements and words is null, which most pages do not need.
(kinds, words) => {
  const MAX_LABEL = 80, MAX_LETTERS = 6000, MAX_TREES = 300, MAX_JUDGED = 300;
  const { areaInView, boxOf, contentOf, coverage, drawnNodes, floats, isBlocking, isDrawn, parentOf, remains, styleOf } = elementWeight();
  const { accepts, refuses, labelOf, isAbout, isForeign, isRelated } = consentText(words ?? {});
  const [page, ...shadows] = deepTrees().slice(0, MAX_TREES);
  const joined = Object.values(kinds).flatMap(({ selectors }) => selectors).join(",");
  const trees = [page, ...(joined ? shadows.filter((tree) => tree.querySelector(joined)) : [])];
  const sheets = globalThis.namedSheets ??= {};
  const hidden = globalThis.hiddenInline ??= new Map();
  const shown = globalThis.shownAgain ??= new WeakSet();

  let allGone = false;
  const staysWithout = (element) => !allGone || remains(element);
  const isPage = (element) => element === document.body || element === document.documentElement || element.matches("main, [role=main]");
  const isEmpty = (content) => !content.letters && !content.fields && !content.frames && content.media < 0.001;
  // Whether all that is drawn in an element lies over the page.
  const isOverPage = (element, isOver) => {
    for (let up = element, depth = 0; up && depth < 100; up = parentOf(up), depth += 1) {
      if (up !== document.body && isOver(up) && isEmpty(contentOf(up, element))) return true;
    }
    const over = [...drawnNodes(element, new Set())].filter((node) => node.nodeType === Node.ELEMENT_NODE && isOver(node));
    return over.length > 0 && isEmpty(contentOf(element, over));
  };
  const isFixed = (element) => floats(element) && styleOf(element).position !== "sticky";
  const isBar = (element) => {
    const { left, right, top } = boxOf(element);
    return top <= 20 && left <= innerWidth * 0.05 && right >= innerWidth * 0.95 && areaInView(element) <= 0.4;
  };
  const holdsPage = (element) => [...element.querySelectorAll("main, article, [role=main], input[type=password]")].some(isDrawn);

  // An empty slot, or one that frames of other sites fill: the hosts of advertising are blocked.
  const isSlot = (element, content) => {
    if (content.letters > MAX_LABEL || content.fields || content.headings || holdsPage(element)) return false;
    if (element.querySelector("button, table, ul, ol, p:not(:empty) + p, canvas, video")) return false;
    const frames = [...(element.matches("iframe") ? [element] : []), ...element.querySelectorAll("iframe")];
    if (frames.some((frame) => URL.parse(frame.src)?.host === location.host && location.host)) return false;
    const images = [...element.querySelectorAll("img, svg")].filter((image) => areaInView(image) > 0.01 && !image.closest("a[href]"));
    return !images.length && (coverage(element) < 0.6 || staysWithout(element));
  };
  // A bubble or a box in a corner; not a column or a header of an application.
  const isWidget = (element, content) => {
    if (content.letters > MAX_LETTERS || content.headings > 3 || holdsPage(element) || !isOverPage(element, isFixed)) return false;
    if ([...element.querySelectorAll("h1")].some(isDrawn)) return false;
    const isFrame = [element, ...element.querySelectorAll("*")].slice(0, 200).some((each) => {
      const box = boxOf(each);
      const isColumn = box.height >= innerHeight * 0.95 && box.width >= innerWidth * 0.15;
      const isHeader = box.width >= innerWidth * 0.8 && box.top <= 20;
      return isDrawn(each) && (isColumn || isHeader) && !isEmpty(contentOf(each));
    });
    return !isFrame && coverage(element) <= 0.5 && staysWithout(element);
  };
  const isConsentDialog = (element, content) => {
    if (content.letters > MAX_LETTERS || content.fields || holdsPage(element)) return false;
    if (!isOverPage(element, (each) => floats(each) || styleOf(each).position === "absolute") && !isBar(element)) return false;
    const isAnswered = () => [...element.querySelectorAll("button, a, [role=button]")].slice(0, 100).map(labelOf)
      .some((label) => accepts(label) || refuses(label));
    if (content.letters >= 20 && !isAbout(content.text) && !(isRelated(content.text) && isAnswered())) return false;
    if (isForeign(content.text) && !isAbout(content.prose)) return false;
    return staysWithout(element) && (content.letters >= 20 || content.frames > 0 || coverage(element) <= 0.1 || isEmpty(content));
  };
  const judges = { ads: isSlot, chats: isWidget, consent: isConsentDialog };
  const isHarmless = (kind, element, content) => {
    if (isPage(element)) return false;
    return isEmpty(content) && kind !== "ads" && coverage(element) < 0.1 ? true : judges[kind](element, content);
  };

  const matches = Object.entries(kinds).map(([kind, { selectors }]) => [kind, selectors.map((selector) => {
    return [selector, trees.flatMap((tree) => [...tree.querySelectorAll(selector)])];
  })]);
  const all = matches.flatMap(([, rules]) => rules.flatMap(([, elements]) => elements));
  const adopt = (tree) => {
    const missing = Object.values(sheets).filter((sheet) => !tree.adoptedStyleSheets.includes(sheet));
    if (missing.length) tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, ...missing];
  };
  const setRules = (kind, rules, style) => sheets[kind].replaceSync(rules.map(([selector]) => `${selector}{${style}}`).join("\n"));
  if (all.length && !words) return null;
  const missing = matches.filter(([kind]) => !sheets[kind]);
  for (const [kind] of missing) sheets[kind] = new CSSStyleSheet();
  adopt(document);
  if (!all.length) { // the sheets that preload_hiding.js made stay: to replace one costs the style of the whole page
    for (const [kind, rules] of missing) setRules(kind, rules, kinds[kind].final);
    return false;
  }

  // Measured as the page wants them, and without a transition from hidden to shown.
  for (const [element, before] of hidden) {
    element.style.removeProperty("display");
    if (before.value) element.style.setProperty("display", before.value, before.priority);
  }
  hidden.clear();
  for (const [kind, rules] of matches) {
    setRules(kind, rules.filter(([, elements]) => elements.length), "transition:none!important");
  }
  for (const tree of new Set(all.map((element) => element.getRootNode()))) if (tree.adoptedStyleSheets) adopt(tree);
  const harmless = globalThis.harmless = new Map();
  const harmful = new Set();
  allGone = !remains(...all);
  for (const [kind, rules] of matches) {
    for (const element of rules.flatMap(([, elements]) => elements)) {
      const content = contentOf(element), asks = content.letters >= 20 || content.frames > 0;
      if (harmless.size < MAX_JUDGED && isHarmless(kind, element, content)) harmless.set(element, { asks, isBlocking: isBlocking(element) });
      else harmful.add(element);
    }
  }
  const takesPage = allGone && !remains(...harmless.keys());
  for (const element of harmless.keys()) { // what several rules name is kept if one judgement says so
    if (takesPage && !isEmpty(contentOf(element))) harmful.add(element);
    if (harmful.has(element)) harmless.delete(element);
  }
  for (const [kind, rules] of matches) {
    setRules(kind, rules.filter(([, elements]) => !elements.some((element) => harmful.has(element))), kinds[kind].final);
  }
  for (const element of harmless.keys()) { // beside elements of the same name that are kept
    if (styleOf(element).display === "none" || styleOf(element).opacity === "0") continue;
    hidden.set(element, { value: element.style.getPropertyValue("display"), priority: element.style.getPropertyPriority("display") });
    element.style.setProperty("display", "none", "important");
  }
  const isChanged = [...harmful].some((element) => !shown.has(element));
  for (const element of harmful) shown.add(element);
  return isChanged;
}
