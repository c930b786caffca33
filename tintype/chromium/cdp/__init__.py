"""Client of the Chrome DevTools Protocol."""
