import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const allowedHosts = (process.env.ALLOWED_HOSTS ?? '').split(',').map((name) => name.trim().toLowerCase());
const frontendPort = process.env.NODE_ENV === 'production' ? undefined : process.env.FRONTEND_PORT || '3000';

/**
 * Why this request may not talk to us, or undefined where it may.
 *
 * The browser lets a page of any site open a WebSocket to us, and Vite's proxy does not look at Origin
 * either, so we do. The Host check stops a site that points its own name at 127.0.0.1 (DNS rebinding).
 */
export function whyRefused({ headers }: IncomingMessage): string | undefined {
  const host = parse(`http://${headers.host}`);
  if (!host || !isAllowedHost(host.hostname)) return `Host ${headers.host} is not allowed`;
  if (headers.origin === undefined) return undefined; // not a browser
  const origin = parse(headers.origin);
  return origin && isOwnPage(origin, host) ? undefined : `Origin ${headers.origin} is not allowed`;
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

function isAllowedHost(name: string): boolean {
  return LOOPBACK.includes(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0 || allowedHosts.includes(name);
}

/** The page came from this server or, in development, from Vite on the same machine. */
function isOwnPage(origin: URL, host: URL): boolean {
  const sameName =
    origin.hostname === host.hostname || (LOOPBACK.includes(origin.hostname) && LOOPBACK.includes(host.hostname));
  return sameName && (origin.port === host.port || origin.port === frontendPort);
}
