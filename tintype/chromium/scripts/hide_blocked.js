// Hide what shows as broken because its host or its address was refused.
(hosts, addresses) => {
  const [refusedHosts, refusedAddresses] = [new Set(hosts), new Set(addresses)];
  for (const element of document.querySelectorAll("img, iframe, embed, object")) {
    const address = element.currentSrc || element.src || element.data;
    if (!address) continue;
    if (refusedAddresses.has(address) || refusedHosts.has(URL.parse(address)?.hostname)) {
      element.style.setProperty("display", "none", "important");
    }
  }
}
