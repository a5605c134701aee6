"""Tells a command line that a shell would only split at its blanks and execute.

Such a service is executed directly: the shell would be one more process, and half of the time of its start
(docs/decisions/0011-plain-commands.md). Whatever is not certain is the shell's.
"""

from __future__ import annotations

import string

_PLAIN = frozenset(string.ascii_letters + string.digits + "_-+./:,@%=" + " \t")
"""Characters that mean nothing to a shell. `=` and `%` do, but only in a command's first word."""

# XCU 2.4 reserved words, 2.14 special built-ins, and what dash, bash, ksh and zsh have built in besides.
_WORDS = """
case do done elif else esac fi for function if in select then time until while coproc foreach repeat
. : break continue eval exec exit export readonly return set shift source times trap unset
alias autoload bg bind builtin caller cd chdir command compgen complete compopt declare dirs disable
disown echo emulate enable false fc fg float functions getopts hash help hist history integer jobs kill
let local log logout mapfile nameref noglob print printf pushd popd pwd read readarray sched setopt shopt
suspend test true type typeset ulimit umask unalias unfunction unsetopt wait whence where zmodload
"""
_SHELL_WORDS = frozenset(_WORDS.split())


def plain_words(command: str) -> list[str] | None:
    """Return the words of a command line that needs no shell; None where a shell might have a part in it.

    `exec` before a program is what the caller does anyway, and left out.
    """
    if not _PLAIN.issuperset(command):
        return None
    words = command.split()
    executed = words[:1] == ["exec"]
    if executed:
        del words[0]
    if not words or words[0][0] in "-+" or "=" in words[0] or "%" in words[0]:
        return None
    return words if executed or words[0] not in _SHELL_WORDS else None
