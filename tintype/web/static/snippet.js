// Tabs with code for the current options. Every snippet works as it is on this service.

import { thumbnailUrl } from "./api.js";
import { initCopyButtons } from "./copy.js";
import { find, show } from "./dom.js";
import { curl, html, javascript, markdown, python, signCommand } from "./snippet_text.js";

const BASE = new URL("./", location.href).href;
const DOCUMENTS = ["pdf", "json"];
const EXTENSIONS = { jpeg: "jpg", auto: "jpg" };

/**
 * Render the snippets; `options` are {query, body} of the form, `access` is how the service authenticates, `signedUrl` a
 * signed URL that the page was given, relative to the page.
 */
export function renderSnippets(options, access, signedUrl) {
  const hasTarget = options.query.some(([name]) => name === "url") || options.body.some(([name]) => name === "html");
  const query = hasTarget ? options.query : [["url", "https://example.com"], ...options.query];
  const request = {
    base: BASE, query, body: options.body, host: hostOf(query), file: fileName(query), isDocument: DOCUMENTS.includes(valueOf(query, "format")),
    link: BASE + (signedUrl || thumbnailUrl(query)), isSigned: Boolean(signedUrl), isPost: options.body.length > 0 && !signedUrl,
    mode: signedUrl || access.open ? "open" : access.keys ? "keys" : "signed", canSign: access.signed,
  };
  renderSnippet("img", html(request));
  renderSnippet("markdown", markdown(request));
  for (const [name, write] of [["curl", curl], ["python", python], ["javascript", javascript]]) {
    renderSnippet(name, request.isPost && request.mode === "signed" ? ["", "This service accepts signed GET URLs only, and what is sent by POST cannot be signed."] : [write(request), noteOf(request)]);
  }
  if (find("signed")) {
    renderSnippet("signed", request.isPost ? ["", "What is sent by POST cannot be signed."]
      : [signCommand(request), "Run it where TINTYPE_SIGNING_KEYS is set; never put the key into a page."]);
  }
}

const noteOf = ({ mode }) => ({ keys: "Set API_KEY to your API key first.", signed: "Set SIGNING_KEY to a signing key first; curl runs tintype sign, which reads TINTYPE_SIGNING_KEYS." })[mode] ?? "";

function renderSnippet(id, [text, note]) {
  find(id).textContent = text;
  find(`${id}-panel`).classList.toggle("unavailable", !text);
  find(`${id}-note`).textContent = note;
  show(find(`${id}-note`), Boolean(note));
}

const valueOf = (pairs, name) => pairs.find(([each]) => each === name)?.[1] ?? "";

function hostOf(pairs) {
  return URL.canParse(valueOf(pairs, "url")) ? new URL(valueOf(pairs, "url")).hostname : "page";
}

function fileName(pairs) {
  const format = valueOf(pairs, "format") || "png";
  return `${hostOf(pairs)}.${EXTENSIONS[format] ?? format}`;
}

/** Tabs by the pattern of ARIA: arrow keys move, Home and End go to the ends. */
export function openSnippets() {
  const tabs = [...document.querySelectorAll("#tabs [role=tab]")];
  const select = (tab) => {
    for (const each of tabs) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
      show(find(each.getAttribute("aria-controls")), each === tab);
    }
  };
  for (const tab of tabs) tab.addEventListener("click", () => select(tab));
  find("tabs").addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    select(tab);
    tab.focus();
  });
  initCopyButtons();
}
