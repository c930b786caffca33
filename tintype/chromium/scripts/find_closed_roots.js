// Register the closed shadow trees that closed_roots.js has seen, so that deep_trees.js finds them. Runs in the isolated world.
(key) => {
  dispatchEvent(new Event(key));
  for (const { startContainer } of CSS.highlights.get(key) ?? []) {
    if (startContainer.host) (globalThis.closedRoots ??= new WeakMap()).set(startContainer.host, startContainer);
  }
  CSS.highlights.delete(key);
}
