/** What goes over the trading WebSocket: one JSON object a message. */

export const PATH = '/api/ws';
export const PROTOCOL = 1;

export interface Quote {
  symbol: string;
  price: string; // decimal, as a float would round it
  time: string; // ISO 8601, UTC
}

export type ClientMessage =
  | { type: 'subscribe'; channel: 'quotes'; symbols: string[] }
  | { type: 'subscribe'; channel: 'bots' }
  | { type: 'bot'; text: string }
  | { type: 'ping' };

export type ServerMessage =
  | { type: 'hello'; protocol: number; connection: string }
  | { type: 'snapshot'; channel: 'quotes'; seq: number; quotes: Quote[] }
  | { type: 'update'; channel: 'quotes'; seq: number; quotes: Quote[] }
  | BotMessage
  | { type: 'pong' }
  | { type: 'error'; code: string; message: string };

export interface BotMessage {
  type: 'bot';
  from: string; // the sender's connection
  text: string;
}

/** Read a client's message; undefined for what is none. */
export function parseClientMessage(text: string): ClientMessage | undefined {
  const message = parseObject(text);
  const { type, channel, symbols } = message;
  if (type === 'ping') return { type };
  if (type === 'bot' && typeof message.text === 'string') return { type, text: message.text };
  if (type === 'subscribe' && channel === 'bots') return { type, channel };
  if (type === 'subscribe' && channel === 'quotes' && isStrings(symbols)) return { type, channel, symbols };
  return undefined;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
