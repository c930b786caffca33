// Click the first visible match as a mouse does: press, release, click. False if nothing matches.
(selector) => {
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width >= 1 && box.height >= 1 && getComputedStyle(element).visibility === "visible";
  };
  const element = deepQuery(selector).find(shown);
  if (!element) return false;
  const box = element.getBoundingClientRect();
  const position = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, view: window };
  const init = { bubbles: true, cancelable: true, composed: true, button: 0, ...position };
  const pointer = { ...init, pointerId: 1, pointerType: "mouse", isPrimary: true };
  element.dispatchEvent(new PointerEvent("pointerdown", { ...pointer, buttons: 1 }));
  element.dispatchEvent(new MouseEvent("mousedown", { ...init, buttons: 1 }));
  // A click focuses a field. A button focused by a script would show a focus ring, which no click leaves.
  if (element.matches("input, textarea, select, [contenteditable]")) element.focus({ preventScroll: true });
  element.dispatchEvent(new PointerEvent("pointerup", pointer));
  element.dispatchEvent(new MouseEvent("mouseup", init));
  if (element.click) element.click();
  else element.dispatchEvent(new MouseEvent("click", init));
  return true;
}
