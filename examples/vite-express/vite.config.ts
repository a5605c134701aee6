import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

function port(variable: string, fallback: number): number {
  return Number(process.env[variable] || fallback);
}

const HOST = process.env.HOST || '127.0.0.1';
const EVERYWHERE = HOST === '0.0.0.0' || HOST === '::';
const NEAR = EVERYWHERE ? '127.0.0.1' : HOST; // where the other services are, seen from here
const WS_PORT = port('WS_PORT', 3001);

export default defineConfig({
  plugins: [react()],
  // The page learns where the trading socket is from here, not from guessing.
  define: { __WS_PORT__: WS_PORT },
  build: { outDir: 'dist/client' },
  server: {
    host: HOST,
    port: port('FRONTEND_PORT', 3000), // Frontend dev server
    strictPort: true, // else a taken 3000 makes Vite slide to 3001, the trading socket's port
    ws: {
      port: port('HMR_PORT', 3002), // Vite HMR WebSocket; up to Vite 8.0 this was `hmr: { port }`
      // Left out, Vite opens this port to the whole network. The page is told this address too, and no
      // page can connect to 0.0.0.0, so where everywhere is meant it has to be left out.
      host: EVERYWHERE ? undefined : HOST,
    },
    proxy: {
      // The first rule that fits wins: '/api' first would send the trading socket to Express.
      '/api/ws': { target: `ws://${NEAR}:${WS_PORT}`, ws: true },
      '/api': { target: `http://${NEAR}:${port('PORT', 5000)}` },
    },
  },
});
