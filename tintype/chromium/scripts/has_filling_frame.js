// Whether frames may take the place of the document: it is a frameset, or a frame fills most of a viewport that hardly scrolls.
() => {
  const { documentElement: root, body } = document;
  if (body?.localName === "frameset") return true;
  if (!root || root.scrollHeight > innerHeight * 1.2) return false;
  const [x, y] = [innerWidth / 2, innerHeight / 2];
  let at = document.elementFromPoint(x, y);
  for (let inner; at?.shadowRoot && (inner = at.shadowRoot.elementFromPoint(x, y)) && inner !== at; ) at = inner;
  return at?.localName === "iframe";
}
