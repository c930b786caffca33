// Code snippets for the current options: HTML, curl, Python, and a signing command.

import { thumbnailUrl } from "./api.js";
import { find, show } from "./dom.js";

const BASE = new URL("./", location.href).href;
const DOCUMENTS = ["pdf", "json"];
const EXTENSIONS = { jpeg: "jpg", auto: "jpg" };

/** Render the snippets; `options` are {query, body} of the form. */
export function renderSnippets(options, access) {
  const hasTarget = options.query.some(([name]) => name === "url") || options.body.some(([name]) => name === "html");
  const query = hasTarget ? options.query : [["url", "https://example.com"], ...options.query];
  const request = { query, body: options.body, keyed: access.keys, file: fileName(query) };
  const isPost = options.body.length > 0;
  renderSnippet("img", ...html(request, isPost, access));
  renderSnippet("curl", curl(request));
  renderSnippet("python", python(request));
  renderSnippet("signed", isPost ? "" : signCommand(request), signedNote(isPost, access));
}

function html(request, isPost, access) {
  const format = valueOf(request.query, "format");
  if (isPost) return ["", "An <img> cannot send a POST request."];
  if (DOCUMENTS.includes(format)) return ["", `An <img> cannot show ${format}.`];
  return [image(request), access.open ? "" : "On this service an <img> needs a signed URL."];
}

function signedNote(isPost, access) {
  if (isPost) return "POST requests cannot be signed.";
  return access.signed ? "Run it where TINTYPE_SIGNING_KEYS is set; never put the key into a page." : "Signed URLs are disabled on this service: set TINTYPE_SIGNING_KEYS to enable them.";
}

function renderSnippet(id, text, note = "") {
  find(id).textContent = text;
  find(id).closest(".sheet").classList.toggle("unavailable", !text);
  const element = find(`${id}-note`);
  element.textContent = note;
  show(element, Boolean(note));
}

const valueOf = (pairs, name) => pairs.find(([each]) => each === name)?.[1] ?? "";

function hostOf(pairs) {
  try {
    return new URL(valueOf(pairs, "url")).hostname;
  } catch {
    return "page";
  }
}

function fileName(pairs) {
  const format = valueOf(pairs, "format") || "png";
  return `${hostOf(pairs)}.${EXTENSIONS[format] ?? format}`;
}

const markup = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
const shell = (text) => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);
const literal = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function image({ query }) {
  const width = valueOf(query, "thumb_width"), height = valueOf(query, "thumb_height");
  const size = `${width && ` width="${markup(width)}"`}${width && height && ` height="${markup(height)}"`}`;
  return `<img src="${markup(BASE + thumbnailUrl(query))}"${size} loading="lazy" alt="${markup(hostOf(query))}">`;
}

function curl({ query, body, keyed, file }) {
  const key = keyed ? ['-H "Authorization: Bearer $TINTYPE_KEY"'] : [];
  const json = body.length && JSON.stringify(Object.fromEntries([...query, ...body]));
  const request = json ? ["-H 'Content-Type: application/json'", `-d ${shell(json)}`, shell(`${BASE}thumb`)] : [shell(BASE + thumbnailUrl(query))];
  return [`curl -fsS -o ${shell(file)}`, ...key, ...request].join(" \\\n  ");
}

function python({ query, body, keyed, file }) {
  const value = (text) => (/^[1-9][0-9]{0,8}$/.test(text) && !body.length ? text : literal(text));
  const options = [...query, ...body].map(([name, text]) => `    ${literal(name)}: ${value(text)},`).join("\n");
  const headers = keyed ? ', headers={"Authorization": f"Bearer {os.environ[\'TINTYPE_KEY\']}"}' : "";
  const call = body.length ? `requests.post(${literal(`${BASE}thumb`)}, json=options` : `requests.get(${literal(`${BASE}thumb`)}, options`;
  return [
    ...(keyed ? ["import os"] : []), "from pathlib import Path", "", "import requests", "",
    "options = {", options, "}",
    `response = ${call}${headers}, timeout=90)`,
    "response.raise_for_status()",
    `Path(${literal(file)}).write_bytes(response.content)`,
  ].join("\n");
}

function signCommand({ query }) {
  const flags = query.filter(([name]) => name !== "url").map(([name, value]) => {
    const flag = name.replace(/_/g, "-");
    if (value === "true") return `--${flag}`;
    return value === "false" ? `--no-${flag}` : `--${flag} ${shell(value)}`;
  });
  return [`tintype sign ${shell(valueOf(query, "url"))}`, ...flags, "--expires 30d", `--base ${shell(BASE.replace(/\/$/, ""))}`].join(" \\\n  ");
}
