// The elements that match a selector: those of the document, then those of its shadow trees. Throws if it is not a selector.
(selector) => {
  const found = [...document.querySelectorAll(selector)];
  for (const tree of deepTrees().slice(1)) found.push(...tree.querySelectorAll(selector));
  return found;
}
