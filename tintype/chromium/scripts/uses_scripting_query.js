// Whether a readable style sheet has a media query for scripting.
() => {
  const has = (rule) => /\(\s*scripting/.test(rule.media?.mediaText ?? "") || [...(rule.cssRules ?? [])].some(has);
  return [...document.styleSheets, ...document.adoptedStyleSheets].some((sheet) => {
    try {
      return has(sheet);
    } catch {
      return false; // of another origin
    }
  });
}
