// The first elements of documents and shadow trees that match a selector, at most that many.
(trees, selector, most) => {
  const found = [];
  for (const tree of trees) {
    const elements = tree.querySelectorAll(selector);
    for (let i = 0; i < elements.length && found.length < most; i += 1) found.push(elements[i]);
  }
  return found;
}
