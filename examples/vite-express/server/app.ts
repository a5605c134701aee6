import express, { type Express } from 'express';
import { SYMBOLS, quotesAt } from './market';
import { whyRefused } from './origin';

/** The REST API, the same in development and production. */
export function createApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    const reason = whyRefused(request);
    if (reason) response.status(403).json({ error: reason });
    else next();
  });
  app.get('/api/health', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/api/symbols', (_request, response) => {
    response.json({ symbols: SYMBOLS });
  });
  app.get('/api/quotes', (_request, response) => {
    response.json({ quotes: quotesAt(Date.now()) });
  });
  app.use('/api', (request, response) => {
    response.status(404).json({ error: `no ${request.method} ${request.originalUrl} here` });
  });
  return app;
}
