// What the page states for link previews and search engines. All values are bounded: they come from the page.
() => {
  const short = (text, most = 1000) => (text ?? "").trim().slice(0, most);
  const address = (text) => {
    try {
      const url = new URL(text, document.baseURI);
      return /^https?:$/.test(url.protocol) && url.href.length <= 2048 ? url.href : "";
    } catch {
      return "";
    }
  };
  const metas = [...document.querySelectorAll("meta[content]")].slice(0, 500);
  const named = (name) => metas.find((meta) => meta.name.toLowerCase() === name)?.content;
  const group = (prefix) => {
    const found = {};
    for (const meta of metas) {
      const name = (meta.getAttribute("property") || meta.name || "").toLowerCase();
      const rest = name.slice(prefix.length).slice(0, 64);
      if (!name.startsWith(prefix) || !rest || rest in found || Object.keys(found).length >= 40) continue;
      const value = /^(url|image|video|audio|player)(:(url|secure_url|src|stream))?$/.test(rest) ? address(meta.content) : short(meta.content);
      if (value) found[rest] = value;
    }
    return found;
  };
  const links = [...document.querySelectorAll("link[rel][href]")].slice(0, 500);
  const icons = links
    .filter((link) => /(^|\s)(icon|apple-touch-icon(-precomposed)?|mask-icon)(\s|$)/i.test(link.rel))
    .map((link) => ({ url: address(link.href), rel: short(link.rel, 64), sizes: short(link.getAttribute("sizes"), 64), type: short(link.type, 64) }))
    .filter((icon) => icon.url)
    .slice(0, 20);
  const theme = [...document.querySelectorAll("meta[name='theme-color' i][content]")];
  const canonical = links.find((link) => link.relList.contains("canonical"));
  return {
    title: short(document.title, 300),
    description: short(named("description")),
    canonical: canonical ? address(canonical.href) : "",
    language: short(document.documentElement?.lang, 64),
    theme_color: short((theme.find((meta) => !meta.media || matchMedia(meta.media).matches) ?? theme[0])?.content, 64),
    author: short(named("author"), 300),
    icons,
    open_graph: group("og:"),
    twitter: group("twitter:"),
  };
}
