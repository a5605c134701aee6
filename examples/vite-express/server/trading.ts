// Development: a separate HTTP server for the trading WebSocket, so that restarting the frontend or the
// API leaves its connections alone.
import { createServer } from 'node:http';
import { listen, onStop } from './listen';
import { WebSocketService } from './websocket-service';

const wsServer = createServer((_request, response) => response.writeHead(426).end('This is a WebSocket: /api/ws\n'));
const wsService = new WebSocketService(wsServer);
listen(wsServer, 'WS_PORT', 3001, 'trading');
onStop(() => {
  wsService.close();
  wsServer.close();
});
