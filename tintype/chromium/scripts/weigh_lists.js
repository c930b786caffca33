// Show again what the rules of filter lists hide, if it is most of the page. True if something is shown again.
() => {
  const MIN_LETTERS = 200, MAX_ELEMENTS = 3000;
  const sheets = globalThis.listedSheets ?? [];
  if (!document.body || !sheets.some((sheet) => sheet.cssRules.length)) return false;
  const { contentOf, styleOf } = elementWeight();
  const setDisabled = (value) => sheets.forEach((sheet) => { sheet.disabled = value; });
  const hidden = [...document.body.querySelectorAll("*")].slice(0, MAX_ELEMENTS).filter((element) => {
    return styleOf(element).display === "none" && element.textContent.length >= MIN_LETTERS / 2;
  });
  if (!hidden.length) return false;
  const left = contentOf(document.body);
  setDisabled(true);
  const all = contentOf(document.body);
  const isMost = all.letters >= MIN_LETTERS && left.letters < all.letters * 0.5;
  const isLogin = all.fields > 0 && left.fields === 0 && left.letters < all.letters * 0.7;
  const lost = isMost || isLogin ? hidden.filter((element) => styleOf(element).display !== "none") : [];
  const guilty = lost.filter((element) => contentOf(element).letters >= all.letters * 0.2 || (isLogin && contentOf(element).fields));
  setDisabled(false);
  for (const sheet of guilty.length ? sheets : []) {
    for (let index = sheet.cssRules.length - 1; index >= 0; index -= 1) {
      const { selectorText } = sheet.cssRules[index];
      if (!selectorText || !guilty.some((element) => element.matches(selectorText))) continue;
      (globalThis.keptSelectors ??= new Set()).add(selectorText);
      sheet.deleteRule(index);
    }
  }
  return guilty.length > 0;
}
