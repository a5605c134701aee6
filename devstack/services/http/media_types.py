"""Which media type a file name stands for; the same on every machine, whatever its own table says."""

from __future__ import annotations

import os

TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".wasm": "application/wasm",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".zip": "application/zip",
    ".gz": "application/gzip",
}
WITH_CHARSET = frozenset(
    {"text/javascript", "application/json", "application/manifest+json", "image/svg+xml"}
)
COMPRESSIBLE = WITH_CHARSET | {"application/xml", "application/wasm", "image/x-icon", "font/ttf", "font/otf"}
SCRIPTS = frozenset({".js", ".mjs"})
PAGES = frozenset({".html", ".htm"})


def extension(path: str) -> str:
    """Return the extension in lower case, with its dot."""
    return os.path.splitext(path)[1].lower()


def media_type(path: str) -> str:
    """Return the Content-Type of a file of that name; bytes of unknown kind are never guessed at."""
    kind = TYPES.get(extension(path), "application/octet-stream")
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind in WITH_CHARSET else kind


def is_compressible(path: str) -> bool:
    """Say whether gzip is worth its time for a file of that name."""
    kind = TYPES.get(extension(path), "")
    return kind.startswith("text/") or kind in COMPRESSIBLE
