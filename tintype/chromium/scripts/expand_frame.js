// Called on an iframe: make it this tall, and all boxes around it.
function (height) {
  const view = this.ownerDocument.defaultView;
  const force = (element, values) => {
    for (const [name, value] of Object.entries(values)) element.style.setProperty(name, value, "important");
  };
  const free = { overflow: "visible", height: "auto", "max-height": "none", contain: "none" };
  const borders = this.offsetHeight - this.clientHeight;
  for (let part = this.parentElement ?? this.getRootNode().host; part; part = part.parentElement ?? part.getRootNode().host) {
    const { position, display } = view.getComputedStyle(part);
    force(part, { "min-height": `${part.offsetHeight}px` });
    if (display !== "contents") force(part, free);
    if (position === "fixed") force(part, { position: "absolute" });
    if (/fixed|absolute/.test(position)) force(part, { bottom: "auto" });
  }
  const { position, display } = view.getComputedStyle(this);
  force(this, { "box-sizing": "border-box", height: `${height + borders}px`, "min-height": `${height + borders}px`, "max-height": "none", flex: "none" });
  if (display === "inline") force(this, { "vertical-align": "bottom" });
  if (position === "fixed") force(this, { position: "absolute" });
}
