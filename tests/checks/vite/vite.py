"""Small projects around the real Vite, and small trading servers beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devstack.checks.attempts import fetch
from tests.node_project import HandMadeStack
from tests.waiting import until

VITE = ("node_modules/.bin/vite",)
PAGE = '<!doctype html><title>page</title><script type="module" src="/main.js"></script>'

TRADING = """
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
const server = createServer((_, response) => response.writeHead(404).end('no page here'));
const sockets = new WebSocketServer({ noServer: true });
const page = process.env.PAGE_ORIGIN;
server.on('upgrade', (request, socket, head) => {
  const refuse = (status) => socket.end(`HTTP/1.1 ${status}\\r\\nContent-Length: 0\\r\\n\\r\\n`);
  if (request.url !== (process.env.WS_PATH ?? '/api/ws')) return refuse('404 Not Found');
  if (page && request.headers.origin && request.headers.origin !== page) return refuse('403 Forbidden');
  sockets.handleUpgrade(request, socket, head, (ws) => ws.send('{"type":"hello"}'));
});
server.listen(Number(process.env.WS_PORT), process.env.LISTEN_ON ?? '127.0.0.1');
"""

API = """
import express from 'express';
const app = express();
app.use((request, response) => response.status(404).json({ error: `no ${request.url} in the API` }));
app.listen(Number(process.env.PORT), '127.0.0.1');
"""


def write_project(folder: Path, node_modules: Path, server: str) -> Path:
    """Write a Vite project whose `server` options are the JavaScript object `server`, and both servers."""
    folder.mkdir(exist_ok=True)
    (folder / "node_modules").symlink_to(node_modules)
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    (folder / "index.html").write_text(PAGE)
    (folder / "main.js").write_text("console.log('page')\n")
    (folder / "vite.config.js").write_text(f"export default {{ cacheDir: '.vite', server: {server} }}\n")
    (folder / "trading.js").write_text(TRADING)
    (folder / "api.js").write_text(API)
    return folder


def start_vite(stack: HandMadeStack, port: int, service: str = "frontend") -> None:
    """Start Vite as `service`; return when its page has come: the first one may take it seconds."""
    stack.start(service, VITE, port=port)
    until(lambda: asyncio.run(fetch(port, "/", within=20)), "Vite's page", 60)
