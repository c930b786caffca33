// Download, open and copy what is on the stage.

import { thumbnailUrl } from "./api.js";
import { copyText } from "./copy.js";
import { announce, find } from "./dom.js";

const BASE = new URL("./", location.href).href;
const EXTENSIONS = { "image/jpeg": "jpg", "application/json": "json", "application/pdf": "pdf" };
let shared = { link: "", markdown: "" };

/** Offer a response: {objectUrl, type, host, options, signed, isPublic}. */
export function shareResponse({ objectUrl, type, host, options, signed, isPublic }) {
  const extension = EXTENSIONS[type] ?? type.split("/").pop();
  const isPost = options.body.length > 0 && !signed;
  const query = options.query.filter(([name]) => name !== "fresh");
  const link = isPost ? "" : BASE + (signed || thumbnailUrl(query));
  shared = { link, markdown: link && (type.startsWith("image/") ? `![${host}](${link})` : `[${host}](${link})`) };
  find("download").href = objectUrl;
  find("download").download = `${host.replace(/[^A-Za-z0-9.-]+/g, "-") || "page"}.${extension}`;
  find("open").href = link && isPublic ? link : objectUrl;
  for (const id of ["copy-link", "copy-markdown"]) {
    find(id).disabled = !link;
    find(id).title = link ? "" : "What is sent by POST has no link.";
  }
}

export function openSharing() {
  find("copy-link").addEventListener("click", ({ currentTarget }) => copyFrom(currentTarget, shared.link));
  find("copy-markdown").addEventListener("click", ({ currentTarget }) => copyFrom(currentTarget, shared.markdown));
}

async function copyFrom(button, text) {
  const label = button.dataset.label ??= button.textContent;
  const done = await copyText(text);
  button.textContent = done ? "Copied" : "Not copied";
  announce(done ? "Copied to the clipboard." : "This browser does not permit copying.");
  setTimeout(() => { button.textContent = label; }, 2000);
}
