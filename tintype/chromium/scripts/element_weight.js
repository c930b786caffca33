// What a visitor sees in an element and would lose with it (letters, form fields, images), and where the element lies.
// Shadow trees are included. Walks are bounded: a page can have any number of elements.
() => {
  const MAX_NODES = 4000, MAX_DEPTH = 100;
  const UNSEEN = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TITLE", "HEAD", "OPTION"]);
  const MEDIA = new Set(["IMG", "svg", "VIDEO", "CANVAS", "IFRAME", "OBJECT", "EMBED"]);
  const NO_FIELDS = ["hidden", "checkbox", "radio", "button", "submit", "reset", "image", "range"];
  const FIELD = `input${NO_FIELDS.map((type) => `:not([type=${type}])`).join("")},textarea,[contenteditable=true],[contenteditable=""]`;
  const CONTROL = "a[href], button, [role=button], nav, select";
  const SHOWN = { opacityProperty: true, visibilityProperty: true };
  // A form's fields may be called as properties of elements.
  const parentElement = Object.getOwnPropertyDescriptor(Node.prototype, "parentElement").get;
  const parentOf = (element) => parentElement.call(element) ?? Node.prototype.getRootNode.call(element).host ?? null;
  const shadowOf = (element) => element.shadowRoot ?? globalThis.closedRoots?.get(element) ?? null;
  const styleOf = (element) => getComputedStyle(element);
  const isDrawn = (element) => Element.prototype.checkVisibility.call(element, SHOWN);
  const hasBox = (element) => Element.prototype.checkVisibility.call(element) || styleOf(element).display === "contents";
  const lettersOf = (text) => text.length + (text.match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/g)?.length ?? 0);
  const boxOf = (element) => Element.prototype.getBoundingClientRect.call(element);

  const isWithin = (element, ancestor) => {
    for (let depth = 0; element && depth < MAX_DEPTH; element = parentOf(element), depth += 1) if (element === ancestor) return true;
    return false;
  };
  // The drawn nodes of an element in the order of the document; except: elements that are left out.
  function* drawnNodes(root, except) {
    const pending = [root];
    for (let left = MAX_NODES; pending.length && left > 0; left -= 1) {
      const node = pending.pop();
      if (node.nodeType === Node.TEXT_NODE) {
        if (node.data.trim()) yield node;
        continue;
      }
      if (node.nodeType === Node.ELEMENT_NODE) {
        if (except.has(node) || UNSEEN.has(node.nodeName) || !hasBox(node)) continue;
        yield node;
        const shadow = shadowOf(node);
        if (shadow) pending.push(shadow);
      }
      for (let child = node.lastChild; child; child = child.previousSibling) pending.push(child);
    }
  }
  const areaInView = (element) => {
    const box = boxOf(element);
    const width = Math.min(box.right, innerWidth) - Math.max(box.left, 0), height = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    return width > 0 && height > 0 ? (width * height) / (innerWidth * innerHeight) : 0;
  };
  const blockOf = (element) => {
    let block = element;
    for (let depth = 0; depth < 20 && /^(inline|contents)$/.test(styleOf(block).display); depth += 1) {
      const up = parentOf(block);
      if (!up) break;
      block = up;
    }
    return block;
  };

  // text: all of it; prose: the blocks that are more than links and buttons; media: images as a part of the viewport.
  const contentOf = (root, ...except) => {
    const content = { letters: 0, fields: 0, media: 0, links: 0, linkLetters: 0, headings: 0, frames: 0, text: "", prose: "" };
    const blocks = new Map();
    for (const node of drawnNodes(root, new Set(except.flat()))) {
      if (node.nodeType === Node.TEXT_NODE) {
        const holder = parentElement.call(node) ?? node.getRootNode().host;
        if (!holder || !isDrawn(holder)) continue;
        const text = node.data.replace(/\s+/g, " "), letters = lettersOf(text.trim());
        content.letters += letters;
        const block = blockOf(holder), seen = blocks.get(block) ?? { text: "", plain: 0 };
        seen.text += ` ${text}`;
        if (!holder.closest(CONTROL)) seen.plain += letters;
        if (holder.closest("a[href]")) content.linkLetters += letters;
        blocks.set(block, seen);
        continue;
      }
      if (!isDrawn(node)) continue;
      if (node.matches("a[href]") && !/^(#|javascript:)/i.test(node.getAttribute("href").trim() || "#")) content.links += 1;
      if (node.matches(FIELD)) content.fields += 1;
      if (/^H[1-6]$/.test(node.nodeName)) content.headings += 1;
      if (node.nodeName === "IFRAME") content.frames += 1;
      if (MEDIA.has(node.nodeName) || styleOf(node).backgroundImage.includes("url(")) content.media += areaInView(node);
    }
    for (const { text, plain } of blocks.values()) {
      content.text += `${text} \n`;
      if (plain >= 12) content.prose += `${text} \n`;
    }
    return content;
  };

  const isOnTop = (element) => element.matches(":modal, :popover-open");
  const floats = (element) => isOnTop(element) || /^(fixed|sticky)$/.test(styleOf(element).position);
  // The element with what sticks out of it: wrappers of fixed elements have no size themselves.
  const coverage = (element) => {
    let most = areaInView(element), left = 200;
    for (const node of drawnNodes(element, new Set())) {
      if (left-- <= 0) break;
      if (node.nodeType === Node.ELEMENT_NODE) most = Math.max(most, areaInView(node));
    }
    return most;
  };
  // Whether it takes the page from the visitor: modal, large, or over the middle.
  const isBlocking = (element) => {
    if (isOnTop(element) || element.matches("[aria-modal=true]") || coverage(element) > 0.5) return true;
    const box = boxOf(element), [x, y] = [innerWidth / 2, innerHeight / 2];
    return box.left < x && box.right > x && box.top < y && box.bottom > y;
  };
  // Whether a page remains without these elements.
  const remains = (...elements) => {
    if (!document.body) return false;
    const { letters, fields, media } = contentOf(document.body, ...elements);
    return letters >= 20 || fields > 0 || media >= 0.02;
  };
  return { areaInView, boxOf, contentOf, coverage, drawnNodes, floats, isBlocking, isDrawn, isWithin, parentOf, remains, shadowOf, styleOf };
}
