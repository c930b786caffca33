// The consent dialogs on a page that no manager is known for: {element, labels} each. An element is one if it asks for
// consent, lies over the page, contains nothing else, and something remains of the page without it.
(words) => {
  const MAX_ELEMENTS = 1500, MAX_LETTERS = 6000, MAX_DEPTH = 60, MAX_CANDIDATES = 60, MAX_ANSWERS = 60, MAX_LINKS = 12;
  const CLICKABLE = "button, [role=button], input[type=button], input[type=submit], a";
  const DIALOGS = ":modal, :popover-open, [role=dialog], [role=alertdialog], [aria-modal=true]";
  const NAMED = /cookie|consent|gdpr|ccpa|dsgvo|rgpd|privacy|datenschutz/i;
  const ACROSS = [0.04, 0.27, 0.5, 0.73, 0.96], DOWN = [0.03, 0.15, 0.35, 0.5, 0.65, 0.85, 0.97];
  const { areaInView, boxOf, contentOf, floats, isDrawn, isWithin, parentOf, remains, shadowOf, styleOf } = elementWeight();
  const { accepts, refuses, labelOf, quickLabelOf, isAbout, isConsent } = consentText(words);

  const isPage = (element) => element === document.body || element === document.documentElement;
  // Elements in a subtree and its shadow trees.
  const within = (root, selector) => {
    const found = [];
    for (const trees = [shadowOf(root), root].filter(Boolean), seen = new Set(); trees.length && seen.size < MAX_CANDIDATES;) {
      const tree = trees.pop();
      seen.add(tree);
      found.push(...tree.querySelectorAll(selector));
      for (const element of [...tree.querySelectorAll("*")].slice(0, MAX_ELEMENTS)) {
        const shadow = shadowOf(element);
        if (shadow && !seen.has(shadow)) trees.push(shadow);
      }
    }
    return found;
  };

  // What lies on top of the page at 35 points of the viewport.
  const stacks = () => DOWN.flatMap((y) => ACROSS.map((x) => {
    const [left, top] = [x * innerWidth, y * innerHeight];
    let stack = document.elementsFromPoint(left, top).slice(0, 3);
    for (let depth = 0; depth < 5 && stack[0] && shadowOf(stack[0]); depth += 1) {
      const shadow = shadowOf(stack[0]);
      const inner = shadow.elementsFromPoint(left, top).filter((each) => each !== stack[0]).slice(0, 3);
      if (!inner.length || inner[0].getRootNode() !== shadow) break;
      stack = inner;
    }
    return stack;
  }));
  const touches = (element) => {
    const { left, right, top, bottom } = boxOf(element);
    return { wide: left <= innerWidth * 0.05 && right >= innerWidth * 0.95, atEdge: top <= 2 || bottom >= innerHeight - 2 };
  };
  // An absolutely positioned element above others, or along an edge.
  const lies = (element) => {
    const { position, zIndex } = styleOf(element);
    if (position !== "absolute" || areaInView(element) === 0) return false;
    const { wide, atEdge } = touches(element);
    if ((wide && atEdge) || element.matches(DIALOGS)) return true;
    const box = boxOf(element);
    return Number(zIndex) > 0 && [0.1, 0.5, 0.9].some((part) => {
      const stack = document.elementsFromPoint(box.left + box.width * part, box.top + box.height * part);
      return stack.some((each) => !isPage(each) && !isWithin(each, element) && !isWithin(element, each));
    });
  };
  const isOver = (element) => floats(element) || lies(element) || element.matches("[aria-modal=true], [role=alertdialog]");
  // A bar in the flow, along an edge of the viewport, that is named for what it is.
  const isBar = (element) => {
    const name = `${element.id} ${element.getAttribute("class") ?? ""} ${element.getAttribute("aria-label") ?? ""}`;
    const { wide, atEdge } = touches(element);
    return wide && atEdge && areaInView(element) <= 0.5 && NAMED.test(name);
  };
  const candidates = () => {
    const found = new Set(), seen = new Set();
    for (let element of new Set([...stacks().flat(), ...document.querySelectorAll(DIALOGS)])) {
      for (let depth = 0; element && depth < MAX_DEPTH && !seen.has(element); depth += 1) {
        seen.add(element);
        if (!isPage(element) && (isOver(element) || isBar(element))) found.add(element);
        element = parentOf(element);
      }
    }
    return [...found].slice(0, MAX_CANDIDATES);
  };
  // Most pages have no button that could be an answer, or no frame: then nothing has to be measured.
  const isPossible = () => deepTrees().some((tree) => [...tree.querySelectorAll(CLICKABLE)].some((button) => {
    const label = quickLabelOf(button);
    return label && (accepts(label) || refuses(label));
  }));
  const framesOver = () => {
    if (!deepTrees().some((tree) => tree.querySelector("iframe"))) return false;
    return candidates().some((element) => element.matches("iframe") || element.querySelector("iframe"));
  };
  const answersIn = (element) => {
    if (element.getElementsByTagName("*").length > MAX_ELEMENTS) return [];
    return within(element, CLICKABLE).filter((button) => {
      const label = labelOf(button);
      return label && (accepts(label) || refuses(label)) && isDrawn(button);
    });
  };

  // The smallest element around a button that mentions consent.
  const coreOf = (button) => {
    for (let up = parentOf(button), depth = 0; up && !isPage(up) && depth < MAX_DEPTH; up = parentOf(up), depth += 1) {
      const content = contentOf(up);
      if (content.letters > MAX_LETTERS) return null;
      if (isAbout(content.prose)) return up;
    }
    return null;
  };
  const isNothing = (more) => more.letters <= 2 && !more.fields && !more.frames && more.media < 0.01;
  // A heading, a logo, a link to the policy: what a dialog has around its question; not a page or a side bar.
  const isLittle = (more, element, core) => {
    const fills = areaInView(core) >= areaInView(element) * 0.5;
    if (!fills && areaInView(element) >= 0.6) return more.letters <= 20 && more.links <= 1 && !more.fields && !more.frames && more.media < 0.01;
    return more.letters <= 150 && more.links <= 3 && !more.fields && !more.frames && more.media <= 0.1;
  };
  // Grows from the core to the whole of the dialog, while what it takes in belongs to it.
  const dialogOf = (core) => {
    let dialog = core, bar = isBar(core) ? core : null, isFound = isOver(core);
    for (let up = parentOf(core), depth = 0; up && !isPage(up) && depth < MAX_DEPTH; up = parentOf(up), depth += 1) {
      const more = contentOf(up, dialog);
      if (!isNothing(more) && (isFound || !isLittle(more, up, core))) break;
      dialog = up;
      isFound ||= isOver(up);
      if (!bar && isBar(up)) bar = up;
    }
    return isFound ? dialog : bar;
  };
  const isWhole = (dialog) => {
    const content = contentOf(dialog);
    if (content.letters < 20 || content.letters > MAX_LETTERS || content.fields || content.media > 0.3) return false;
    if (content.links > MAX_LINKS || (content.links > 3 && content.linkLetters > content.letters * 0.2)) return false; // a menu
    if (within(dialog, "main, article, [role=main], [role=search], [role=tree], [role=tablist], canvas, video, table").some(isDrawn)) return false;
    const labels = within(dialog, CLICKABLE).filter(isDrawn).map(labelOf).filter(Boolean);
    return isConsent(content, labels) && remains(dialog);
  };
  const dialogs = () => {
    if (!isPossible()) return [];
    const cores = new Set(), found = new Set();
    const answers = new Set(candidates().flatMap(answersIn));
    for (const button of [...answers].slice(0, MAX_ANSWERS)) {
      const core = coreOf(button);
      if (!core || cores.has(core)) continue;
      cores.add(core);
      const dialog = dialogOf(core);
      if (dialog && !isPage(dialog) && isWhole(dialog)) found.add(dialog);
    }
    return [...found].filter((dialog) => ![...found].some((other) => other !== dialog && isWithin(dialog, other)));
  };
  return { CLICKABLE, dialogs, framesOver, isPage, stacks, within };
}
