// Images of recent captures, in this browser's IndexedDB. Without it, only the small copies remain.

const DATABASE = "tintype", STORE = "images";
/** Bytes of one image; a larger one is not kept. */
const MAX_BYTES = 8e6;

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run(mode, action) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = action(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** Keep an image; whether it was kept. */
export async function keepImage(id, blob) {
  if (blob.size > MAX_BYTES) return false;
  return run("readwrite", (store) => store.put(blob, id)).then(() => true, () => false);
}

/** The image of an entry; undefined if it was not kept. */
export const readImage = (id) => run("readonly", (store) => store.get(id)).catch(() => undefined);

/** Delete all images except those of some entries. */
export async function keepOnly(ids) {
  const kept = new Set(ids);
  const all = (await run("readonly", (store) => store.getAllKeys()).catch(() => [])) ?? [];
  const dropped = all.filter((each) => !kept.has(each));
  if (dropped.length) await run("readwrite", (store) => { dropped.forEach((each) => store.delete(each)); }).catch(() => {});
}
