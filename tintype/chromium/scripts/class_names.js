// The classes and ids on a page, at most maxNames of each. Leaves out what no rule can name: names with half of a
// surrogate pair, which are not text, and names of more than 100 UTF-16 units.
(maxNames) => {
  const names = new Set(), ids = new Set();
  const attribute = Element.prototype.getAttribute; // a form's fields may be called "id" or "classList"
  const isName = (name) => name && name.length <= 100 && name.isWellFormed();
  for (const element of document.querySelectorAll("[id], [class]")) {
    const id = attribute.call(element, "id");
    if (ids.size < maxNames && isName(id)) ids.add(id);
    if (names.size >= maxNames) continue;
    for (const name of (attribute.call(element, "class") ?? "").split(/\s+/)) if (isName(name)) names.add(name);
  }
  return [[...names].slice(0, maxNames), [...ids]];
}
