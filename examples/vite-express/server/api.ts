// Development: the Express API on a port of its own. Vite proxies /api to it.
import { createServer } from 'node:http';
import { createApp } from './app';
import { listen, onStop } from './listen';

const httpServer = createServer(createApp());
listen(httpServer, 'PORT', 5000, 'api');
onStop(() => httpServer.close());
