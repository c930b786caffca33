// Session recorder: serializes document and style sheets, sends them in pieces, and then every mutation.
start(0.5);
const PIECE = 64 << 10, MAX_RULES = 2000;
const serialize = (node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.data.trim().slice(0, 200);
  const attributes = Object.fromEntries([...node.attributes].map(({ name, value }) => [name, value.slice(0, 200)]));
  const children = [...node.childNodes].filter((each) => each.nodeType === Node.ELEMENT_NODE || each.nodeType === Node.TEXT_NODE);
  return { tag: node.localName, attributes, children: children.map(serialize) };
};
const rulesOf = (sheet) => {
  try {
    return [...sheet.cssRules].slice(0, MAX_RULES).map((rule) => rule.cssText);
  } catch {
    return [sheet.href]; // of another origin
  }
};
const send = (kind, value) => {
  const text = JSON.stringify(value);
  for (let from = 0; from < text.length; from += PIECE) {
    fetch(at("recorder", `record?kind=${kind}`), { method: "POST", mode: "no-cors", body: text.slice(from, from + PIECE) });
  }
};
const record = () => {
  send("document", serialize(document.documentElement));
  send("styles", [...document.styleSheets].map(rulesOf));
  let changed = [];
  new MutationObserver((mutations) => {
    if (!changed.length) setTimeout(() => { send("changes", changed); changed = []; }, 250);
    changed.push(...mutations.map(({ type, target }) => ({ type, tag: target.localName, text: target.textContent?.slice(0, 100) })));
  }).observe(document.documentElement, { attributes: true, characterData: true, childList: true, subtree: true });
};
if (document.readyState === "complete") record();
else addEventListener("load", record);
