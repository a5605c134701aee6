import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { PATH, PROTOCOL, parseClientMessage, type ServerMessage } from '../shared/protocol';
import { SYMBOLS } from '../shared/symbols';
import { quoteAt } from './market';
import { whyRefused } from './origin';

const TICK = 250; // milliseconds between updates
const SLOW = 64 * 1024; // bytes that a reader may lag behind before it misses updates
const SERVICE_RESTART = 1012; // the close code that says: come back

interface Client {
  id: string;
  symbols: string[];
  bots: boolean;
  seq: number;
}

/** The trading WebSocket at /api/ws of `server`: one of its own in development, the only one in production. */
export class WebSocketService {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 });
  private readonly clients = new Map<WebSocket, Client>();
  private readonly clock = setInterval(() => this.tick(), TICK);

  constructor(server: Server) {
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  close(): void {
    clearInterval(this.clock);
    for (const socket of this.clients.keys()) socket.close(SERVICE_RESTART, 'the server stops');
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const reason = whyRefused(request);
    if (reason) refuse(socket, '403 Forbidden', reason);
    else if (request.url?.split('?')[0] !== PATH) refuse(socket, '404 Not Found', `the WebSocket is at ${PATH}`);
    else this.sockets.handleUpgrade(request, socket, head, (accepted) => this.welcome(accepted));
  }

  private welcome(socket: WebSocket): void {
    const client: Client = { id: randomBytes(4).toString('hex'), symbols: [], bots: false, seq: 0 };
    this.clients.set(socket, client);
    console.log(`[trading] ${client.id} connected, ${this.clients.size} open`);
    socket.on('message', (data) => this.receive(socket, client, String(data)));
    socket.on('error', (error) => console.log(`[trading] ${client.id}: ${error.message}`));
    socket.on('close', (code) => {
      this.clients.delete(socket);
      console.log(`[trading] ${client.id} closed with ${code}, ${this.clients.size} open`);
    });
    send(socket, { type: 'hello', protocol: PROTOCOL, connection: client.id });
  }

  private receive(socket: WebSocket, client: Client, text: string): void {
    const message = parseClientMessage(text);
    if (message?.type === 'ping') {
      send(socket, { type: 'pong' });
    } else if (message?.type === 'bot') {
      this.relay({ type: 'bot', from: client.id, text: message.text });
    } else if (message?.channel === 'bots') {
      client.bots = true;
    } else if (message?.channel === 'quotes') {
      this.watch(socket, client, message.symbols);
    } else {
      send(socket, { type: 'error', code: 'bad-message', message: `not a message of protocol ${PROTOCOL}` });
    }
  }

  private watch(socket: WebSocket, client: Client, symbols: string[]): void {
    client.symbols = symbols.filter((symbol) => SYMBOLS.includes(symbol));
    send(socket, { type: 'snapshot', channel: 'quotes', seq: client.seq, quotes: quotesNow(client) });
  }

  private relay(message: ServerMessage): void {
    for (const [socket, client] of this.clients) if (client.bots) send(socket, message);
  }

  private tick(): void {
    for (const [socket, client] of this.clients) {
      // The newest price is all that counts: a slow reader skips those before it.
      if (client.symbols.length === 0 || socket.bufferedAmount > SLOW) continue;
      client.seq += 1;
      send(socket, { type: 'update', channel: 'quotes', seq: client.seq, quotes: quotesNow(client) });
    }
  }
}

function quotesNow(client: Client) {
  const now = Date.now();
  return client.symbols.map((symbol) => quoteAt(symbol, now));
}

function refuse(socket: Duplex, status: string, reason: string): void {
  const head = ['Connection: close', 'Content-Type: text/plain', `Content-Length: ${Buffer.byteLength(reason)}`];
  socket.end(`HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\n\r\n${reason}`);
}

function send(socket: WebSocket, message: ServerMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
