// The list of markets: a listbox, so arrow keys, Home, End and letters choose.

import { formatChange, formatDecimal, signOf } from "./format.js";

export function createWatchList(store, actions) {
  const list = document.getElementById("watch-list");
  const rows = new Map(); // symbol -> { item, price, change, shown }
  const listening = new AbortController();

  function build() {
    rows.clear();
    list.replaceChildren(...store.symbols.map(({ symbol, title }) => {
      const item = document.createElement("li");
      item.id = `option-${symbol}`;
      item.role = "option";
      item.dataset.symbol = symbol;
      const [, name, price, change] = ["symbol", "title", "price", "change"].map((kind) => {
        const part = document.createElement("span");
        part.className = kind;
        item.append(part);
        return part;
      });
      item.firstChild.textContent = symbol;
      name.textContent = title;
      price.textContent = "–";
      rows.set(symbol, { item, price, change, shown: null });
      return item;
    }));
  }

  function drawSelection() {
    for (const [symbol, { item }] of rows) item.ariaSelected = String(symbol === store.selected);
    const chosen = rows.get(store.selected)?.item;
    if (!chosen) return;
    list.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function drawQuotes() {
    for (const [symbol, row] of rows) {
      const quote = store.quotes.get(symbol);
      if (!quote || quote === row.shown) {
        if (row.price.dataset.tick) row.price.dataset.tick = "";
        continue;
      }
      row.shown = quote;
      row.price.textContent = formatDecimal(quote.price);
      row.price.dataset.tick = store.ticks.get(symbol) ?? "";
      row.change.textContent = formatChange(quote.change_percent);
      row.change.dataset.sign = signOf(quote.change_percent);
    }
  }

  function move(event) {
    const names = store.symbols.map(({ symbol }) => symbol);
    const at = names.indexOf(store.selected);
    const steps = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 };
    const isLetter = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
    const byLetter = (name) => name.toLowerCase().startsWith(event.key.toLowerCase());
    const target = isLetter ? names.find(byLetter) : names[Math.min(Math.max(steps[event.key], 0), names.length - 1)];
    if (!target) return;
    event.preventDefault();
    actions.select(target);
  }

  function choose(event) {
    const symbol = event.target.closest("li")?.dataset.symbol;
    if (symbol) actions.select(symbol);
  }

  list.addEventListener("keydown", move, listening);
  list.addEventListener("click", choose, listening);
  build();

  return {
    draw(changed) {
      if (changed.has("symbols")) build();
      if (changed.has("symbols") || changed.has("selected")) drawSelection();
      if (changed.has("symbols") || changed.has("quotes")) drawQuotes();
    },
    destroy: () => listening.abort(),
  };
}
