// Receives webhooks of Tintype, verifies them and keeps each event once. No framework.
// npm install standardwebhooks
// TINTYPE_WEBHOOK_SECRET=whsec_… PORT=9000 node webhook_receiver.cjs
const { createServer } = require("node:http");
const { Webhook } = require("standardwebhooks");

const MAX_BODY = 65_536; // a payload has at most 20 KB
const webhook = new Webhook(process.env.TINTYPE_WEBHOOK_SECRET);
const events = new Map(); // by webhook-id; in production: a table with a unique column

async function bodyOf(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > MAX_BODY) throw new Error("too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

createServer(async (request, response) => {
  if (request.method === "GET" && request.url === "/events") {
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify([...events.values()]));
    return;
  }
  if (request.method !== "POST" || request.url !== "/tintype") {
    response.writeHead(404).end();
    return;
  }
  try {
    const event = webhook.verify(await bodyOf(request), request.headers);
    const id = request.headers["webhook-id"];
    if (!events.has(id)) events.set(id, event); // an event may be sent again
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
}).listen(process.env.PORT || 9000, "127.0.0.1");
