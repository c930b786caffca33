// Whether styles that can be read ask if scripts are on.
() => {
  const asks = (rule) => /\(\s*scripting/.test(rule.media?.mediaText ?? "") || [...(rule.cssRules ?? [])].some(asks);
  return [...document.styleSheets, ...document.adoptedStyleSheets].some((sheet) => {
    try {
      return asks(sheet);
    } catch {
      return false; // from elsewhere
    }
  });
}
