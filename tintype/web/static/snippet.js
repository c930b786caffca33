// The same picture for a page, a shell, a program, and signed: texts to copy.

import { addressOf } from "./capture.js";
import { find, say, show } from "./dom.js";

const BASE = new URL("./", location.href).href;
const DOCUMENTS = ["pdf", "json"];
const EXTENSIONS = { jpeg: "jpg", auto: "jpg" };

/** Write the snippets for what the form says. */
export function write(asked, access) {
  const asking = asked.open.some(([name]) => name === "url") || asked.posted.some(([name]) => name === "html");
  const open = asking ? asked.open : [["url", "https://example.com"], ...asked.open];
  const page = { open, posted: asked.posted, keyed: access.keys, file: fileOf(open) };
  const posted = asked.posted.length > 0;
  put("img", ...inPage(page, posted, access));
  put("curl", curl(page));
  put("python", python(page));
  put("signed", posted ? "" : sign(page), signedNote(posted, access));
}

function inPage(page, posted, access) {
  const format = valueOf(page.open, "format");
  if (posted) return ["", "What is sent by POST cannot be an <img>."];
  if (DOCUMENTS.includes(format)) return ["", `An <img> cannot show ${format}.`];
  return [image(page), access.open ? "" : "Here an <img> needs a signed address."];
}

function signedNote(posted, access) {
  if (posted) return "What is sent by POST cannot be signed.";
  return access.signed ? "Run it where TINTYPE_SIGNING_KEYS is set; no page ever sees the key." : "Signatures are switched off here: set TINTYPE_SIGNING_KEYS to use them.";
}

function put(id, text, note = "") {
  find(id).textContent = text;
  find(id).closest(".sheet").classList.toggle("without", !text);
  const place = find(`${id}-note`);
  place.textContent = note;
  show(place, Boolean(note));
}

const valueOf = (pairs, name) => pairs.find(([each]) => each === name)?.[1] ?? "";

function hostOf(pairs) {
  try {
    return new URL(valueOf(pairs, "url")).hostname;
  } catch {
    return "page";
  }
}

function fileOf(pairs) {
  const format = valueOf(pairs, "format") || "png";
  return `${hostOf(pairs)}.${EXTENSIONS[format] ?? format}`;
}

const markup = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
const shell = (text) => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);
const literal = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function image({ open }) {
  const width = valueOf(open, "thumb_width"), height = valueOf(open, "thumb_height");
  const size = `${width && ` width="${markup(width)}"`}${width && height && ` height="${markup(height)}"`}`;
  return `<img src="${markup(BASE + addressOf(open))}"${size} loading="lazy" alt="${markup(hostOf(open))}">`;
}

function curl({ open, posted, keyed, file }) {
  const key = keyed ? ['-H "Authorization: Bearer $TINTYPE_KEY"'] : [];
  const body = posted.length && JSON.stringify(Object.fromEntries([...open, ...posted]));
  const asking = body ? ["-H 'Content-Type: application/json'", `-d ${shell(body)}`, shell(`${BASE}thumb`)] : [shell(BASE + addressOf(open))];
  return [`curl -fsS -o ${shell(file)}`, ...key, ...asking].join(" \\\n  ");
}

function python({ open, posted, keyed, file }) {
  const value = (text) => (/^[1-9][0-9]{0,8}$/.test(text) && !posted.length ? text : literal(text));
  const said = [...open, ...posted].map(([name, text]) => `    ${literal(name)}: ${value(text)},`).join("\n");
  const headers = keyed ? ', headers={"Authorization": f"Bearer {os.environ[\'TINTYPE_KEY\']}"}' : "";
  const call = posted.length ? `requests.post(${literal(`${BASE}thumb`)}, json=options` : `requests.get(${literal(`${BASE}thumb`)}, options`;
  return [
    ...(keyed ? ["import os"] : []), "from pathlib import Path", "", "import requests", "",
    "options = {", said, "}",
    `answer = ${call}${headers}, timeout=90)`,
    "answer.raise_for_status()",
    `Path(${literal(file)}).write_bytes(answer.content)`,
  ].join("\n");
}

function sign({ open }) {
  const flags = open.filter(([name]) => name !== "url").map(([name, value]) => {
    const flag = name.replace(/_/g, "-");
    if (value === "true") return `--${flag}`;
    return value === "false" ? `--no-${flag}` : `--${flag} ${shell(value)}`;
  });
  return [`tintype sign ${shell(valueOf(open, "url"))}`, ...flags, "--expires 30d", `--base ${shell(BASE.replace(/\/$/, ""))}`].join(" \\\n  ");
}

/** Copy on a click; without a clipboard (pages that came by plain HTTP have none) by selecting, as of old. */
export function wireCopying() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.addEventListener("click", async () => {
      const source = find(button.dataset.copies);
      const done = await copy(source);
      const word = button.querySelector("span");
      word.textContent = done ? "Copied" : "Press Ctrl+C";
      say(done ? "Copied to the clipboard." : "The text is selected: copy it with Ctrl+C.");
      setTimeout(() => { word.textContent = "Copy"; }, 2000);
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
