// The classes and ids on a page, so many of each.
(most) => {
  const names = new Set(), ids = new Set();
  for (const element of document.getElementsByTagName("*")) {
    if (element.id && ids.size < most) ids.add(String(element.id).slice(0, 100));
    if (names.size < most) for (const name of element.classList) names.add(name.slice(0, 100));
  }
  return [[...names].slice(0, most), [...ids]];
}
