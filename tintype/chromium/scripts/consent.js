// Consent dialogs: find them, refuse, hide what remains, let the page scroll again.
// Steps: "find" and "clear" for a page; "look" and "press" for a frame that is a dialog as a whole.
(step, managers, words) => {
  const MOST_ELEMENTS = 1500, LONGEST_TEXT = 6000, LONGEST_LABEL = 60, DEEPEST = 60;
  const CLICKABLE = "button, [role=button], input[type=button], input[type=submit], a";
  const ACROSS = [0.04, 0.5, 0.96], DOWN = [0.03, 0.25, 0.5, 0.75, 0.97];

  const normal = (text) => text.slice(0, 300).toLowerCase().replace(/’/g, "'").replace(/\s+/g, " ").replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  const isIn = (list) => {
    const set = new Set(list.map(normal));
    return (text) => set.has(text);
  };
  const [accepts, refuses] = [isIn(words.accept), isIn(words.refuse)];
  const mentions = (text, list) => list.some((word) => text.includes(word));
  const parentOf = (element) => element.parentElement ?? (element.getRootNode().host || null);

  // Whole subtrees with the open shadow roots in them: dialogs are small.
  const within = (root, selector) => {
    const found = [...root.querySelectorAll(selector)];
    for (const element of [root, ...[...root.querySelectorAll("*")].slice(0, MOST_ELEMENTS)]) {
      if (element.shadowRoot) found.push(...within(element.shadowRoot, selector));
    }
    return found;
  };
  const textOf = (element) => {
    const inside = element.shadowRoot ? [...element.shadowRoot.children] : [];
    const text = element.innerText ?? element.textContent ?? "";
    const nested = [...element.querySelectorAll("*")].slice(0, MOST_ELEMENTS).filter((each) => each.shadowRoot);
    return [text, ...inside.map(textOf), ...nested.map(textOf)].join(" ").trim();
  };
  const labelOf = (button) => {
    const text = button.innerText || button.value || button.getAttribute("aria-label") || button.textContent || "";
    return text.length > LONGEST_LABEL * 2 ? "" : normal(text);
  };

  const floats = (element) => {
    if (element.matches(":modal, :popover-open, [aria-modal=true], [role=alertdialog]")) return true;
    const { position } = getComputedStyle(element);
    return position === "fixed" || position === "sticky";
  };
  const FOREIGN = "input:is([type=password], [type=email], [type=search], [type=tel])";
  const isDialog = (element, foreign = `main, article, [role=main], ${FOREIGN}`) => {
    if (element.getElementsByTagName("*").length > MOST_ELEMENTS) return false;
    const text = textOf(element).toLowerCase();
    if (text.length < 20 || text.length > LONGEST_TEXT || !mentions(text, words.about)) return false;
    if (within(element, foreign).length) return false;
    const labels = within(element, CLICKABLE).map(labelOf).filter(Boolean);
    const answers = labels.filter((label) => accepts(label) || refuses(label));
    return answers.some((label) => mentions(label, ["cookie"])) || (answers.length > 0 && mentions(text, words.context));
  };

  const leadsAway = (button) => {
    const link = button.closest("a[href]");
    return (link && !/^(#|javascript:)/i.test(link.getAttribute("href").trim() || "#")) || (button.form && button.type === "submit");
  };
  const press = (button) => {
    if (!button || button.disabled || leadsAway(button)) return false;
    button.click();
    return true;
  };
  const pressRefusal = (root) => press(within(root, CLICKABLE).find((button) => refuses(labelOf(button)) && !leadsAway(button)));

  // What lies on top of the page at 15 points of the viewport.
  const stacks = () => DOWN.flatMap((y) => ACROSS.map((x) => {
    const [left, top] = [x * innerWidth, y * innerHeight];
    let stack = document.elementsFromPoint(left, top).slice(0, 3);
    for (let depth = 0; depth < 5 && stack[0]?.shadowRoot; depth += 1) {
      const inner = stack[0].shadowRoot.elementsFromPoint(left, top).filter((each) => each !== stack[0]).slice(0, 3);
      if (!inner.length || inner[0].getRootNode() !== stack[0].shadowRoot) break;
      stack = inner;
    }
    return stack;
  }));
  const floating = () => {
    const seen = new Set(), found = [];
    for (let element of new Set(stacks().flat())) {
      for (let depth = 0; element && depth < DEEPEST && !seen.has(element); depth += 1) {
        seen.add(element);
        if (element !== document.body && element !== document.documentElement && floats(element)) found.push(element);
        element = parentOf(element);
      }
    }
    return found;
  };
  const outermost = (elements) => {
    const all = new Set(elements);
    return elements.filter((element) => {
      for (let up = parentOf(element); up; up = parentOf(up)) if (all.has(up)) return false;
      return true;
    });
  };

  const here = managers.filter((manager) => manager.hide.some((selector) => document.querySelector(selector)));
  const ownOf = (manager) => manager.hide.flatMap((selector) => [...document.querySelectorAll(selector)]);
  const unknown = () => outermost(floating().filter((element) => isDialog(element)));
  const framed = (elements) => elements.some((element) => element.matches("iframe") || element.querySelector("iframe"));

  const hide = (element) => element.style.setProperty("display", "none", "important");
  const scrollsInside = () => {
    for (let element = document.elementFromPoint(innerWidth / 2, innerHeight / 2); element; element = parentOf(element)) {
      if (element === document.body || element === document.documentElement) return false;
      const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowY) && element.scrollHeight > element.clientHeight;
      if (scrolls && element.clientHeight > innerHeight * 0.7) return true;
    }
    return false;
  };
  const unlock = () => {
    const ends = [document.documentElement, document.body].filter(Boolean);
    for (const end of ends) end.classList.remove(...here.flatMap((manager) => manager.locks ?? []));
    const inside = scrollsInside();
    for (const end of ends) {
      const style = getComputedStyle(end);
      if (/hidden|clip/.test(style.overflowY) && !inside) end.style.setProperty("overflow", "visible", "important");
      if (style.position === "fixed") {
        end.style.setProperty("position", "static", "important");
        end.style.setProperty("width", "auto", "important");
      }
    }
    for (const child of [...(document.body?.children ?? [])].slice(0, 100)) {
      if (getComputedStyle(child).filter.includes("blur")) child.style.setProperty("filter", "none", "important");
    }
  };
  // An empty layer over everything: the backdrop of a dialog.
  const isBackdrop = (element) => {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (box.width < innerWidth * 0.9 || box.height < innerHeight * 0.9 || style.position !== "fixed") return false;
    if (style.backgroundImage !== "none" || element.innerText?.trim() || within(element, "img, svg, video, canvas, iframe").length) {
      return false;
    }
    const alpha = /rgba\(.*,\s*([\d.]+)\)|\/\s*([\d.]+)\)/.exec(style.backgroundColor);
    const dimmed = alpha && Number(alpha[1] ?? alpha[2]) > 0 && Number(alpha[1] ?? alpha[2]) < 1;
    return Boolean(dimmed) || style.backdropFilter !== "none" || Number(style.opacity) < 1;
  };
  const hideBackdrops = () => {
    for (const element of new Set(stacks().map((stack) => stack[0]))) if (element && isBackdrop(element)) hide(element);
  };

  if (step === "find") {
    const known = here.flatMap(ownOf);
    const frames = framed(known) || framed(floating());
    const others = unknown();
    return known.length || others.length || frames ? { known: here.map((manager) => manager.name), others: others.length, frames } : null;
  }
  if (step === "clear") {
    for (const manager of here) {
      const own = ownOf(manager);
      const buttons = manager.refuse.flatMap((selector) => own.flatMap((each) => within(each, selector)));
      const others = manager.refuse.flatMap((selector) => [...document.querySelectorAll(selector)]);
      if (!press([...buttons, ...others][0])) own.some(pressRefusal);
      own.forEach(hide);
    }
    const dialogs = unknown();
    for (const dialog of dialogs) {
      pressRefusal(dialog);
      hide(dialog);
    }
    if (here.length || dialogs.length) {
      unlock();
      hideBackdrops();
    }
    return dialogs.length;
  }
  const page = document.body;
  if (!page || !isDialog(page, FOREIGN)) return false;
  if (step === "look") return true;
  const buttons = managers.flatMap((manager) => manager.refuse.flatMap((selector) => [...document.querySelectorAll(selector)]));
  return buttons.some(press) || pressRefusal(page);
}
