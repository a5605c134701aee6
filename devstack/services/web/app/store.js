// What the page knows: one object, changed here alone, drawn by the views at most once a frame.

export const INTERVALS = { "5s": 5, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86_400 };
const MOST_BOT_MESSAGES = 200;
const MOST_CANDLES = 400;

export class Store {
  symbols = []; // { symbol, title, price_decimals }
  quotes = new Map(); // symbol -> quote
  ticks = new Map(); // symbol -> "up" | "down", against the price before
  books = new Map();
  candles = []; // of `selected` and `interval`: { start, open, high, low, close }
  botMessages = [];
  selected = null;
  interval = "1m";
  connection = { state: "connecting", mode: "", socket: "", id: null };

  #changed = new Set();
  #onChange;
  #frame = 0;

  /** @param {(changed: Set<string>) => void} onChange called in the next frame after any number of changes */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Say that a part of the store changed. */
  touch(part) {
    this.#changed.add(part);
    this.#frame ||= requestAnimationFrame(() => {
      const changed = this.#changed;
      this.#changed = new Set();
      this.#frame = 0;
      this.#onChange(changed);
    });
  }

  setSymbols(symbols) {
    this.symbols = symbols;
    this.touch("symbols");
  }

  takeQuotes(quotes) {
    for (const quote of quotes) {
      const before = this.quotes.get(quote.symbol);
      if (before && before.price !== quote.price) {
        this.ticks.set(quote.symbol, Number(quote.price) > Number(before.price) ? "up" : "down");
      } else this.ticks.delete(quote.symbol);
      this.quotes.set(quote.symbol, quote);
      if (quote.symbol === this.selected) this.#extendCandles(quote);
    }
    this.touch("quotes");
  }

  takeBooks(books) {
    for (const book of books) this.books.set(book.symbol, book);
    this.touch("books");
  }

  select(symbol, interval = this.interval) {
    this.selected = symbol;
    this.interval = interval;
    this.candles = [];
    this.touch("selected");
  }

  /** Take the candles that the API answered for `symbol` and `interval`, unless another choice was made since. */
  setCandles(symbol, interval, candles) {
    if (symbol !== this.selected || interval !== this.interval) return;
    this.candles = candles.map(({ time, open, high, low, close }) => ({
      start: Date.parse(time), open: Number(open), high: Number(high), low: Number(low), close: Number(close),
    }));
    this.touch("candles");
  }

  /** The newest candle grows with each quote; a quote past its end begins the next. */
  #extendCandles({ price: text, time }) {
    const last = this.candles.at(-1);
    if (!last) return;
    const length = INTERVALS[this.interval] * 1000;
    const price = Number(text);
    const start = Math.floor(Date.parse(time) / length) * length;
    if (start > last.start) {
      this.candles.push({ start, open: last.close, high: Math.max(last.close, price), low: Math.min(last.close, price), close: price });
      if (this.candles.length > MOST_CANDLES) this.candles.shift();
    } else {
      last.close = price;
      last.high = Math.max(last.high, price);
      last.low = Math.min(last.low, price);
    }
    this.touch("candles");
  }

  /** Take what is new: after a lost connection the server repeats what it is not sure that we have. */
  takeBotMessages(messages) {
    const last = this.botMessages.at(-1)?.seq ?? -1;
    this.botMessages = [...this.botMessages, ...messages.filter(({ seq }) => seq > last)].slice(-MOST_BOT_MESSAGES);
    this.touch("bots");
  }

  setConnection(part) {
    this.connection = { ...this.connection, ...part };
    this.touch("connection");
  }
}
