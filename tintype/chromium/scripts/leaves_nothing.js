// Whether a page may be followed by another one of its site in the same renderer: it has neither frames, a name nor an opener,
// and has stored nothing that belongs to its tab or that its renderer may still hold. Runs with the page's scripts stopped.
() => {
  const isEmpty = (storage) => {
    try {
      return globalThis[storage].length === 0;
    } catch {
      return true; // a page without an origin has none
    }
  };
  return length === 0 && name === "" && opener === null && isEmpty("sessionStorage") && isEmpty("localStorage");
}
