// Go to a height of the page, or to the first match; whether there is one.
(where) => {
  if (/^[0-9]+$/.test(where)) {
    scrollTo({ top: Number(where), left: 0, behavior: "instant" });
    return true;
  }
  const element = document.querySelector(where);
  element?.scrollIntoView({ block: "start", behavior: "instant" });
  return element !== null;
}
