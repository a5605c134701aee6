import { useSyncExternalStore } from 'react';
import type { TradingState } from './connection';
import { trading } from './live';

/** The connection's state, and a new rendering with each change of it. */
export function useTrading(): TradingState {
  return useSyncExternalStore(trading.subscribe, () => trading.state);
}
