// Copies to the clipboard. `data-copies` of a button is the id of the element whose text it copies.

import { announce, find, make, show } from "./dom.js";

/** Make the copy buttons of the page work. */
export function initCopyButtons() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    show(button);
    button.addEventListener("click", async () => {
      const source = find(button.dataset.copies);
      const done = await copyText(source.textContent);
      if (!done) getSelection().selectAllChildren(source);
      const label = button.querySelector("span");
      label.textContent = done ? "Copied" : "Press Ctrl+C";
      announce(done ? "Copied to the clipboard." : "The text is selected: copy it with Ctrl+C.");
      setTimeout(() => { label.textContent = "Copy"; }, 2000);
    });
  }
}

/** Copy a text. Pages loaded by plain HTTP have no clipboard API; there a hidden field is selected and copied by command. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", { class: "visually-hidden" }), focused = document.activeElement;
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}
