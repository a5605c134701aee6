// The trading client without a browser: a WebSocket that the test plays, and a clock that the test turns.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { TradingClient, decideConnection } from "./trading-client.mjs";

const HELLO = { type: "hello", protocol: 1, connection: "c-1", session: "s", heartbeat_s: 20 };
const SNAPSHOT = { type: "snapshot", channel: "quotes", session: "s", seq: 5, quotes: [{ symbol: "A", price: "1" }] };

class Socket {
  static all = [];
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    Socket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
    this.readyState = 3;
  }

  say(...messages) {
    this.readyState = 1;
    for (const message of messages) this.onmessage({ data: JSON.stringify(message) });
  }

  lose(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

const last = () => Socket.all.at(-1);
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

function build({ fetch = async () => ({ ok: false, status: 502 }), random = () => 1 } = {}) {
  const log = [];
  const states = [];
  const quotes = [];
  const decision = decideConnection("http://localhost:3000/", { mode: "dev", wsPort: 3001 });
  const client = new TradingClient(decision, { WebSocket: Socket, fetch, random, log: (text) => log.push(text) });
  client.addEventListener("state", ({ detail }) => states.push(detail.state));
  client.addEventListener("quotes", ({ detail }) => quotes.push(detail.seq ?? "poll"));
  client.subscribe("quotes", { symbols: ["A"] });
  client.start();
  return { client, log, states, quotes };
}

/** Lose the connection and return the wait that was logged, having waited it. */
function loseAndWait(log, code) {
  last().lose(code);
  const wait = Number(/next try in (\d+) ms/.exec(log.findLast((line) => line.includes("next try")))[1]);
  mock.timers.tick(wait);
  return wait;
}

beforeEach(() => {
  Socket.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("symbols that were asked for without a connection get a snapshot, not the end of a resumed stream", () => {
  const { client, log } = build();
  last().say(HELLO, SNAPSHOT);
  last().lose();
  client.subscribe("quotes", { symbols: ["B"] });
  mock.timers.tick(60_000);
  last().say(HELLO);
  assert.deepEqual(last().sent, [{ type: "subscribe", channel: "quotes", symbols: ["A", "B"] }], log.join("\n"));
});

test("it says which socket, which mode and why, and is live when the server has said hello", () => {
  const { client, log, states } = build();
  assert.equal(log[0], "dev mode, socket ws://localhost:3001/api/ws (the server said dev, with the trading socket on port 3001)");
  assert.equal(client.state, "connecting");
  last().say(HELLO);
  assert.deepEqual([client.state, client.connectionId, states], ["live", "c-1", ["live"]]);
  assert.deepEqual(last().sent, [{ type: "subscribe", channel: "quotes", symbols: ["A"] }]);
});

test("it resumes with the last sequence number, and takes nothing twice", () => {
  const { log, quotes } = build();
  last().say(HELLO, SNAPSHOT, { type: "update", channel: "quotes", seq: 7, quotes: [] }, { type: "update", channel: "quotes", seq: 7, quotes: [] });
  loseAndWait(log);
  last().say(HELLO);
  assert.deepEqual(last().sent[0].resume, { session: "s", seq: 7 });
  last().say({ type: "resumed", channel: "quotes", session: "s", seq: 9 });
  last().say({ type: "update", channel: "quotes", seq: 8, quotes: [] }, { type: "update", channel: "quotes", seq: 9, quotes: [] });
  assert.deepEqual(quotes, [5, 7, 8, 9]);
});

test("a snapshot replaces what there is, even with an older number", () => {
  const { quotes } = build();
  last().say(HELLO, { ...SNAPSHOT, seq: 100 }, SNAPSHOT, { type: "update", channel: "quotes", seq: 6, quotes: [] });
  assert.deepEqual(quotes, [100, 5, 6]);
});

test("waits double up to a bound and any time below is as likely", () => {
  const { log } = build();
  const waits = Array.from({ length: 8 }, () => loseAndWait(log));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  Socket.all = [];
  const half = build({ random: () => 0.5 });
  assert.deepEqual([loseAndWait(half.log), loseAndWait(half.log)], [250, 500]);
});

test("a server that restarts is no failure, and one that is full is given time", () => {
  const { log } = build();
  last().say(HELLO);
  assert.deepEqual([loseAndWait(log, 1012), loseAndWait(log, 1012), loseAndWait(log, 1013)], [500, 500, 5500]);
});

test("after three failures it polls, says so, and is live again when the socket is", async () => {
  const body = { quotes: [{ symbol: "A", price: "2" }] };
  const { client, log, quotes, states } = build({ fetch: async () => ({ ok: true, json: async () => body }) });
  last().say(HELLO);
  for (let failure = 0; failure < 3; failure += 1) loseAndWait(log);
  await settle();
  assert.deepEqual(states, ["live", "connecting", "polling"]);
  assert.deepEqual(quotes, ["poll"]);
  mock.timers.tick(2000);
  await settle();
  assert.deepEqual(quotes, ["poll", "poll"]);
  last().say(HELLO);
  assert.equal(client.state, "live");
  mock.timers.tick(2000);
  await settle();
  assert.deepEqual(quotes, ["poll", "poll"]);
});

test("where polling fails too it is offline and goes on trying", async () => {
  const { client, log } = build();
  for (let failure = 0; failure < 3; failure += 1) loseAndWait(log);
  await settle();
  assert.equal(client.state, "offline");
  const before = Socket.all.length;
  loseAndWait(log);
  assert.equal(Socket.all.length, before + 1);
});

test("a socket that never says hello is given up", () => {
  const { log } = build();
  mock.timers.tick(8000);
  assert.equal(last().closedWith, 4000);
  assert.ok(log.some((line) => line.startsWith("no answer in time")));
});

test("it asks a silent server, and gives up one that does not answer", () => {
  build();
  last().say(HELLO);
  const socket = last();
  mock.timers.tick(20_000);
  assert.deepEqual(socket.sent.at(-1), { type: "ping" });
  socket.say({ type: "pong", id: null });
  mock.timers.tick(20_000);
  mock.timers.tick(5000);
  assert.equal(socket.closedWith, 4000);
});

test("a late message of a connection that was given up changes nothing", () => {
  const { client } = build();
  const socket = last();
  mock.timers.tick(8000);
  socket.say(HELLO);
  assert.equal(client.state, "connecting");
});

test("a message that is no JSON is ignored", () => {
  const { client } = build();
  last().say(HELLO);
  last().onmessage({ data: "{" });
  assert.equal(client.state, "live");
});

test("stopped, it stays stopped", () => {
  const { client } = build();
  last().say(HELLO);
  const socket = last();
  client.stop();
  socket.lose(1000);
  mock.timers.tick(60_000);
  assert.deepEqual([client.state, Socket.all.length, socket.closedWith], ["offline", 1, 1000]);
});

test("bots: messages go out only on a live connection, and come as one list", () => {
  const { client } = build();
  const heard = [];
  client.addEventListener("bots", ({ detail }) => heard.push(...detail.messages.map(({ text }) => text)));
  assert.equal(client.sendToBots("early"), false);
  client.subscribe("bots", { name: "page" });
  last().say(HELLO);
  assert.deepEqual(last().sent.at(-1), { type: "subscribe", channel: "bots", name: "page" });
  assert.equal(client.sendToBots("hi", "ann"), true);
  assert.deepEqual(last().sent.at(-1), { type: "bot", text: "hi", to: "ann" });
  last().say({ type: "snapshot", channel: "bots", session: "s", seq: 1, messages: [{ seq: 1, text: "a" }] }, { type: "bot", seq: 2, text: "b" });
  assert.deepEqual(heard, ["a", "b"]);
});
