import { PATH } from '../../shared/protocol';

/**
 * Where the trading socket is.
 *
 * Development: ws://localhost:3001/api/ws, a port of its own.
 * Production:  ws://current-host:current-port/api/ws (wss under https).
 */
export function tradingUrl(page: Location): string {
  if (import.meta.env.DEV) return `ws://${page.hostname}:${__WS_PORT__}${PATH}`;
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}${PATH}`;
}
