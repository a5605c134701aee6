"""Every error that devstack expects, with the exit code and the hint that belong to it.

    DevstackError                 1  something that was claimed does not hold
    ├── UsageError                2  the command line does not fit: an unknown service, option or value
    ├── PortTakenError            3  a port that the stack needs is held by somebody else
    ├── ConfigError               4  a file or a variable is wrong; says where
    ├── NotRunningError           5  no stack is running here
    ├── AlreadyRunningError       6  a stack is running here already
    ├── RunDirectoryError         1  the run directory cannot be written (full or read-only disk, rights)
    ├── ControlError              1  the supervisor does not answer, or refuses
    └── ServiceError              1  a service failed, was not ready in time, or broke its claim

An error carries plain fields. `console` puts them into words for a person and `cli` turns the class
into an exit code; nothing below `cli` prints or exits.
"""

from __future__ import annotations

from typing import ClassVar


class DevstackError(Exception):
    """An error that is the user's to mend: one message, no traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DevstackError):
    """The command line asks for something that is not there."""

    exit_code = 2


class PortTakenError(DevstackError):
    """A claimed port is held by a process that is not this stack's."""

    exit_code = 3


class ConfigError(DevstackError):
    """A file or a variable is wrong.

    `source` is the file's path as the user would write it, or `shell`; `line` counts from 1.
    """

    exit_code = 4

    def __init__(self, message: str, *, source: str = "", line: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.source = source
        self.line = line

    @property
    def location(self) -> str:
        """Return `file:line`, `file`, or nothing."""
        return f"{self.source}:{self.line}" if self.line is not None else self.source


class NotRunningError(DevstackError):
    """The command needs a running stack and there is none."""

    exit_code = 5


class AlreadyRunningError(DevstackError):
    """Another supervisor holds this project."""

    exit_code = 6


class RunDirectoryError(DevstackError):
    """The run directory cannot be used."""


class ControlError(DevstackError):
    """The supervisor did not answer, or answered with an error."""


class ServiceError(DevstackError):
    """A service failed, was not ready in time, or broke its claim."""
