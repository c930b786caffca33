// The document and its shadow trees: open ones, and the closed ones that elements.py has registered in closedRoots.
() => {
  const trees = [document];
  for (const tree of trees) { // grows while it is walked
    for (const element of tree.querySelectorAll("*")) {
      const root = element.shadowRoot ?? globalThis.closedRoots?.get(element);
      if (root) trees.push(root);
    }
  }
  return trees;
}
