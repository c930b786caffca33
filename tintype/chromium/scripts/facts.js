// What the caller is told about the page.
() => ({
  status: performance.getEntriesByType("navigation")[0]?.responseStatus ?? 0,
  url: location.href.slice(0, 8192),
  title: document.title.slice(0, 300),
  empty: !document.head?.firstChild && !document.body?.firstChild,
})
