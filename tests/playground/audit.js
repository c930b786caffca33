// Visible content of the page: texts and control borders with their contrast, control names and sizes, headings.
() => {
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && element.getClientRects().length > 0 && element.getBoundingClientRect().width > 2;

  const parse = (colour) => {
    const numbers = colour.match(/[\d.]+/g).map(Number);
    return colour.startsWith("color(") ? numbers.map((each, index) => (index < 3 ? each * 255 : each)) : numbers;
  };
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((part, index) => part * a + below[index] * (1 - a));
  const luminance = (colour) => colour.slice(0, 3)
    .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  // a gradient is as light as its lightest colour, under light text
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const colours = backgroundImage.startsWith("radial") ? backgroundImage.match(/rgba?\([^)]+\)/g).map(parse) : [];
    if (colours.length) return colours.sort((a, b) => luminance(b) - luminance(a))[0];
    const own = parse(backgroundColor);
    return (own[3] ?? 1) === 1 ? own : over(own, behind(element.parentElement));
  };
  const opacity = (element) => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);

  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !seen(element) || element.closest("script, noscript, option, .visually-hidden")) continue;
    const style = getComputedStyle(element), ground = behind(element);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ink = parse(style.color);
    const drawn = over([...ink.slice(0, 3), (ink[3] ?? 1) * opacity(element)], ground);
    texts.push({ text: text.slice(0, 40), contrast: contrast(drawn, ground), needed: large ? 3 : 4.5 });
  }

  const fields = [...document.querySelectorAll("input:not([type=checkbox]):not([type=hidden]), select, textarea")].filter(seen);
  const edges = fields.map((each) => {
    const box = each.closest(".bar") ?? each;
    return { name: each.id, contrast: contrast(parse(getComputedStyle(box).borderTopColor), behind(box.parentElement)) };
  });

  const nameOf = (each) => each.getAttribute("aria-label")
    ?? (each.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id).textContent).join(" ")
    ?? (each.labels?.length ? [...each.labels].map((label) => label.textContent).join(" ") : each.textContent));
  const controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(seen).map((each) => ({
      name: nameOf(each),
      height: Math.round((each.type === "checkbox" ? each.labels[0] : each).getBoundingClientRect().height),
      inText: each.matches(".skip"),
    }));

  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].map((each) => Number(each.tagName[1]));
  return { texts, edges, controls, headings };
}
