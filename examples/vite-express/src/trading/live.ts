import { TradingConnection } from './connection';
import { tradingUrl } from './url';

// Here, not in a component: React mounts and unmounts those, and hot replacement swaps them.
// This module is not swapped when they are, so the one connection stays open.
export const trading = new TradingConnection(tradingUrl(window.location));

// Only a change of the connection's own code needs a new connection: load the page again.
import.meta.hot?.accept(() => window.location.reload());
