/** The trading socket's port in development; vite.config.ts sets it. */
declare const __WS_PORT__: number;
