"""Speaks to the supervisor over its control socket. Blocking and small: a command asks and is done."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from devstack.errors import ControlError, NotRunningError, UsageError
from devstack.machine import system
from devstack.supervisor.control.methods import INVALID_PARAMETERS, PROTOCOL
from devstack.supervisor.run_folder.paths import run_folder, socket_path
from devstack.supervisor.run_folder.record import Record, running_record

CONNECT_TIMEOUT = 5.0
LONGEST_TIMEOUT = 1e6  # poll(2) counts milliseconds in an int
ANSWER_WITHIN = 10.0
"""Seconds within which a supervisor that is well has answered what takes no time."""


class ControlClient:
    """One connection to the supervisor of `record`. Raises NotRunningError, ControlError."""

    def __init__(self, record: Record) -> None:
        self._pid = record.supervisor.pid
        self._token = record.token
        self._id = 0
        self._rest = b""
        try:
            self._socket = _connect(record)
        except OSError as error:
            raise ControlError(
                f"the supervisor (pid {record.supervisor.pid}) does not answer: {error.strerror or error}",
                hint="`devstack down` stops the stack without it",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, method: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Send a request; return its id."""
        self._id += 1
        given = {**(parameters or {}), **({"token": self._token} if self._token else {})}
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": given}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise ControlError(f"the supervisor hung up: {error}") from error
        return self._id

    def greet(self) -> bool:
        """Say whether the supervisor speaks the protocol that we speak. Raises ControlError."""
        protocol: int = self.call("hello", within=CONNECT_TIMEOUT)["protocol"]
        return protocol == PROTOCOL

    def call(
        self, method: str, parameters: Mapping[str, Any] | None = None, *, within: float = ANSWER_WITHIN
    ) -> dict[str, Any]:
        """Ask and return the result, for which the supervisor may take `within` seconds.

        What comes before it is passed over.
        """
        identity = self.send(method, parameters)
        for message in self.messages(within):
            if message.get("id") == identity:
                return result_of(message)
        raise ControlError("the supervisor hung up before it answered")

    def messages(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield what comes until the supervisor hangs up. ControlError after `timeout` silent seconds."""
        self._socket.settimeout(None if timeout is None else min(timeout, LONGEST_TIMEOUT))
        while True:
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                yield json.loads(line)
            try:
                chunk = self._socket.recv(65536)
            except ConnectionResetError:
                return
            except TimeoutError:
                raise ControlError(
                    f"the supervisor (pid {self._pid}) has not answered for {timeout:g} s",
                    hint="`devstack down` stops the stack without it",
                ) from None
            if not chunk:
                return
            self._rest += chunk


def _connect(record: Record) -> socket.socket:
    if record.port is not None:
        return socket.create_connection(("127.0.0.1", record.port), CONNECT_TIMEOUT)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Not settimeout: a connect that may not block fails at once while many others connect (unix(7), EAGAIN).
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(CONNECT_TIMEOUT), 0))
    before = os.getcwd()
    try:
        # By its short name from within its folder: a socket's path may have 107 bytes, a project's more.
        os.chdir(run_folder(record.project))
        connection.connect(os.path.basename(socket_path(record.project)))
        peer = system.peer_user(connection)
        if peer not in (None, system.user_id(), 0):
            raise PermissionError("the control socket is another user's")
    except OSError:
        connection.close()
        raise
    finally:
        os.chdir(before)
    return connection


def result_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a response. Raises UsageError for wrong parameters, else ControlError."""
    error = message.get("error")
    if error is None:
        result: dict[str, Any] = message["result"]
        return result
    if error["code"] == INVALID_PARAMETERS:
        what, _, hint = error["message"].partition("\n")
        raise UsageError(what, hint=hint)
    raise ControlError(error["message"])


def connect(project: str) -> ControlClient:
    """Return a connection to the supervisor of the stack that runs in `project`. Raises NotRunningError."""
    record = running_record(project)
    if record is None:
        raise NotRunningError(f"no stack is running in {project}", hint="`devstack up -d` starts it")
    client = ControlClient(record)
    if client.greet():
        return client
    client.close()
    raise ControlError(
        "the stack that runs here was started by another version of devstack, which speaks another protocol",
        hint="`devstack down` stops it all the same",
    )
