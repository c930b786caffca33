// The page at /docs: base URL of the examples, copy buttons.

import { initCopyButtons } from "./copy.js";

/** A proxy may publish this page below a path that the service does not know; the browser knows it. */
function correctBaseUrl() {
  const sent = document.body.dataset.base, real = new URL(".", location.href).href.replace(/\/$/, "");
  if (!sent || sent === real) return;
  for (const example of document.querySelectorAll(".example code")) {
    example.textContent = example.textContent.replaceAll(sent, real);
  }
}

correctBaseUrl();
initCopyButtons();
