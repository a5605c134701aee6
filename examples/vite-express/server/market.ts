import type { Quote } from '../shared/protocol';

const DAY = 24 * 60 * 60 * 1000;

// Symbol, price about which it moves, digits behind the point.
const MARKETS: [string, number, number][] = [
  ['BTC-USD', 64800, 2],
  ['ETH-USD', 3120, 2],
  ['SOL-USD', 148.4, 2],
  ['XRP-USD', 0.5271, 4],
  ['ADA-USD', 0.4418, 4],
];

export const SYMBOLS = MARKETS.map(([symbol]) => symbol);

/**
 * The quotes of `symbols` at `time` (milliseconds since 1970) in a simulated market.
 *
 * They depend on nothing but the clock, so the API and the trading process agree without talking.
 */
export function quotesAt(time: number, symbols: Iterable<string> = SYMBOLS): Quote[] {
  const wanted = new Set(symbols);
  return MARKETS.flatMap(([symbol, middle, digits], index) => {
    if (!wanted.has(symbol)) return [];
    const price = middle * (1 + deviation(time, index));
    const open = middle * (1 + deviation(time - (time % DAY), index));
    return {
      symbol,
      price: price.toFixed(digits),
      bid: (price * 0.9999).toFixed(digits),
      ask: (price * 1.0001).toFixed(digits),
      size: (0.05 + 0.04 * Math.sin(time / 700 + index)).toFixed(5),
      side: deviation(time, index) > deviation(time - 250, index) ? 'buy' : 'sell',
      open: open.toFixed(digits),
      change_percent: ((price / open - 1) * 100).toFixed(2),
      time: new Date(time).toISOString(),
    };
  });
}

/** How far a price is from its middle: slow and quick waves, out of step from market to market. */
function deviation(time: number, index: number): number {
  const seconds = (time % DAY) / 1000;
  const wave = (period: number, height: number) => height * Math.sin((seconds / period) * 2 * Math.PI + index * 1.7);
  return wave(3571, 0.02) + wave(97, 0.004) + wave(13, 0.001) + wave(2.9, 0.0004);
}
