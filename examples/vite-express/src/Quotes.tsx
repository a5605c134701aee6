import type { Watched } from './trading/connection';

/** The watch list: last price, change of the day, and the prices of the last minute as a line. */
export function Quotes({ watched }: { watched: Watched[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th>Symbol</th>
          <th className="number">Price</th>
          <th className="number">Today</th>
          <th>Last minute</th>
        </tr>
      </thead>
      <tbody>
        {watched.map((row) => (
          <Row key={row.symbol} {...row} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ symbol, price, change_percent, prices }: Watched) {
  const change = Number(change_percent);
  const direction = change >= 0 ? 'up' : 'down';
  return (
    <tr>
      <th scope="row">{symbol}</th>
      <td className="number" data-testid={`price-${symbol}`}>
        {price}
      </td>
      <td className={`number ${direction}`}>
        {change >= 0 ? '+' : '−'}
        {Math.abs(change).toFixed(2)} %
      </td>
      <td>
        <Line prices={prices} className={direction} />
      </td>
    </tr>
  );
}

function Line({ prices, className }: { prices: readonly number[]; className: string }) {
  const low = Math.min(...prices);
  const height = Math.max(...prices) - low || 1;
  const points = prices.map((price, index) => {
    const x = (index / Math.max(prices.length - 1, 1)) * 100;
    return `${x.toFixed(2)},${(22 - ((price - low) / height) * 20).toFixed(2)}`;
  });
  return (
    <svg viewBox="0 0 100 24" preserveAspectRatio="none" className={className} aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  );
}
