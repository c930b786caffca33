// Sign a thumbnail URL: node sign.mjs KEY /thumb url=https://example.com thumb_width=320
// Run it on a server only: the key signs every URL.
import { createHmac } from "node:crypto";
import { pathToFileURL } from "node:url";

const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

export function signed(key, path, parameters) {
  const query = Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const sig = createHmac("sha256", key).update(`tintype1\n${path}\n${query}`).digest("hex");
  return `${path}?${query}&sig=${sig}`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [key, path, ...pairs] = process.argv.slice(2);
  const parameters = pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  console.log(signed(key, path, Object.fromEntries(parameters)));
}
