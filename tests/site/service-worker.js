self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const taken = "<title>found serviceWorker</title><body id=looked>";
  if (event.request.mode === "navigate") event.respondWith(new Response(taken, { headers: { "Content-Type": "text/html" } }));
});
