// The page's connection to the trading socket: where it is, keeping it, and what to do without it.
// One module without dependencies; protocol: docs/trading-protocol.md.

const SOCKET_PATH = "api/ws";
const QUOTES_PATH = "api/quotes";
const DEFAULT_TRADING_PORT = 3001;
const BASE = /^\/?(?:[A-Za-z0-9._~%-]+\/)*(?:[A-Za-z0-9._~%-]+)?$/;

const FIRST_WAIT = 500; // ms; doubled with each failure
const LONGEST_WAIT = 15_000;
const FULL_WAIT = 5_000; // at least, when the server says that it is full
const OPEN_WITHIN = 8_000;
const ANSWER_WITHIN = 5_000;
const FAILURES_BEFORE_POLLING = 3;
const POLL_EVERY = 2_000;

const CloseCode = { restart: 1012, full: 1013, deaf: 4000 };

/** Nothing can be decided; `about` says because of what: page, config, mode, port or base. */
export class NoConnectionError extends Error {
  constructor(about, message) {
    super(message);
    this.name = "NoConnectionError";
    this.about = about;
  }
}

/**
 * Decide which socket the page at address `page` uses, given what its server told it.
 *
 * What counts is `config`, not a guess from port or host: `{ mode: "dev" | "prod", wsPort, base }`, null where the
 * server said nothing. `devstack.services.trading.address` is the same in Python.
 * @returns {{mode: string, socket: string, quotes: string, why: string}}
 */
export function decideConnection(page, config) {
  const url = pageAddress(page);
  if (config !== null && config !== undefined && (typeof config !== "object" || Array.isArray(config))) {
    throw new NoConnectionError("config", "the page's config is no object");
  }
  const { mode = null, wsPort = DEFAULT_TRADING_PORT, base = "/" } = config ?? {};
  const prefix = pathPrefix(base);
  const scheme = url.protocol === "https:" ? "wss" : "ws";
  const quotes = `${url.origin}${prefix}${QUOTES_PATH}`;
  if (mode === "dev") {
    if (!Number.isInteger(wsPort) || wsPort < 1 || wsPort > 65535) {
      throw new NoConnectionError("port", `the server said wsPort ${JSON.stringify(wsPort)}, which is no port number`);
    }
    const port = wsPort === (scheme === "wss" ? 443 : 80) ? "" : `:${wsPort}`;
    const why = `the server said dev, with the trading socket on port ${wsPort}`;
    return { mode, socket: `${scheme}://${url.hostname}${port}/${SOCKET_PATH}`, quotes, why };
  }
  if (mode !== "prod" && mode !== null) {
    throw new NoConnectionError("mode", `the server said mode ${JSON.stringify(mode)}; dev and prod are known`);
  }
  const said = mode ? "the server said prod" : "the server said no mode";
  const why = `${said}: the page's own origin${prefix === "/" ? "" : `, below ${prefix}`}`;
  return { mode: "prod", socket: `${scheme}://${url.host}${prefix}${SOCKET_PATH}`, quotes, why };
}

function pageAddress(page) {
  if (!URL.canParse(page)) throw new NoConnectionError("page", `${page} is no page's address`);
  const url = new URL(page);
  if (!["http:", "https:"].includes(url.protocol) || !url.hostname) {
    throw new NoConnectionError("page", `${page} did not come from a server`);
  }
  return url;
}

function pathPrefix(base) {
  const isPath = typeof base === "string" && BASE.test(base);
  if (!isPath || base.split("/").some((part) => part === "." || part === "..")) {
    throw new NoConnectionError("base", `the server said base ${JSON.stringify(base)}, which is no path`);
  }
  const inner = base.replace(/^\/+|\/+$/g, "");
  return inner ? `/${inner}/` : "/";
}

/** Return what the server told this page, or null. */
export function readConfig(root = document) {
  const text = root.getElementById("devstack-config")?.textContent;
  return text ? JSON.parse(text) : null;
}

