// The peer: Express 5 and `ws` serving the same protocol as devstack's combined service, for the benchmark alone.
// Usage: node peer.mjs PORT TICK_MS STATIC_FOLDER
import { createServer } from "node:http";
import express from "express";
import { WebSocketServer } from "ws";

const [port, tickMs, folder] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const symbols = ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "DOGE-USD", "EUR-USD", "GBP-USD", "XAU-USD"];
const now = () => performance.timeOrigin + performance.now();
const tickNow = () => Math.floor(now() / tickMs);
const prices = new Map(symbols.map((name) => [name, 6421500]));

function quote(name, tick) {
  const price = prices.get(name) + Math.round((Math.random() - 0.5) * 200);
  prices.set(name, price);
  return {
    symbol: name, price: (price / 100).toFixed(2), bid: ((price - 75) / 100).toFixed(2),
    ask: ((price + 75) / 100).toFixed(2), size: "0.10850", side: "sell", open: "65104.08",
    change_percent: "-0.43", time: new Date(tick * tickMs).toISOString(),
  };
}

const app = express();
app.disable("x-powered-by");
app.set("etag", false);
app.get("/api/quotes", (_, response) => {
  const seq = tickNow();
  response.set("cache-control", "no-store");
  response.json({ session: "peer", seq, quotes: symbols.map((name) => quote(name, seq)), next: null });
});
app.get("/api/health", (_, response) => response.json({ status: "ok", live: true, ready: true, redis: "off" }));
app.get("/api/candles/:symbol", (request, response) => {
  const limit = Number(request.query.limit ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) return response.status(422).json({ status: 422 });
  const candles = Array.from({ length: limit }, (_, index) => ({
    time: new Date(1.7e12 + index * 60000).toISOString(), open: "64825.11", high: "64825.11", low: "64825.11",
    close: "64825.11", volume: "3.20000",
  }));
  return response.json({ symbol: request.params.symbol, interval: "1m", candles, next: null });
});
app.use(express.static(folder));

const server = createServer(app);
const wss = new WebSocketServer({ server, path: "/api/ws", perMessageDeflate: false, maxPayload: 16384 });
const groups = new Map(); // the same grouping as devstack: one JSON text for all that want the same symbols

wss.on("connection", (socket, request) => {
  request.socket.setNoDelay(true);
  socket.send(JSON.stringify({ type: "hello", protocol: 1, connection: "c", session: "peer", tick_ms: tickMs, symbols }));
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.type !== "subscribe") return;
    const key = message.symbols.join();
    if (!groups.has(key)) groups.set(key, { names: message.symbols, sockets: new Set() });
    groups.get(key).sockets.add(socket);
    const seq = tickNow();
    socket.send(JSON.stringify({ type: "snapshot", channel: "quotes", session: "peer", seq, quotes: message.symbols.map((name) => quote(name, seq)) }));
  });
  socket.on("close", () => groups.forEach((group) => group.sockets.delete(socket)));
});

let last = tickNow();
function onTick() {
  const tick = tickNow();
  if (tick > last) {
    last = tick;
    for (const { names, sockets } of groups.values()) {
      const text = JSON.stringify({ type: "update", channel: "quotes", seq: tick, quotes: names.map((name) => quote(name, tick)) });
      const bytes = Buffer.from(text); // once for all: ws would encode a string for each client
      for (const socket of sockets) {
        // The same conflation: who has not taken the last one gets none now, and the newest later.
        if (socket.bufferedAmount === 0) socket.send(bytes, { binary: false });
      }
    }
  }
  setTimeout(onTick, Math.max(0, (last + 1) * tickMs - now()));
}
onTick();

server.listen(port, "127.0.0.1", 2048, () => console.log(`peer listening on http://127.0.0.1:${port}/`));
process.on("SIGTERM", () => process.exit(0));
