// The page: a store, the trading connection that fills it, and views that draw it. Views are replaced while the
// page runs (hot replacement); this module and the trading connection stay.

import { TradingClient, decideConnection, readConfig } from "../trading-client.js";
import { createBots } from "./bots.js";
import { createChart } from "./chart.js";
import { createConnection } from "./connection.js";
import { createLadder } from "./ladder.js";
import { Store } from "./store.js";
import { createWatchList } from "./watch-list.js";

const ALL = ["symbols", "selected", "quotes", "books", "candles", "bots", "connection"];
const FIRST_CANDLES = 200;
const LATER = 3000;

const store = new Store((changed) => {
  for (const view of Object.values(views)) view.draw(changed);
});
const config = readConfig();
const api = new URL("api/", document.baseURI);
const client = connect();
const actions = {
  select(symbol, interval) {
    if (symbol === store.selected && (interval ?? store.interval) === store.interval) return;
    followBook(store.selected, symbol);
    store.select(symbol, interval);
    loadCandles();
  },
  sendToBots: (text, to) => client?.sendToBots(text, to) ?? false,
};
const views = {
  connection: createConnection(store),
  watchList: createWatchList(store, actions),
  chart: createChart(store, actions),
  ladder: createLadder(store),
  bots: createBots(store, actions),
};

/** Put a view's new version in the place of the old one; it draws everything from the same store. */
function replaceView(name, create) {
  if (!create) return; // the new version has an error, which is shown; the old one goes on
  views[name].destroy();
  views[name] = create(store, actions);
  views[name].draw(new Set(ALL));
}

if (import.meta.hot) {
  import.meta.hot.accept("./connection.js", (next) => replaceView("connection", next?.createConnection));
  import.meta.hot.accept("./watch-list.js", (next) => replaceView("watchList", next?.createWatchList));
  import.meta.hot.accept("./chart.js", (next) => replaceView("chart", next?.createChart));
  import.meta.hot.accept("./ladder.js", (next) => replaceView("ladder", next?.createLadder));
  import.meta.hot.accept("./bots.js", (next) => replaceView("bots", next?.createBots));
}

function connect() {
  let decision;
  try {
    decision = decideConnection(location.href, config);
  } catch (error) {
    console.error(`[trading] ${error.message}`);
    store.setConnection({ state: "offline", socket: error.message });
    return null;
  }
  const made = new TradingClient(decision);
  store.setConnection({ mode: decision.mode, socket: decision.socket, why: decision.why });
  made.addEventListener("state", ({ detail }) => store.setConnection({ state: detail.state, id: made.connectionId }));
  made.addEventListener("hello", ({ detail }) => store.setConnection({ id: detail.connection }));
  made.addEventListener("quotes", ({ detail }) => store.takeQuotes(detail.quotes));
  made.addEventListener("books", ({ detail }) => store.takeBooks(detail.books));
  made.addEventListener("bots", ({ detail }) => store.takeBotMessages(detail.messages));
  made.subscribe("quotes");
  made.subscribe("bots", { name: "page" });
  made.start();
  return made;
}

function followBook(before, after) {
  if (before) client?.unsubscribe("book", [before]);
  client?.subscribe("book", { symbols: [after] });
}

async function getJson(path) {
  const response = await fetch(new URL(path, api));
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return response.json();
}

/** Call `load` until it works: the page may be there before the API is. */
async function persist(load) {
  for (;;) {
    try {
      return await load();
    } catch (error) {
      console.info(`[page] ${error.message}; trying again`);
      await new Promise((resolve) => setTimeout(resolve, LATER * (0.5 + Math.random())));
    }
  }
}

async function loadCandles() {
  const { selected, interval } = store;
  const query = `candles/${encodeURIComponent(selected)}?interval=${interval}&limit=${FIRST_CANDLES}`;
  const { candles } = await persist(() => getJson(query));
  store.setCandles(selected, interval, candles);
}

async function loadSymbols() {
  const { symbols } = await persist(() => getJson("symbols"));
  store.setSymbols(symbols);
  if (!store.selected) actions.select(symbols[0].symbol);
}

loadSymbols();
addEventListener("visibilitychange", () => {
  if (!document.hidden && store.selected) loadCandles(); // a hidden page may have missed some
});