/**
 * One page's trading connection. It dispatches, with the message as `detail`:
 * `state` (`connecting`, `live`, `polling`, `offline`), `hello`, `quotes`, `books`, `bots`, `gap`, `problem`.
 */
export class TradingClient extends EventTarget {
  state = "connecting";
  connectionId = null;

  #decision;
  #world;
  #wanted = new Map(); // channel -> { symbols: Set | null, name }
  #last = new Map(); // channel -> { session, seq }
  #socket = null;
  #failures = 0;
  #timers = new Map();
  #heartbeat = 20_000;
  #session = null;
  #stopped = true;
  #polling = false;

  /**
   * @param decision what `decideConnection` returned
   * @param world stands in for the browser where there is none: WebSocket, fetch, log, random
   */
  constructor(decision, world = {}) {
    super();
    this.#decision = decision;
    this.#world = {
      WebSocket: globalThis.WebSocket,
      fetch: (...request) => globalThis.fetch(...request),
      log: (text) => console.info(`[trading] ${text}`),
      random: Math.random,
      ...world,
    };
  }

  /** Connect, and keep connected until `stop()`. */
  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    const { mode, socket, why } = this.#decision;
    this.#world.log(`${mode} mode, socket ${socket} (${why})`);
    globalThis.addEventListener?.("online", this.#hurry);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    globalThis.removeEventListener?.("online", this.#hurry);
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    this.#socket?.close(1000);
    this.#setState("offline", "stopped by the page");
  }

  /** Receive `channel`, for `symbols` or all; remembered over lost connections. `name` is a bot's own. */
  subscribe(channel, { symbols = null, name } = {}) {
    const before = this.#wanted.get(channel);
    const all = symbols === null || before?.symbols === null;
    this.#wanted.set(channel, { symbols: all ? null : new Set([...(before?.symbols ?? []), ...symbols]), name });
    const isSent = this.#send({ type: "subscribe", channel, ...(symbols && { symbols }), ...(name && { name }) });
    // What is resumed has no snapshot: not enough for symbols that nobody has asked for before.
    if (!isSent && channel !== "bots") this.#last.delete(channel);
  }

  unsubscribe(channel, symbols = null) {
    const wanted = this.#wanted.get(channel);
    for (const symbol of symbols ?? []) wanted?.symbols?.delete(symbol);
    if (symbols === null || wanted?.symbols?.size === 0) this.#wanted.delete(channel);
    this.#send({ type: "unsubscribe", channel, ...(symbols && { symbols }) });
  }

  /** Send a message to all bots, or to the one called `to`; false where there is no connection to send it on. */
  sendToBots(text, to) {
    return this.#send({ type: "bot", text, ...(to && { to }) });
  }

  #hurry = () => {
    if (this.state === "live" || this.#stopped || this.#socket) return;
    this.#world.log("the network is back: trying at once");
    this.#cancel("retry");
    this.#connect();
  };

  #connect() {
    const socket = new this.#world.WebSocket(this.#decision.socket);
    this.#socket = socket;
    this.#after("open", OPEN_WITHIN, () => this.#giveUp(socket, "no answer in time"));
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data);
    socket.onclose = ({ code }) => socket === this.#socket && this.#lost(code);
  }

  /** A connection that says nothing may take minutes to close by itself. */
  #giveUp(socket, why) {
    if (socket !== this.#socket) return;
    this.#world.log(`${why}: giving the connection up`);
    socket.close(CloseCode.deaf);
    this.#lost(CloseCode.deaf);
  }

  #lost(code) {
    const wasLive = this.state === "live";
    this.#socket = null;
    this.connectionId = null;
    for (const name of ["open", "silence"]) this.#cancel(name);
    if (this.#stopped) return;
    if (code !== CloseCode.restart) this.#failures += 1;
    const wait = this.#wait(code);
    this.#world.log(`${wasLive ? "lost" : "no"} connection (${code}); next try in ${Math.round(wait)} ms`);
    this.#after("retry", wait, () => this.#connect());
    if (this.#failures >= FAILURES_BEFORE_POLLING) this.#startPolling();
    else if (this.state === "live") this.#setState("connecting", `closed with ${code}`);
  }

  /** Exponential backoff with full jitter: clients that were lost together do not come back together. */
  #wait(code) {
    const bound = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, this.#failures - 1));
    return this.#world.random() * bound + (code === CloseCode.full ? FULL_WAIT : 0);
  }

  #receive(data) {
    this.#listenForSilence();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.#world.log("a message that is no JSON was ignored");
    }
    const { type, channel } = message;
    if (type === "hello") this.#welcome(message);
    else if (type === "snapshot" || type === "resumed" || type === "update") this.#take(channel, message);
    else if (type === "bot") this.#takeBot(message);
    else if (type === "gap") this.#tell("gap", message);
    else if (type === "error") {
      this.#world.log(`the server refused: ${message.code}: ${message.message}`);
      this.#tell("problem", message);
    }
    return undefined;
  }

  #welcome(message) {
    this.#cancel("open");
    this.#failures = 0;
    this.#session = message.session;
    this.#heartbeat = message.heartbeat_s * 1000;
    this.connectionId = message.connection;
    this.#setState("live", `connection ${message.connection} on ${this.#decision.socket}`);
    this.#tell("hello", message);
    for (const [channel, { symbols, name }] of this.#wanted) {
      const resume = this.#last.get(channel);
      this.#send({
        type: "subscribe",
        channel,
        ...(symbols && { symbols: [...symbols] }),
        ...(name && { name }),
        ...(resume && { resume }),
      });
    }
  }

  /** A snapshot replaces what there is; an update that is not newer than what there is says nothing. */
  #take(channel, message) {
    const last = this.#last.get(channel);
    if (message.type === "update" && last && message.seq <= last.seq) return;
    const session = message.session ?? last?.session ?? this.#session;
    if (message.type !== "resumed") this.#last.set(channel, { session, seq: message.seq });
    if (message.quotes) this.#tell("quotes", message);
    if (message.books) this.#tell("books", message);
    if (message.messages) this.#tell("bots", message);
  }

  #takeBot(message) {
    this.#last.set("bots", { session: this.#session, seq: message.seq });
    this.#tell("bots", { type: "update", seq: message.seq, messages: [message] });
  }

  /** The server's pings are hidden from a page, so it asks when it has heard nothing for their interval. */
  #listenForSilence() {
    const socket = this.#socket;
    this.#after("silence", this.#heartbeat, () => {
      this.#send({ type: "ping" });
      this.#after("silence", ANSWER_WITHIN, () => this.#giveUp(socket, "silence"));
    });
  }

  async #startPolling() {
    if (this.#polling) return;
    this.#polling = true;
    this.#world.log(`polling ${this.#decision.quotes}, still trying the socket`);
    while (this.state !== "live" && !this.#stopped) {
      await this.#poll();
      await new Promise((resolve) => setTimeout(resolve, POLL_EVERY));
    }
    this.#polling = false;
  }

  async #poll() {
    try {
      const signal = AbortSignal.timeout(OPEN_WITHIN);
      const response = await this.#world.fetch(this.#decision.quotes, { signal, cache: "no-store" });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const body = await response.json();
      if (this.state === "live" || this.#stopped) return;
      this.#setState("polling", "the socket does not answer, the API does");
      this.#tell("quotes", { type: "poll", quotes: body.quotes ?? body.items ?? body });
    } catch (error) {
      if (this.state !== "live" && !this.#stopped) this.#setState("offline", String(error.message ?? error));
    }
  }

  #send(message) {
    if (this.#socket?.readyState !== 1 || this.connectionId === null) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #setState(state, why) {
    if (state === this.state) return;
    this.#world.log(`${this.state} → ${state}: ${why}`);
    this.state = state;
    this.#tell("state", { state, why });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #after(name, delay, run) {
    this.#cancel(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      run();
    }, delay);
    this.#timers.set(name, timer);
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
