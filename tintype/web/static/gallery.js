// Recent captures, kept in this browser only: options and a small copy in its local storage, images in IndexedDB.

import { chooseForComparison, chosenEntries, forgetChosen } from "./compare.js";
import { find, make, show } from "./dom.js";
import { ago } from "./format.js";
import { keepImage, keepOnly } from "./images.js";

const STORAGE_KEY = "tintype.recent", MAX_ENTRIES = 12, WIDTH = 360, HEIGHT = 225;
let onChoose = () => {};
let objectUrls = [];

/** Show the gallery; `choose` is called with the options of an entry, and whether to make a new capture. */
export function openGallery(choose) {
  onChoose = choose;
  find("clear-recent").addEventListener("click", () => {
    save([]);
    find("url").focus();
  });
  setInterval(updateAges, 15_000);
  addEventListener("storage", (event) => { if (event.key === STORAGE_KEY) render(); });
  render();
}

/** Add an entry. Options that are sent by POST may be secret, so the caller must not pass them. */
export async function addToGallery(pairs, image, { body, etag, age }) {
  const query = new URLSearchParams(pairs.filter(([name]) => name !== "fresh")).toString();
  const at = Date.now() - age * 1000, earlier = load();
  const isSame = (each) => each.query === query && each.etag === etag;
  const id = earlier.find(isSame)?.id ?? crypto.getRandomValues(new Uint32Array(2)).join("-");
  const entry = { id, query, etag, small: shrink(image), at };
  await keepImage(id, body);
  save([entry, ...earlier.filter((each) => !isSame(each))].slice(0, MAX_ENTRIES));
}

/** A copy as wide as a card; what is below its height is left out, nothing at the sides. */
function shrink(image) {
  const scale = Math.min(1, WIDTH / image.naturalWidth);
  const width = Math.max(1, Math.round(image.naturalWidth * scale)), whole = Math.max(1, Math.round(image.naturalHeight * scale));
  const height = Math.min(HEIGHT, whole);
  const canvas = make("canvas", { width, height }), context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, whole);
  return canvas.toDataURL("image/jpeg", 0.82).split(",")[1];
}

function load() {
  try {
    const entries = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(entries) ? entries.filter((each) => ["id", "query", "small"].every((name) => typeof each?.[name] === "string")) : [];
  } catch {
    return [];
  }
}

/** Store as many entries as the storage quota permits, and show them. */
function save(entries) {
  let kept = entries;
  while (kept.length && !store(kept)) kept = kept.slice(0, -1);
  if (!kept.length) localStorage.removeItem(STORAGE_KEY);
  keepOnly(kept.map(({ id }) => id));
  forgetChosen(kept.map(({ id }) => id));
  render();
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

function card(entry) {
  const { id, query, small, at } = entry;
  const pairs = [...new URLSearchParams(query)];
  const url = pairs.find(([name]) => name === "url")?.[1] ?? "";
  const options = pairs.filter(([name]) => name !== "url").map(([name, value]) => (value === "true" ? name.replace(/_/g, " ") : `${name.replace(/_/g, " ")} ${value}`));
  const page = url.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const source = imageUrl(small);
  const button = make("button", { type: "button", class: "card" },
    make("img", { src: source, alt: "", width: WIDTH, height: HEIGHT, loading: "lazy" }),
    make("span", { class: "card-page", title: page }, page),
    make("span", { class: "card-options", title: options.join(" · ") }, options.join(" · ") || "default options"),
    make("span", { class: "card-age", "data-at": at }, ago((Date.now() - at) / 1000)));
  button.addEventListener("click", () => onChoose(pairs, false));
  const compared = chosenEntries().includes(id);
  return make("li", { class: "entry" }, button, make("div", { class: "entry-actions" },
    action("Again", page, () => onChoose(pairs, true)),
    action("Compare", page, ({ currentTarget }) => {
      chooseForComparison({ ...entry, page, source });
      currentTarget.setAttribute("aria-pressed", String(chosenEntries().includes(id)));
    }, { "aria-pressed": String(compared) }),
    action("Delete", page, () => {
      save(load().filter((each) => each.id !== id));
      (document.querySelector(".card") ?? find("url")).focus();
    })));
}

function action(label, page, run, attributes = {}) {
  const button = make("button", { type: "button", ...attributes }, label, make("span", { class: "visually-hidden" }, ` ${page}`));
  button.addEventListener("click", run);
  return button;
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
