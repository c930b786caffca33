// Copy buttons: `data-copies` is the id of the element whose text they copy.

import { announce, find, show } from "./dom.js";

/** Copy buttons. Pages loaded by plain HTTP have no clipboard API; there the text is selected and copied by command. */
export function initCopyButtons() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    show(button);
    button.addEventListener("click", async () => {
      const source = find(button.dataset.copies);
      const done = await copy(source);
      const label = button.querySelector("span");
      label.textContent = done ? "Copied" : "Press Ctrl+C";
      announce(done ? "Copied to the clipboard." : "The text is selected: copy it with Ctrl+C.");
      setTimeout(() => { label.textContent = "Copy"; }, 2000);
    });
  }
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
