// The price chart: candles of the chosen market on a canvas, the newest one alive.

import { formatCandleTime, formatChange, formatDecimal, signOf } from "./format.js";
import { INTERVALS } from "./store.js";

const CANDLE = 9; // CSS pixels from one candle to the next
const BODY = 6;
const RIGHT = 76; // for the prices
const BOTTOM = 24; // for the times
const TOP = 10;

export function createChart(store, actions) {
  const find = (id) => document.getElementById(id);
  const [canvas, intervals, readout] = ["chart", "intervals", "readout"].map(find);
  const context = canvas.getContext("2d");
  const listening = new AbortController();
  let pointer = null; // x in CSS pixels
  let colors = readColors();
  let titleAt = 0;

  function readColors() {
    const style = getComputedStyle(document.documentElement);
    const named = (name) => style.getPropertyValue(name).trim();
    return { up: named("--up"), down: named("--down"), line: named("--line"), quiet: named("--quiet"), text: named("--text"),
      panel: named("--panel"), accent: named("--accent") };
  }

  function buildIntervals() {
    intervals.replaceChildren(...Object.keys(INTERVALS).map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.onclick = () => actions.select(store.selected, name);
      return button;
    }));
  }

  function drawHeadline() {
    const quote = store.quotes.get(store.selected);
    find("chart-symbol").textContent = store.selected ?? "–";
    find("price").textContent = quote ? formatDecimal(quote.price) : "–";
    find("change").textContent = quote ? formatChange(quote.change_percent) : "";
    find("change").dataset.sign = quote ? signOf(quote.change_percent) : "";
    if (quote && performance.now() - titleAt > 1000) {
      titleAt = performance.now();
      document.title = `${formatDecimal(quote.price)} ${store.selected} · devstack`;
    }
  }

  /** Fit the canvas to its box and to the screen's pixels; return its size in CSS pixels. */
  function fit() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return { width, height };
  }

  function drawChart() {
    const { width, height } = fit();
    const plot = { right: width - RIGHT, bottom: height - BOTTOM };
    const shown = store.candles.slice(-Math.max(1, Math.floor(plot.right / CANDLE)));
    if (!shown.length || plot.right < 40) return;
    const scale = scaleOf(shown, plot);
    const xOf = (index) => plot.right - (shown.length - index - 0.5) * CANDLE;
    context.font = "11.5px system-ui, sans-serif";
    context.textBaseline = "middle";
    drawGrid(shown, plot, scale, xOf);
    shown.forEach((candle, index) => drawCandle(candle, xOf(index), scale));
    drawLast(shown.at(-1), plot, scale);
    drawPointer(shown, plot, xOf);
    describe(shown);
  }

  function scaleOf(shown, plot) {
    let [low, high] = [Infinity, -Infinity];
    for (const candle of shown) {
      low = Math.min(low, candle.low);
      high = Math.max(high, candle.high);
    }
    const room = (high - low || high * 0.001) * 0.06;
    [low, high] = [low - room, high + room];
    const y = (price) => TOP + ((high - price) / (high - low)) * (plot.bottom - TOP);
    return { low, high, y };
  }

  /** Return a round step that gives about `count` lines: 1, 2 or 5 times a power of ten. */
  function roundStep(range, count) {
    const power = 10 ** Math.floor(Math.log10(range / count));
    return power * [1, 2, 5, 10].find((factor) => range / (power * factor) <= count);
  }

  function drawGrid(shown, plot, { low, high, y }, xOf) {
    const step = roundStep(high - low, Math.max(2, plot.bottom / 56));
    context.strokeStyle = colors.line;
    context.fillStyle = colors.quiet;
    context.lineWidth = 1;
    context.textAlign = "left";
    context.beginPath();
    for (let price = Math.ceil(low / step) * step; price < high; price += step) {
      const at = Math.round(y(price)) + 0.5;
      context.moveTo(0, at);
      context.lineTo(plot.right, at);
      const isBehindLast = Math.abs(at - y(shown.at(-1).close)) < 16;
      if (!isBehindLast) context.fillText(formatDecimal(price.toFixed(decimals())), plot.right + 8, at);
    }
    context.textAlign = "center";
    const seconds = INTERVALS[store.interval];
    const every = Math.ceil(84 / CANDLE);
    shown.forEach((candle, index) => {
      const number = Math.round(candle.start / (seconds * 1000));
      const x = xOf(index);
      if (number % every || x < 30 || x > plot.right - 24) return;
      context.moveTo(Math.round(x) + 0.5, TOP);
      context.lineTo(Math.round(x) + 0.5, plot.bottom);
      context.fillText(formatCandleTime(candle.start, seconds), x, plot.bottom + BOTTOM / 2);
    });
    context.stroke();
  }

  function drawCandle({ open, high, low, close }, x, { y }) {
    context.fillStyle = close >= open ? colors.up : colors.down;
    const [top, bottom] = [y(Math.max(open, close)), y(Math.min(open, close))];
    context.fillRect(Math.round(x) - 0.5, y(high), 1, Math.max(1, y(low) - y(high)));
    context.fillRect(Math.round(x) - BODY / 2, top, BODY, Math.max(1, bottom - top));
  }

  function drawLast({ open, close }, plot, { y }) {
    const at = Math.round(y(close)) + 0.5;
    const color = close >= open ? colors.up : colors.down;
    context.strokeStyle = color;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(0, at);
    context.lineTo(plot.right, at);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = color;
    context.beginPath();
    context.roundRect(plot.right + 2, at - 9, RIGHT - 6, 18, 3);
    context.fill();
    context.fillStyle = colors.panel;
    context.textAlign = "left";
    context.fillText(formatDecimal(close.toFixed(decimals())), plot.right + 8, at + 0.5);
  }

  function drawPointer(shown, plot, xOf) {
    const index = pointer === null ? -1 : shown.length - 1 - Math.floor((plot.right - pointer) / CANDLE);
    const candle = shown[Math.min(index, shown.length - 1)];
    if (!candle || pointer > plot.right) {
      readout.textContent = "";
      return;
    }
    const x = Math.round(xOf(shown.indexOf(candle))) + 0.5;
    context.strokeStyle = colors.quiet;
    context.beginPath();
    context.moveTo(x, TOP);
    context.lineTo(x, plot.bottom);
    context.stroke();
    const parts = ["open", "high", "low", "close"].map((part) => `${part} ${formatDecimal(candle[part].toFixed(decimals()))}`);
    readout.textContent = [formatCandleTime(candle.start, INTERVALS[store.interval]), ...parts].join("   ");
  }

  function describe(shown) {
    const [low, high] = [Math.min(...shown.map((candle) => candle.low)), Math.max(...shown.map((candle) => candle.high))];
    const text = [low, high].map((price) => formatDecimal(price.toFixed(decimals()))).join(" and ");
    const label = `${store.selected}, candles of ${store.interval}, between ${text}`;
    if (canvas.ariaLabel !== label) canvas.ariaLabel = label;
  }

  function decimals() {
    return store.symbols.find(({ symbol }) => symbol === store.selected)?.price_decimals ?? 2;
  }

  function recolor() {
    colors = readColors();
    store.touch("candles");
  }

  const resized = new ResizeObserver(() => store.touch("candles"));
  resized.observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor, listening);
  canvas.addEventListener("pointermove", (event) => ((pointer = event.offsetX), store.touch("candles")), listening);
  canvas.addEventListener("pointerleave", () => ((pointer = null), store.touch("candles")), listening);
  import.meta.hot?.on("vite:afterUpdate", recolor);
  buildIntervals();

  return {
    draw(changed) {
      if (changed.has("quotes") || changed.has("selected")) drawHeadline();
      if (changed.has("selected")) {
        for (const button of intervals.children) button.ariaPressed = String(button.textContent === store.interval);
      }
      if (changed.has("candles") || changed.has("selected")) drawChart();
    },
    destroy() {
      listening.abort();
      resized.disconnect();
    },
  };
}
