// What was taken on this page, remembered by this browser alone, small pictures included: nobody is asked again for them.

import { find, make, show } from "./dom.js";
import { ago } from "./words.js";

const PLACE = "tintype.recent", MOST = 12, WIDTH = 360, HEIGHT = 225;
let chosen = () => {};
let addresses = [];

/** Show the gallery; `choose` is called with the options of one that is wanted again. */
export function open(choose) {
  chosen = choose;
  find("forget").addEventListener("click", () => {
    localStorage.removeItem(PLACE);
    render();
    find("url").focus();
  });
  setInterval(age, 15_000);
  addEventListener("storage", (event) => { if (event.key === PLACE) render(); });
  render();
}

/** Remember one; what was sent by POST may be secret and is not. */
export async function remember(pairs, image) {
  const query = new URLSearchParams(pairs).toString();
  const small = await shrink(image);
  let all = [{ query, small, at: Date.now() }, ...load().filter((each) => each.query !== query)].slice(0, MOST);
  while (all.length && !store(all)) all = all.slice(0, -1); // the browser's space for us is over
  render();
}

async function shrink(image) {
  const canvas = make("canvas", { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  const scale = Math.max(WIDTH / image.naturalWidth, HEIGHT / image.naturalHeight);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (WIDTH - image.naturalWidth * scale) / 2, 0, image.naturalWidth * scale, image.naturalHeight * scale);
  return canvas.toDataURL("image/jpeg", 0.82).split(",")[1];
}

function load() {
  try {
    const all = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(all) ? all.filter((each) => typeof each?.query === "string" && typeof each.small === "string") : [];
  } catch {
    return [];
  }
}

function store(all) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(all));
    return true;
  } catch {
    return false;
  }
}

function render() {
  const all = load();
  addresses.forEach((address) => URL.revokeObjectURL(address));
  addresses = [];
  find("gallery").replaceChildren(...all.map(card));
  show(find("forget"), all.length > 0);
  show(find("recent-none"), all.length === 0);
}

function card({ query, small, at }) {
  const pairs = [...new URLSearchParams(query)];
  const url = pairs.find(([name]) => name === "url")?.[1] ?? "";
  const options = pairs.filter(([name]) => name !== "url").map(([name, value]) => (value === "true" ? name : `${name}=${value}`));
  const page = url.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const button = make("button", { type: "button", class: "card" },
    make("img", { src: picture(small), alt: "", width: WIDTH, height: HEIGHT, loading: "lazy" }),
    make("span", { class: "card-page" }, page),
    make("span", { class: "card-options" }, options.join(" · ") || "as it is"),
    make("span", { class: "card-age", "data-at": at }, ago((Date.now() - at) / 1000)));
  button.addEventListener("click", () => chosen(pairs));
  return make("li", {}, button);
}

function age() {
  for (const each of document.querySelectorAll(".card-age")) each.textContent = ago((Date.now() - Number(each.dataset.at)) / 1000);
}

function picture(small) {
  try {
    const bytes = Uint8Array.from(atob(small), (letter) => letter.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    addresses.push(address);
    return address;
  } catch {
    return "";
  }
}
