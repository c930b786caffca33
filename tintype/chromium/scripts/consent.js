// Consent dialogs: find them, refuse, hide what remains, let the page scroll again.
// Steps: "find" and "clear" for a page; "look" and "press" for a frame that is a dialog as a whole.
// mayPress: whether a button may be pressed; hiding is all that happens to a page that knows who sees it.
(step, managers, words, mayPress) => {
  const { boxOf, contentOf, isBlocking, isDrawn, parentOf, styleOf } = elementWeight();
  const { CLICKABLE, dialogs, framesOver, isPage, stacks, within } = consentDialogs(words);
  const { refuses, labelOf, isConsent } = consentText(words);

  const leadsAway = (button) => {
    const link = button.closest("a[href]");
    return (link && !/^(#|javascript:)/i.test(link.getAttribute("href").trim() || "#")) || (button.form && button.type === "submit");
  };
  const press = (button) => {
    if (!mayPress || !button || button.disabled || !button.matches(CLICKABLE) || leadsAway(button)) return false;
    button.click();
    return true;
  };
  const pressRefusal = (root) => press(within(root, CLICKABLE).find((button) => refuses(labelOf(button)) && !leadsAway(button)));

  // Elements of consent managers that hide_named.js has found to be nothing but dialogs.
  const harmless = globalThis.harmless ?? new Map();
  const ownOf = ({ hide: selectors }) => [...harmless.keys()].filter((element) => selectors.some((selector) => element.matches(selector)));
  const asks = ({ own }) => own.some((element) => harmless.get(element).asks); // a button to open it again does not
  const here = managers.map((manager) => ({ ...manager, own: ownOf(manager) })).filter(asks);
  const framed = (elements) => elements.some((element) => element.matches("iframe") || element.querySelector("iframe"));

  // Hide, unless the page loses more than the element itself: a layout can depend on it.
  const hide = (element) => {
    const before = isDrawn(element) ? contentOf(document.body, element).letters : 0;
    element.style.setProperty("display", "none", "important");
    if (before && contentOf(document.body, element).letters < before * 0.7) element.style.removeProperty("display");
  };
  const scrollsInside = () => {
    for (let element = document.elementFromPoint(innerWidth / 2, innerHeight / 2), depth = 0; element && depth < 100; element = parentOf(element), depth += 1) {
      if (isPage(element)) return false;
      const scrolls = /auto|scroll/.test(styleOf(element).overflowY) && element.scrollHeight > element.clientHeight;
      if (scrolls && element.clientHeight > innerHeight * 0.7) return true;
    }
    return false;
  };
  const unlock = () => {
    const inside = scrollsInside();
    for (const end of [document.documentElement, document.body]) {
      const style = styleOf(end);
      if (/hidden|clip/.test(style.overflowY) && !inside) end.style.setProperty("overflow", "visible", "important");
      if (style.position === "fixed") {
        end.style.setProperty("position", "static", "important");
        end.style.setProperty("width", "auto", "important");
      }
    }
    for (const child of [...document.body.children].slice(0, 100)) {
      if (styleOf(child).filter.includes("blur")) child.style.setProperty("filter", "none", "important");
    }
  };
  // An empty, translucent layer over everything: the backdrop of a dialog.
  const isBackdrop = (element) => {
    const box = boxOf(element), style = styleOf(element);
    if (isPage(element) || box.width < innerWidth * 0.9 || box.height < innerHeight * 0.9 || !/fixed|absolute/.test(style.position)) return false;
    if (style.backgroundImage !== "none" || element.innerText?.trim() || within(element, "img, svg, video, canvas, iframe").length) {
      return false;
    }
    const alpha = /rgba\(.*,\s*([\d.]+)\)|\/\s*([\d.]+)\)/.exec(style.backgroundColor);
    const dimmed = alpha && Number(alpha[1] ?? alpha[2]) > 0 && Number(alpha[1] ?? alpha[2]) < 1;
    return Boolean(dimmed) || style.backdropFilter !== "none" || Number(style.opacity) < 1;
  };
  // Layers that lie above the page nearly everywhere, not decoration below its content.
  const hideBackdrops = () => {
    const tops = stacks().map((stack) => stack[0]);
    const backdrops = [...new Set(tops)].filter((top) => {
      return top && isBackdrop(top) && tops.filter((each) => each === top).length >= tops.length * 0.8;
    });
    backdrops.forEach((element) => element.style.setProperty("display", "none", "important"));
    return backdrops.length > 0;
  };
  const clear = () => {
    let isModal = false;
    for (const { own, refuse, locks } of here) {
      const ends = [document.documentElement, document.body];
      isModal ||= own.some((element) => harmless.get(element).isBlocking) || ends.some((end) => (locks ?? []).some((lock) => end.classList.contains(lock)));
      const buttons = refuse.flatMap((selector) => own.flatMap((each) => [...(each.matches(selector) ? [each] : []), ...within(each, selector)]));
      if (!buttons.some(press)) own.some(pressRefusal);
      own.forEach(hide);
      for (const end of ends) end.classList.remove(...(locks ?? []));
    }
    const others = dialogs();
    for (const dialog of others) {
      isModal ||= isBlocking(dialog);
      pressRefusal(dialog);
      hide(dialog);
    }
    if (here.length || others.length) isModal = hideBackdrops() || isModal;
    if (isModal) unlock();
    return others.length;
  };

  if (!document.body) return false;
  if (step === "find") {
    const own = here.flatMap((manager) => manager.own);
    const frames = framed(own) || framesOver();
    const others = dialogs();
    return own.length || others.length || frames ? { known: here.map(({ name }) => name), others: others.length, frames } : null;
  }
  if (step === "clear") return clear();
  const content = contentOf(document.body);
  const labels = within(document.body, CLICKABLE).filter(isDrawn).map(labelOf).filter(Boolean);
  if (content.fields || content.letters > 6000 || !isConsent(content, labels)) return false;
  if (step === "look") return true;
  const buttons = managers.flatMap((manager) => manager.refuse.flatMap((selector) => [...document.querySelectorAll(selector)]));
  return buttons.some(press) || pressRefusal(document.body);
}
