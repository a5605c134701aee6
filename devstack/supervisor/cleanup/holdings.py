"""What a run holds by number, as the supervisor tells it to the keeper: one message a line.

b"+<pid>\\n"     a main process, and with it a process group of that number, has started
b"-<pid>\\n"     that group is gone
b"><number>\\n"  a service's output comes through the pipe of that number
b"<<number>\\n"  that pipe has ended: nobody holds an end of it any more
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Holdings:
    """What is the run's by number: the process groups that run, and the pipes of their output."""

    groups: set[int] = field(default_factory=set)
    pipes: set[int] = field(default_factory=set)

    def take(self, message: bytes) -> None:
        """Change as `message` says."""
        number = int(message[1:])
        match message[:1]:
            case b"+":
                self.groups.add(number)
            case b"-":
                self.groups.discard(number)
            case b">":
                self.pipes.add(number)
            case b"<":
                self.pipes.discard(number)

    def messages(self) -> list[bytes]:
        """Return the messages that tell somebody new all of it."""
        return [*(b"+%d\n" % group for group in self.groups), *(b">%d\n" % pipe for pipe in self.pipes)]
