import type { BotMessage, ClientMessage, Quote, ServerMessage } from '../../shared/protocol';

const FIRST_WAIT = 500; // milliseconds
const LONGEST_WAIT = 10_000;
const KEPT_PRICES = 240; // a minute of them
const KEPT_BOT_MESSAGES = 10;

export interface Watched extends Quote {
  prices: readonly number[]; // oldest first
}

export interface TradingState {
  status: 'connecting' | 'live' | 'polling' | 'offline';
  connection: string; // the server's name for this connection
  since: number; // when it was made, milliseconds since 1970
  watched: Readonly<Record<string, Watched>>;
  bots: readonly BotMessage[]; // newest first
}

/** The trading WebSocket: connects, comes back after a loss, and tells its listeners each new state. */
export class TradingConnection {
  state: TradingState = { status: 'connecting', connection: '', since: 0, watched: {}, bots: [] };
  private socket: WebSocket | undefined;
  private failures = 0;
  private readonly listeners = new Set<() => void>();

  constructor(readonly url: string) {
    this.open();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  say(text: string): void {
    this.send({ type: 'bot', text });
  }

  private open(): void {
    console.info(`[trading] ${import.meta.env.DEV ? 'dev' : 'prod'}: connecting to ${this.url}`);
    this.socket = new WebSocket(this.url);
    this.socket.onmessage = (event) => this.receive(JSON.parse(String(event.data)) as ServerMessage);
    this.socket.onclose = (event) => void this.lost(event.code);
  }

  private async lost(code: number): Promise<void> {
    // Full jitter, so that a thousand pages do not all come back at once.
    const wait = Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures++);
    console.warn(`[trading] closed with ${code}, connecting again in ${Math.round(wait)} ms`);
    setTimeout(() => this.open(), wait);
    this.change({ status: 'offline', connection: '' });
    await this.poll();
  }

  /** Without a socket, ask the API once for each attempt to get one. */
  private async poll(): Promise<void> {
    const response = await fetch('/api/quotes').catch(() => undefined);
    if (!response?.ok || this.state.status === 'live') return;
    const { quotes } = (await response.json()) as { quotes: Quote[] };
    this.change({ status: 'polling', watched: this.watch(quotes) });
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private receive(message: ServerMessage): void {
    switch (message.type) {
      case 'hello':
        this.failures = 0;
        console.info(`[trading] live as connection ${message.connection}`);
        this.change({ status: 'live', connection: message.connection, since: Date.now() });
        this.send({ type: 'subscribe', channel: 'quotes', symbols: message.symbols });
        this.send({ type: 'subscribe', channel: 'bots' });
        break;
      case 'snapshot':
        if (message.channel === 'bots') this.change({ bots: message.messages.reverse().slice(0, KEPT_BOT_MESSAGES) });
        else this.change({ watched: this.watch(message.quotes) });
        break;
      case 'update':
        this.change({ watched: this.watch(message.quotes) });
        break;
      case 'bot':
        this.change({ bots: [message, ...this.state.bots].slice(0, KEPT_BOT_MESSAGES) });
        break;
      case 'error':
        console.error(`[trading] ${message.code}: ${message.message}`);
        break;
    }
  }

  private watch(quotes: Quote[]): Record<string, Watched> {
    const watched = { ...this.state.watched };
    for (const quote of quotes) {
      const before = watched[quote.symbol]?.prices ?? [];
      watched[quote.symbol] = { ...quote, prices: [...before, Number(quote.price)].slice(-KEPT_PRICES) };
    }
    return watched;
  }

  private change(part: Partial<TradingState>): void {
    this.state = { ...this.state, ...part };
    for (const listener of this.listeners) listener();
  }
}
