import type { ClientMessage } from '../shared/protocol';
import { SYMBOLS } from './market';

const CHANNELS = ['quotes', 'bots'];
const BOT_NAME = /^[A-Za-z0-9_.-]{1,32}$/;
const LONGEST_TEXT = 2000;

/** Why a client's message is not carried out; `code` is one of the protocol's. */
export class BadMessage extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Read a client's message, or throw BadMessage. */
export function readMessage(text: string): ClientMessage {
  const message = parseObject(text);
  switch (message.type) {
    case 'ping':
      check(['undefined', 'string', 'number'].includes(typeof message.id), 'id is a text or a number');
      break;
    case 'bot':
      check(isText(message.text), `text has 1 to ${LONGEST_TEXT} characters`);
      check(message.to === undefined || typeof message.to === 'string', 'to is a name or a connection');
      break;
    case 'subscribe':
    case 'unsubscribe':
      checkChannel(message);
      break;
    default:
      throw new BadMessage('unknown_type', 'type is one of subscribe, unsubscribe, bot, ping');
  }
  return message as ClientMessage;
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new BadMessage('not_json', 'a message is one JSON object');
}

function checkChannel({ channel, symbols, name }: Record<string, unknown>): void {
  if (!CHANNELS.includes(channel as string)) {
    throw new BadMessage('unknown_channel', `channel is one of ${CHANNELS.join(', ')}`);
  }
  check(name === undefined || (typeof name === 'string' && BOT_NAME.test(name)), 'name is 1 to 32 of A-Za-z0-9_.-');
  if (symbols === undefined) return;
  check(Array.isArray(symbols), 'symbols is a list');
  const unknown = (symbols as unknown[]).find((symbol) => !SYMBOLS.includes(symbol as string));
  if (unknown !== undefined) {
    throw new BadMessage('unknown_symbol', `there is no ${String(unknown)}, but ${SYMBOLS.join(', ')}`);
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= LONGEST_TEXT;
}

function check(holds: boolean, words: string): void {
  if (!holds) throw new BadMessage('invalid_message', words);
}
