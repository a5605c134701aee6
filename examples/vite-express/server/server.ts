// Production: one process and one port for the built page, the API and the trading WebSocket.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { createApp } from './app';
import { listen, onStop } from './listen';
import { WebSocketService } from './websocket-service';

const client = fileURLToPath(new URL('../client', import.meta.url));
const app = createApp();
// Vite puts a checksum into these names: what has been fetched once never changes.
app.use('/assets', express.static(`${client}/assets`, { immutable: true, maxAge: '1y' }), (_request, response) => {
  response.sendStatus(404); // a missing file is missing, not the page
});
app.use(express.static(client));
app.get('/{*route}', (_request, response) => response.sendFile('index.html', { root: client }));

const httpServer = createServer(app);
const wsService = new WebSocketService(httpServer);
listen(httpServer, 'PORT', 5000, 'server');
onStop(() => {
  wsService.close();
  httpServer.close();
});
