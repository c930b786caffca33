// Loads previews of pages when they come into view, a few at a time, and keeps those that were shown last.

import { send } from "./job_api.js";

const MAX_LOADING = 4, MAX_KEPT = 300, DEFAULT_WAIT = 5, MAX_ATTEMPTS = 6;
/** Object URLs by path; the one that was used last is at the end. */
const kept = new Map();
let queue = [];
let loading = 0, pausedUntil = 0;

const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    queue.push(target);
  }
  loadNext();
}, { rootMargin: "200px" });

/** Load the preview with a path into an image once it is near the viewport; `onMissing` is called if there is none. */
export function loadPreview(image, path, onMissing = () => {}) {
  image.preview = { path, onMissing, attempts: 0 };
  if (kept.has(path)) setSource(image, path);
  else observer.observe(image);
}

function loadNext() {
  queue = queue.filter((image) => image.isConnected);
  while (loading < MAX_LOADING && queue.length && performance.now() >= pausedUntil) load(queue.shift());
}

async function load(image) {
  const { path, onMissing } = image.preview;
  loading += 1;
  try {
    const response = kept.has(path) ? null : await send(path);
    if (response?.ok) keep(path, URL.createObjectURL(await response.blob()));
    if (kept.has(path)) setSource(image, path);
    else if (response.status === 429 || response.status >= 500) retry(image, Number(response.headers.get("Retry-After")) || DEFAULT_WAIT);
    else onMissing();
  } catch {
    retry(image, DEFAULT_WAIT);
  } finally {
    loading -= 1;
    loadNext();
  }
}

/** The service is busy or restarting: the whole queue waits. */
function retry(image, seconds) {
  image.preview.attempts += 1;
  if (image.preview.attempts >= MAX_ATTEMPTS) {
    image.preview.onMissing();
    return;
  }
  queue.push(image);
  pausedUntil = performance.now() + seconds * 1000;
  setTimeout(loadNext, seconds * 1000);
}

function setSource(image, path) {
  const url = kept.get(path);
  kept.delete(path);
  kept.set(path, url);
  image.src = url;
}

function keep(path, url) {
  kept.set(path, url);
  for (const [oldest, oldestUrl] of kept) {
    if (kept.size <= MAX_KEPT) break;
    URL.revokeObjectURL(oldestUrl);
    kept.delete(oldest);
  }
}
