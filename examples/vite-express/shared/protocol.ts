/**
 * What goes over the trading WebSocket: one JSON object a message, `docs/trading-protocol.md` of devstack.
 *
 * This is the plain part of it: quotes and bots, no order books, and a new snapshot instead of resuming.
 */

export const PATH = '/api/ws';
export const PROTOCOL = 1;

export interface Quote {
  symbol: string;
  price: string; // decimal digits, as a float would round them
  bid: string;
  ask: string;
  size: string;
  side: 'buy' | 'sell';
  open: string; // the first price of the UTC day
  change_percent: string; // since then
  time: string; // ISO 8601, UTC
}

export interface BotMessage {
  type: 'bot';
  seq: number;
  from: string; // the sender's name, or its connection where it has none
  connection: string; // the sender's
  to: string | null; // a name or a connection; null: everybody
  text: string;
  time: string;
}

export type ServerMessage =
  | {
      type: 'hello';
      protocol: number;
      connection: string;
      session: string;
      heartbeat_s: number;
      tick_ms: number;
      symbols: string[];
      channels: string[];
    }
  | { type: 'snapshot'; channel: 'quotes'; session: string; seq: number; quotes: Quote[] }
  | { type: 'snapshot'; channel: 'bots'; session: string; seq: number; messages: BotMessage[]; gap: boolean }
  | { type: 'update'; channel: 'quotes'; seq: number; quotes: Quote[] }
  | { type: 'unsubscribed'; channel: string; symbols: string[] }
  | BotMessage
  | { type: 'pong'; id: string | number | null }
  | { type: 'error'; code: string; message: string };

export type ClientMessage =
  | { type: 'subscribe'; channel: 'quotes'; symbols?: string[] }
  | { type: 'subscribe'; channel: 'bots'; name?: string }
  | { type: 'unsubscribe'; channel: 'quotes' | 'bots'; symbols?: string[] }
  | { type: 'bot'; text: string; to?: string }
  | { type: 'ping'; id?: string | number };
