// Scroll to the element that the URL's fragment names, if scripts created it after the browser had looked for it, and
// nothing has scrolled. Returns whether it has scrolled.
// https://html.spec.whatwg.org/multipage/browsing-the-web.html#scrolling-to-a-fragment
() => {
  const fragment = location.hash.slice(1);
  if (!fragment || window.hasScrolled || scrollX || scrollY) return false;
  const named = (name) => document.getElementById(name)
    ?? [...document.getElementsByName(name)].find((each) => each.localName === "a");
  const decoded = () => {
    try {
      return decodeURIComponent(fragment);
    } catch {
      return fragment;
    }
  };
  const element = named(fragment) ?? named(decoded());
  if (!element) return false;
  for (let part = element.parentElement; part; part = part.parentElement) {
    if (part.localName === "details") part.open = true;
    if (part.getAttribute("hidden") === "until-found") part.removeAttribute("hidden");
  }
  element.scrollIntoView({ block: "start", inline: "nearest", behavior: "instant" });
  return true;
}
