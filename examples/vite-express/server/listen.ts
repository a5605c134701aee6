import type { Server } from 'node:http';

/** Listen on the port that `variable` names, on this machine alone unless HOST says otherwise. */
export function listen(server: Server, variable: string, fallback: number, name: string): void {
  const port = Number(process.env[variable] || fallback);
  const host = process.env.HOST || '127.0.0.1';
  server.once('error', (error) => {
    console.error(`[${name}] cannot listen on ${host}:${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, host, () => console.log(`[${name}] listening on ${host}:${port}`));
}

/** Close what is open when we are asked to stop, so that the process ends by itself. */
export function onStop(stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
}
