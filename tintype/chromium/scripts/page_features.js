// Reports status, URL, title and the page features from which the classifier derives a verdict. All values are bounded.
// marks: {name, selector, script} of challenges, widgets and parking pages; script: patterns that one inline script has.
(marks, consentSelectors) => {
  const CONSENT = consentSelectors.join(",");
  const UNSEEN = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TITLE", "HEAD", "TEXTAREA"]);
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const inView = (box, least) => box.width >= least && box.height >= least && box.bottom > 0 && box.right > 0
    && box.top < innerHeight && box.left < innerWidth;
  const address = (text) => {
    try {
      const url = new URL(text, location.href);
      return (url.host + url.pathname).slice(0, 120);
    } catch {
      return "";
    }
  };
  const all = (selector, most = 200) => Array.from(document.querySelectorAll(selector)).slice(0, most);

  // The visible text, shadow trees included: at most that many letters, and 3000 nodes.
  const read = (root, letters) => {
    const found = { text: "", lettersInView: 0 };
    const roots = [root];
    const range = document.createRange();
    for (let left = 3000; roots.length && found.text.length < letters;) {
      const walker = document.createTreeWalker(roots.shift(), NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
      while (left-- > 0 && walker.nextNode() && found.text.length < letters) {
        const node = walker.currentNode;
        if (node.shadowRoot) roots.push(node.shadowRoot);
        if (node.nodeType !== Node.TEXT_NODE) continue;
        const words = node.data.slice(0, letters).replace(/\s+/g, " ").trim();
        const holder = words && (node.parentElement ?? node.getRootNode().host);
        if (!holder || UNSEEN.has(holder.nodeName) || !shown(holder)) continue;
        found.text += `${words} `;
        if (found.lettersInView < 400) {
          range.selectNodeContents(node);
          if (inView(range.getBoundingClientRect(), 1)) found.lettersInView += words.length;
        }
      }
    }
    return found;
  };

  // What lies above the page: the share of 25 points at which something fixed, or a consent manager, is on top.
  const overlay = () => {
    const tops = new Map();
    const known = new Map();
    const topOf = (spot) => {
      const top = spot?.closest(`${CONSENT},dialog[open]`);
      for (let up = spot; up && !top && up !== document.body; up = up.parentElement) {
        if (getComputedStyle(up).position === "fixed") return up;
      }
      return top;
    };
    for (let point = 0; point < 25; point += 1) {
      const spot = document.elementFromPoint((point % 5 + 0.5) / 5 * innerWidth, (Math.floor(point / 5) + 0.5) / 5 * innerHeight);
      if (!known.has(spot)) known.set(spot, topOf(spot));
      const top = known.get(spot);
      if (top) tops.set(top, (tops.get(top) ?? 0) + 1);
    }
    const covering = [...tops.keys()].slice(0, 8);
    return {
      share: [...tops.values()].reduce((sum, count) => sum + count, 0) / 25,
      text: covering.map((top) => read(top.shadowRoot ?? top, 400).text).join(" ").slice(0, 800),
      consent: covering.some((top) => top.matches(CONSENT) || top.querySelector(CONSENT)),
      password: covering.some((top) => top.querySelector("input[type=password]")),
    };
  };

  // The form with a password field: its height, the middle of the field (both as parts of the viewport), its letters.
  const login = () => {
    const field = all("input[type=password]").find((input) => shown(input) && inView(input.getBoundingClientRect(), 2));
    if (!field) return null;
    const form = field.closest("form,[role=dialog],dialog,main,section") ?? field.parentElement;
    const box = form.getBoundingClientRect();
    const spot = field.getBoundingClientRect();
    return {
      height: Math.min(box.height / innerHeight, 9),
      vertical_position: (spot.top + spot.height / 2) / innerHeight,
      letters: read(form, 2000).text.length,
    };
  };

  const features = () => {
    const { text, lettersInView } = read(document.body ?? document, 3200);
    const inline = all("script:not([src])", 40).map((script) => script.textContent.slice(0, 3000));
    const isPresent = ({ selector, script }) =>
      document.querySelector(selector) || (script && inline.some((code) => script.every((part) => new RegExp(part).test(code))));
    return {
      letters: text.length,
      letters_in_view: lettersInView,
      sample: text.slice(0, 2000),
      headings: all("h1,h2", 5).map((heading) => (heading.textContent ?? "").trim().slice(0, 80)),
      media: all("canvas,img,video,iframe,frame,object,embed,svg", 400)
        .some((element) => inView(element.getBoundingClientRect(), 24) && shown(element)) ? 1 : 0,
      links: all("a[href]", 300).length,
      frames: all("iframe[src],frame[src]", 10).map((frame) => address(frame.src)),
      marks: marks.filter(isPresent).map(({ name }) => name),
      overlay: overlay(),
      login: login(),
    };
  };
  const attempt = () => {
    try {
      return features();
    } catch {
      return {};
    }
  };
  return {
    status: performance.getEntriesByType("navigation")[0]?.responseStatus ?? 0,
    url: location.href.slice(0, 8192),
    title: document.title.slice(0, 300),
    empty: !document.head?.firstChild && !document.body?.firstChild,
    features: attempt(),
  };
}
