// The texts of the snippets. A request is {base, query, body, host, file, link, mode, …}, see snippet.js.

const valueOf = (pairs, name) => pairs.find(([each]) => each === name)?.[1] ?? "";
const markup = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
const shell = (text) => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);
const literal = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
/** A text inside of the replacement of a sed command with | as its delimiter. */
const replacement = (text) => text.replace(/[\\&|]/g, "\\$&");

/** The reason why an <img> or a Markdown image cannot show a request; "" if it can. */
function obstacle({ isPost, isDocument, mode, canSign, query }, what) {
  if (isPost) return `${what} cannot send a POST request.`;
  if (isDocument && what.includes("img")) return `${what} cannot show ${valueOf(query, "format")}.`;
  return mode === "keys" && !canSign ? `${what} cannot send an API key. Load the image with JavaScript or on your server.` : "";
}

const SIGNED_NOTE = "Run it where TINTYPE_SIGNING_KEYS is set, and paste its output into your page.";

/** [text, note]. A service that signs gets a command that prints the HTML, because only its operator has the key. */
export function html(request) {
  const reason = obstacle(request, "An <img>");
  if (reason) return ["", reason];
  const { query, host, mode, link } = request;
  const width = valueOf(query, "thumb_width"), height = valueOf(query, "thumb_height");
  const size = `${width && ` width="${markup(width)}"`}${width && height && ` height="${markup(height)}"`}`;
  const image = (src) => `<img src="${src}"${size} loading="lazy" alt="${markup(host)}">`;
  if (mode === "open") return [image(markup(link)), ""];
  const [before, after] = image("\0").split("\0");
  return [piped(request, `s/&/\\&amp;/g; s|.*|${replacement(before)}&${replacement(after)}|`), SIGNED_NOTE];
}

/** [text, note]. */
export function markdown(request) {
  const reason = obstacle(request, "Markdown");
  if (reason) return ["", reason];
  const mark = request.isDocument ? "" : "!";
  if (request.mode === "open") return [`${mark}[${request.host}](${request.link.replace(/\(/g, "%28").replace(/\)/g, "%29")})`, ""];
  return [piped(request, `s|(|%28|g; s|)|%29|g; s|.*|${mark}[${replacement(request.host)}](&)|`), SIGNED_NOTE];
}

const piped = (request, script) => `${signCommand(request)} \\\n  | sed ${shell(script)}`;

export function curl(request) {
  const { query, body, base, file, isPost, mode, link } = request;
  if (mode === "signed") return `curl -fsS -o ${shell(file)} "$(${signCommand(request).replace(/ \\\n +/g, " ")})"`;
  const key = mode === "keys" ? ['-H "Authorization: Bearer $API_KEY"'] : [];
  const json = isPost && JSON.stringify(Object.fromEntries([...query, ...body]));
  const parts = json ? ["-H 'Content-Type: application/json'", `-d ${shell(json)}`, shell(`${base}thumb`)] : [shell(link)];
  return [`curl -fsS -o ${shell(file)}`, ...key, ...parts].join(" \\\n  ");
}

/** Only modules of the standard library. */
export function python({ query, body, base, file, isPost, isSigned, mode, link }) {
  const value = (text) => (/^[1-9][0-9]{0,8}$/.test(text) && !isPost ? text : literal(text));
  const options = [...query, ...body].map(([name, text]) => `    ${literal(name)}: ${value(text)},`).join("\n");
  const headers = [...(isPost ? ['"Content-Type": "application/json"'] : []), ...(mode === "keys" ? ['"Authorization": f"Bearer {os.environ[\'API_KEY\']}"'] : [])];
  const given = headers.length ? `, headers={${headers.join(", ")}}` : "";
  const target = isSigned ? literal(link) : isPost ? `${literal(`${base}thumb`)}, json.dumps(options).encode()` : `${literal(`${base}thumb?`)} + ${mode === "signed" ? "query" : "urlencode(options)"}`;
  const signing = [
    'query = "&".join(sorted(f"{quote(name, safe=\'\')}={quote(str(value), safe=\'\')}" for name, value in options.items()))',
    'text = f"tintype1\\n/thumb\\n{query}"',
    'query += "&sig=" + hmac.new(os.environ["SIGNING_KEY"].encode(), text.encode(), hashlib.sha256).hexdigest()',
  ];
  return [
    ...(mode === "signed" ? ["import hashlib", "import hmac"] : []), ...(isPost ? ["import json"] : []), ...(mode === "open" ? [] : ["import os"]),
    "from pathlib import Path",
    ...(isSigned || isPost ? [] : [`from urllib.parse import ${mode === "signed" ? "quote" : "urlencode"}`]),
    "from urllib.request import Request, urlopen", "",
    ...(isSigned ? [] : ["options = {", options, "}"]), ...(mode === "signed" ? signing : []),
    `request = Request(${target}${given})`,
    "with urlopen(request, timeout=90) as response:",
    `    Path(${literal(file)}).write_bytes(response.read())`,
  ].join("\n");
}

/** A module for Node.js 18 or newer, Deno and Bun. */
export function javascript({ query, body, base, file, isPost, isSigned, mode, link }) {
  const options = [...query, ...body].map(([name, text]) => `  ${/^[a-z_]+$/.test(name) ? name : literal(name)}: ${literal(text)},`).join("\n");
  const headers = [...(isPost ? ['"Content-Type": "application/json"'] : []), ...(mode === "keys" ? ["Authorization: `Bearer ${process.env.API_KEY}`"] : [])];
  const settings = [...(isPost ? ['method: "POST"', "body: JSON.stringify(options)"] : []), ...(headers.length ? [`headers: { ${headers.join(", ")} }`] : [])];
  const target = isSigned ? literal(link) : isPost ? literal(`${base}thumb`) : `${literal(`${base}thumb?`)} + ${mode === "signed" ? "query" : "new URLSearchParams(options)"}`;
  const signing = [
    "const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);",
    "let query = Object.entries(options).map((pair) => pair.map(encode).join(\"=\")).sort().join(\"&\");",
    "query += `&sig=${createHmac(\"sha256\", process.env.SIGNING_KEY).update(`tintype1\\n/thumb\\n${query}`).digest(\"hex\")}`;",
  ];
  return [
    ...(mode === "signed" ? ['import { createHmac } from "node:crypto";'] : []),
    'import { writeFile } from "node:fs/promises";', "",
    ...(isSigned ? [] : ["const options = {", options, "};"]), ...(mode === "signed" ? signing : []),
    `const response = await fetch(${target}${settings.length ? `, {\n  ${settings.join(",\n  ")},\n}` : ""});`,
    "if (!response.ok) throw new Error(await response.text());",
    `await writeFile(${literal(file)}, Buffer.from(await response.arrayBuffer()));`,
  ].join("\n");
}

/** The command that signs the URL, with every option as a flag. */
export function signCommand({ query, base }) {
  const flags = query.filter(([name]) => name !== "url").map(([name, value]) => {
    const flag = name.replace(/_/g, "-");
    if (value === "true") return `--${flag}`;
    return value === "false" ? `--no-${flag}` : `--${flag} ${shell(value)}`;
  });
  return [`tintype sign ${shell(valueOf(query, "url"))}`, ...flags, "--expires 30d", `--base ${shell(base.replace(/\/$/, ""))}`].join(" \\\n  ");
}
