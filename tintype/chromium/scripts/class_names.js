// The classes and ids on a page, at most maxNames of each.
(maxNames) => {
  const names = new Set(), ids = new Set();
  for (const element of document.getElementsByTagName("*")) {
    if (element.id && ids.size < maxNames) ids.add(String(element.id).slice(0, 100));
    if (names.size < maxNames) for (const name of element.classList) names.add(name.slice(0, 100));
  }
  return [[...names].slice(0, maxNames), [...ids]];
}
