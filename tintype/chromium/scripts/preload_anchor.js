// Remember whether the page or the browser has scrolled; runs before the page's own scripts.
() => addEventListener("scroll", () => { window.hasScrolled = true; }, { once: true, capture: true, passive: true })
