import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { PATH, PROTOCOL, type BotMessage, type ClientMessage, type ServerMessage } from '../shared/protocol';
import { SYMBOLS, quotesAt } from './market';
import { BadMessage, readMessage } from './messages';
import { whyRefused } from './origin';

const TICK = 250; // milliseconds between updates
const HEARTBEAT = 20; // seconds
const SLOW = 64 * 1024; // bytes that a reader may lag behind before it misses updates
const KEPT = 50; // bot messages for who comes later
const SERVICE_RESTART = 1012; // the close code that says: come back
const SESSION = 'clock-1'; // the market comes from the clock alone, so it is the same after a restart

interface Client {
  id: string;
  symbols: Set<string>;
  bot: string | undefined; // its name on the channel `bots`, its id where it has none
}

/** The trading WebSocket at /api/ws of `server`: one of its own in development, the only one in production. */
export class WebSocketService {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 });
  private readonly clients = new Map<WebSocket, Client>();
  private readonly said: BotMessage[] = [];
  private readonly timers = [
    setInterval(() => this.tick(), TICK),
    setInterval(() => this.heartbeat(), HEARTBEAT * 1000),
  ];

  constructor(server: Server) {
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    for (const socket of this.clients.keys()) socket.close(SERVICE_RESTART, 'the server stops');
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const reason = whyRefused(request);
    if (reason) refuse(socket, '403 Forbidden', reason);
    else if (request.url?.split('?')[0] !== PATH) refuse(socket, '404 Not Found', `the WebSocket is at ${PATH}`);
    else this.sockets.handleUpgrade(request, socket, head, (accepted) => this.welcome(accepted));
  }

  private welcome(socket: WebSocket): void {
    const client: Client = { id: `c-${randomBytes(6).toString('hex')}`, symbols: new Set(), bot: undefined };
    this.clients.set(socket, client);
    console.log(`[trading] ${client.id} connected, ${this.clients.size} open`);
    socket.on('message', (data, isBinary) => this.receive(socket, client, data.toString(), isBinary));
    socket.on('error', (error) => console.log(`[trading] ${client.id}: ${error.message}`));
    socket.on('close', (code) => {
      this.clients.delete(socket);
      console.log(`[trading] ${client.id} closed with ${code}, ${this.clients.size} open`);
    });
    send(socket, {
      type: 'hello',
      protocol: PROTOCOL,
      connection: client.id,
      session: SESSION,
      heartbeat_s: HEARTBEAT,
      tick_ms: TICK,
      symbols: SYMBOLS,
      channels: ['quotes', 'bots'],
    });
  }

  private receive(socket: WebSocket, client: Client, text: string, isBinary: boolean): void {
    try {
      if (isBinary) throw new BadMessage('not_text', 'a message is text');
      this.carryOut(socket, client, readMessage(text));
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      send(socket, { type: 'error', code: error.code, message: error.message });
    }
  }

  private carryOut(socket: WebSocket, client: Client, message: ClientMessage): void {
    switch (message.type) {
      case 'ping':
        return send(socket, { type: 'pong', id: message.id ?? null });
      case 'bot':
        return this.relay(client, message.text, message.to ?? null);
      case 'unsubscribe':
        return this.unsubscribe(socket, client, message.channel, message.symbols);
      case 'subscribe':
        if (message.channel === 'bots') return this.joinBots(socket, client, message.name);
        return this.watch(socket, client, message.symbols ?? SYMBOLS);
    }
  }

  private watch(socket: WebSocket, client: Client, symbols: string[]): void {
    for (const symbol of symbols) client.symbols.add(symbol);
    const now = Date.now();
    const quotes = quotesAt(now, symbols);
    send(socket, { type: 'snapshot', channel: 'quotes', session: SESSION, seq: tickOf(now), quotes });
  }

  private joinBots(socket: WebSocket, client: Client, name: string | undefined): void {
    client.bot = name ?? client.id;
    const messages = this.said.filter((message) => concerns(client, message));
    const seq = this.said.at(-1)?.seq ?? 0;
    send(socket, { type: 'snapshot', channel: 'bots', session: SESSION, seq, messages, gap: false });
  }

  private unsubscribe(socket: WebSocket, client: Client, channel: 'quotes' | 'bots', symbols?: string[]): void {
    const ended = channel === 'quotes' ? (symbols ?? SYMBOLS).filter((symbol) => client.symbols.delete(symbol)) : [];
    if (channel === 'bots') client.bot = undefined;
    send(socket, { type: 'unsubscribed', channel, symbols: ended });
  }

  private relay(sender: Client, text: string, to: string | null): void {
    const seq = Math.max(Date.now(), (this.said.at(-1)?.seq ?? 0) + 1); // grows across restarts too
    const from = sender.bot ?? sender.id;
    const time = new Date().toISOString();
    const message: BotMessage = { type: 'bot', seq, from, connection: sender.id, to, text, time };
    this.said.splice(0, Math.max(0, this.said.push(message) - KEPT));
    for (const [socket, client] of this.clients) {
      if (client.bot && concerns(client, message)) send(socket, message);
    }
  }

  private tick(): void {
    const now = Date.now();
    for (const [socket, client] of this.clients) {
      // The newest price is all that counts: a slow reader skips those before it.
      if (client.symbols.size === 0 || socket.bufferedAmount > SLOW) continue;
      send(socket, { type: 'update', channel: 'quotes', seq: tickOf(now), quotes: quotesAt(now, client.symbols) });
    }
  }

  private heartbeat(): void {
    for (const socket of this.clients.keys()) socket.ping();
  }
}

function tickOf(time: number): number {
  return Math.floor(time / TICK);
}

/** Whether a bot message is for `client`: everybody's, its own, or addressed to it. */
function concerns(client: Client, { to, connection }: BotMessage): boolean {
  return to === null || connection === client.id || to === client.id || to === client.bot;
}

function refuse(socket: Duplex, status: string, reason: string): void {
  const head = ['Connection: close', 'Content-Type: text/plain', `Content-Length: ${Buffer.byteLength(reason)}`];
  socket.end(`HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\n\r\n${reason}`);
}

function send(socket: WebSocket, message: ServerMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
