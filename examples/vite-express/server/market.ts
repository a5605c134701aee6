import type { Quote } from '../shared/protocol';
import { SYMBOLS } from '../shared/symbols';

const START = [124.3, 57.8, 310.5, 18.25, 92.1];

/**
 * The simulated price of `symbol` at `time` (milliseconds since 1970).
 *
 * It depends on nothing but the clock, so the API and the trading process agree without talking.
 */
export function quoteAt(symbol: string, time: number): Quote {
  const index = SYMBOLS.indexOf(symbol);
  const start = START[index];
  if (start === undefined) throw new RangeError(`unknown symbol ${symbol}`);
  const phase = index * 1.7;
  const seconds = time / 1000;
  const drift = 0.02 * Math.sin(seconds / 97 + phase) + 0.008 * Math.sin(seconds / 13 + 2 * phase);
  const jitter = 0.002 * Math.sin(seconds * 2.3 + 5 * phase) + 0.001 * Math.sin(seconds * 7.1 + 3 * phase);
  return { symbol, price: (start * (1 + drift + jitter)).toFixed(2), time: new Date(time).toISOString() };
}
