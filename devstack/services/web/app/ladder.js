// The order book of the chosen market: best prices in the middle, a bar for what waits at each.

import { formatDecimal } from "./format.js";

const LEVELS = 10;

export function createLadder(store) {
  const table = document.getElementById("ladder");
  const asks = fill(table.querySelector(".asks"));
  const bids = fill(table.querySelector(".bids"));
  const middle = table.querySelector(".middle td");

  function fill(body) {
    const rows = Array.from({ length: LEVELS }, () => {
      const row = document.createElement("tr");
      const cells = [document.createElement("td"), document.createElement("td")];
      row.append(...cells);
      return { row, cells };
    });
    body.replaceChildren(...rows.map(({ row }) => row));
    return rows;
  }

  function drawSide(rows, levels, largest) {
    rows.forEach(({ row, cells }, index) => {
      const [price, size] = levels[index] ?? ["", ""];
      cells[0].textContent = price && formatDecimal(price);
      cells[1].textContent = size && formatDecimal(size);
      row.style.setProperty("--depth", size ? `${((100 * Number(size)) / largest).toFixed(1)}%` : "0%");
    });
  }

  function draw(changed) {
    if (!changed.has("books") && !changed.has("selected")) return;
    const book = store.books.get(store.selected);
    const levels = { asks: book?.asks ?? [], bids: book?.bids ?? [] };
    const largest = Math.max(1e-12, ...[...levels.asks, ...levels.bids].map(([, size]) => Number(size)));
    drawSide(asks, levels.asks.toReversed(), largest);
    drawSide(bids, levels.bids, largest);
    const decimals = book?.asks[0]?.[0].split(".")[1]?.length ?? 0;
    const spread = book ? Number(book.asks[0][0]) - Number(book.bids[0][0]) : null;
    middle.textContent = spread === null ? "–" : `spread ${spread.toFixed(decimals)}`;
  }

  return { draw, destroy() {} };
}
