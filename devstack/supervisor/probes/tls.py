"""TLS over a connection, for wss. Imported by nobody but the checks: ssl costs a supervisor 4 MB."""

from __future__ import annotations

import asyncio
import ssl

from devstack.supervisor.probes.connection import RECEIVE_SIZE, PlainConnection


class TlsConnection:
    """A connection inside TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        return await self._reader.read(RECEIVE_SIZE)

    def close(self) -> None:
        self._writer.transport.abort()


async def start_tls(plain: PlainConnection, host: str) -> TlsConnection:
    """Shake hands inside `plain`, which is then used up; the certificate must be trusted and name `host`.

    ssl.SSLError, OSError: it did not come about.
    """
    raw = plain.release()
    try:
        reader, writer = await asyncio.open_connection(
            sock=raw, ssl=ssl.create_default_context(), server_hostname=host
        )
    except BaseException:
        raw.close()
        raise
    return TlsConnection(reader, writer)


def tls_words(error: ssl.SSLError) -> str:
    """Return why TLS did not come about, in a person's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"no TLS handshake: {reason}"
