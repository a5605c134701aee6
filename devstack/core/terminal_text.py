"""What a service prints → what may reach a terminal that it shares with others. No I/O.

A service believes that the terminal is its own. Here it has one line at a time, behind its prefix. What works
within a line is passed on: colours (SGR), erasing to the end of the line, moving to the right, hyperlinks. A
move to the line's beginning goes back to just behind the prefix. All else that moves, erases, scrolls,
switches to the alternate screen, sets modes, asks the terminal questions or writes to its title and clipboard
is left out: it would wipe or shift other services' lines, or outlive the service (ECMA-48; xterm's ctlseqs).
"""

from __future__ import annotations

import re
import unicodedata

RESET = b"\x1b[0m"

_LINK_END = b"\x1b]8;;\x1b\\"
_TELLTALES = (b"\x1b", b"\r", b"\x0e", b"\x0f", b"\x0b", b"\x0c", b"\x05", b"\xc2")
_CONTROL = re.compile(
    rb"""(?P<line_end> \r+ (?=\n|\Z) ) | \r           # written for a terminal; back to the line's beginning
    | [\x05\x0b\x0c\x0e\x0f]                        # answerback, other line feeds, character sets
    | \xc2\x9b [0-?]* [ -/]* [@-~]? | \xc2[\x80-\x9f] # the eight-bit controls, in UTF-8
    | \x1b\[ (?! [0-9;:]* m ) (?P<parameters>[0-?]*) [ -/]* (?P<final>[@-~])?  # CSI but for colours
    | \x1b\] [^\x07\x1b\n]* (?: \x07 | \x1b\\ )     # OSC
    | \x1b[PX^_] [^\x1b\n]* \x1b\\                  # DCS, SOS, PM, APC
    | \x1b (?!\[) [ -/]* [0-~]?                     # other escapes
    """,
    re.VERBOSE,
)
_UNFINISHED = re.compile(
    rb"""(?: \r+ | \xc2 (?: \x9b [0-?]* [ -/]* )?
    | \x1b (?: \[ [0-?]* [ -/]* | \] [^\x07\x1b\n]* \x1b? | [PX^_] [^\x1b\n]* \x1b? | [ -/]* )? ) \Z""",
    re.VERBOSE,
)
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_FAR = 100
"""A move to the left by so many columns means: to the beginning of the line."""


def lines_for_terminal(text: bytes, prefix: bytes) -> bytes:
    """Return whole lines (the last one's newline left out) as a shared terminal may have them.

    `prefix` is what stands before each line; putting it before the first one and behind the newlines is the
    caller's.
    """
    if not any(telltale in text for telltale in _TELLTALES):
        return text
    clean = _clean(text, prefix)
    if b"\x1b" not in clean:
        return clean
    # A colour or a link that was left on would reach into the next line's prefix.
    ending = RESET + _LINK_END if b"\x1b]8;" in clean else RESET
    return clean.replace(b"\n", ending + b"\n") + ending


def beginning_for_terminal(piece: bytes, prefix: bytes) -> bytes:
    """Return the beginning of a line as a shared terminal may have it, less what its next bytes may change.

    What `lines_for_terminal` returns for the whole line begins with it.
    """
    cut = _UNFINISHED.search(piece)
    return _clean(piece[: cut.start()] if cut else piece, prefix)


def _clean(text: bytes, prefix: bytes) -> bytes:
    start = b"\r" + prefix

    def _replacement(match: re.Match[bytes]) -> bytes:
        found = match[0]
        if found == b"\r" and match["line_end"] is None:
            return start
        if found[:2] == b"\x1b[":
            return _csi(match["parameters"], match["final"] or b"", found, start)
        return found if found[:4] == b"\x1b]8;" else b""

    return _CONTROL.sub(_replacement, text)


def _csi(parameters: bytes, final: bytes, found: bytes, start: bytes) -> bytes:
    """Return what stands for a control sequence; `start` goes back to the line's beginning."""
    number = int(parameters) if parameters.isdigit() and len(parameters) < 5 else 0
    if parameters.strip(b"0123456789;"):
        return b""  # private ones
    match final:
        case b"K" | b"J" if number == 0:
            return b"\x1b[K"
        case b"K" if number == 2:
            return start + b"\x1b[K"
        case b"C" | b"X" | b"P" | b"@":
            return found
        case b"D":
            return found if number < _FAR else start
        case b"G" | b"`":
            return start + (b"\x1b[%dC" % (number - 1) if number > 1 else b"")
        case _:
            return b""


def plain_text(piece: bytes) -> str:
    """Return what a terminal would show of one line in the end, without colours."""
    rows = piece.rstrip(b"\r").rpartition(b"\r")
    text = without_escapes(rows[2]).decode("utf-8", "replace").expandtabs()
    return "".join(" " if one.isspace() else one for one in text if one.isspace() or one.isprintable())


def without_escapes(text: bytes) -> bytes:
    """Return `text` without colours and all else that a terminal obeys."""
    return _ESCAPE.sub(b"", text) if b"\x1b" in text else text


def one_row(piece: bytes, columns: int) -> bytes:
    """Return what a terminal would show of an unfinished line, without colours, in `columns` at most."""
    shown: list[str] = []
    width = 0
    for character in plain_text(piece):
        width += _width(character)
        if width > columns:
            break
        shown.append(character)
    return "".join(shown).encode()


def columns_of(text: bytes) -> int:
    """Return how many columns the widest line of `text` takes."""
    lines = without_escapes(text).decode("utf-8", "replace").split("\n")
    return max(sum(map(_width, filter(str.isprintable, line))) for line in lines)


def _width(character: str) -> int:
    """Return a character's columns (UAX #11)."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
