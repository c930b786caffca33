// Hide images and frames that would show as broken because their host or URL was blocked.
(hosts, urls) => {
  const [blockedHosts, blockedUrls] = [new Set(hosts), new Set(urls)];
  for (const element of document.querySelectorAll("img, iframe, embed, object")) {
    const url = element.currentSrc || element.src || element.data;
    if (!url) continue;
    if (blockedUrls.has(url) || blockedHosts.has(URL.parse(url)?.hostname)) {
      element.style.setProperty("display", "none", "important");
    }
  }
}
