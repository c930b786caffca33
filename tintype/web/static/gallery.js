// Recent captures, kept in this browser's local storage with a small copy of each image.

import { find, make, show } from "./dom.js";
import { ago } from "./format.js";

const STORAGE_KEY = "tintype.recent", MAX_ENTRIES = 12, WIDTH = 360, HEIGHT = 225;
let onChoose = () => {};
let objectUrls = [];

/** Show the gallery; `choose` is called with the options of an entry that is clicked. */
export function openGallery(choose) {
  onChoose = choose;
  find("clear-recent").addEventListener("click", () => {
    localStorage.removeItem(STORAGE_KEY);
    render();
    find("url").focus();
  });
  setInterval(updateAges, 15_000);
  addEventListener("storage", (event) => { if (event.key === STORAGE_KEY) render(); });
  render();
}

/** Add an entry. Options that are sent by POST may be secret, so the caller must not pass them. */
export async function addToGallery(pairs, image) {
  const query = new URLSearchParams(pairs).toString();
  const small = await shrink(image);
  let entries = [{ query, small, at: Date.now() }, ...load().filter((each) => each.query !== query)].slice(0, MAX_ENTRIES);
  while (entries.length && !store(entries)) entries = entries.slice(0, -1); // the storage quota is exceeded
  render();
}

async function shrink(image) {
  const canvas = make("canvas", { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const scale = Math.max(WIDTH / image.naturalWidth, HEIGHT / image.naturalHeight);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (WIDTH - image.naturalWidth * scale) / 2, 0, image.naturalWidth * scale, image.naturalHeight * scale);
  return canvas.toDataURL("image/jpeg", 0.82).split(",")[1];
}

function load() {
  try {
    const entries = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(entries) ? entries.filter((each) => typeof each?.query === "string" && typeof each.small === "string") : [];
  } catch {
    return [];
  }
}

function store(entries) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(entries));
    return true;
  } catch {
    return false;
  }
}

function render() {
  const entries = load();
  objectUrls.forEach((url) => URL.revokeObjectURL(url));
  objectUrls = [];
  find("gallery").replaceChildren(...entries.map(card));
  show(find("clear-recent"), entries.length > 0);
  show(find("recent-none"), entries.length === 0);
}

function card({ query, small, at }) {
  const pairs = [...new URLSearchParams(query)];
  const url = pairs.find(([name]) => name === "url")?.[1] ?? "";
  const options = pairs.filter(([name]) => name !== "url").map(([name, value]) => (value === "true" ? name : `${name}=${value}`));
  const page = url.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const button = make("button", { type: "button", class: "card" },
    make("img", { src: imageUrl(small), alt: "", width: WIDTH, height: HEIGHT, loading: "lazy" }),
    make("span", { class: "card-page" }, page),
    make("span", { class: "card-options" }, options.join(" · ") || "default options"),
    make("span", { class: "card-age", "data-at": at }, ago((Date.now() - at) / 1000)));
  button.addEventListener("click", () => onChoose(pairs));
  return make("li", {}, button);
}

function updateAges() {
  for (const each of document.querySelectorAll(".card-age")) each.textContent = ago((Date.now() - Number(each.dataset.at)) / 1000);
}

function imageUrl(small) {
  try {
    const bytes = Uint8Array.from(atob(small), (letter) => letter.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    objectUrls.push(url);
    return url;
  } catch {
    return "";
  }
}
