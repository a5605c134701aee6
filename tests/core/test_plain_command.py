"""A command line goes without a shell only where every shell would read the same words in it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.core.plain_command import plain_words

NAMES = () if sys.platform == "win32" else ("sh", "bash", "dash")
SHELLS = {name: found for name in NAMES if (found := shutil.which(name))}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("npm run dev", ["npm", "run", "dev"]),
        ("  ./serve\t--port=3000  -v ", ["./serve", "--port=3000", "-v"]),
        ("exec node server.js", ["node", "server.js"]),
        ("exec echo as-a-program", ["echo", "as-a-program"]),
        ("python3.11 -m a.b @x 50% a,b +1 :80", ["python3.11", "-m", "a.b", "@x", "50%", "a,b", "+1", ":80"]),
    ],
)
def test_a_plain_line_is_its_words(command: str, words: list[str]) -> None:
    assert plain_words(command) == words


@pytest.mark.parametrize(
    "command",
    [
        *("", "  ", "exec", "exec -a name node", "exec FOO=1 node", "FOO=1 node", "./a=b", "%1", "-x"),
        *("echo hello", "true", "if node", "cd web", ". env.sh", "time make", "grün", "a ^b", "a # b"),
        *("a $PORT", "a ~/b", "a *.js", "a b?", "a [b]", "a {b,c}", "a 'b'", 'a "b"', "a \\b", "a !b"),
        *("a; b", "a & b", "a | b", "a > b", "a < b", "a (b)", "a `b`", "a\nb", "a\rb", "a\0b"),
    ],
)
def test_what_a_shell_may_have_a_part_in_is_left_to_it(command: str) -> None:
    assert plain_words(command) is None


@pytest.mark.skipif("bash" not in SHELLS, reason="only bash can list what it has built in")
def test_every_word_that_bash_knows_itself_is_left_to_a_shell() -> None:
    known = subprocess.run([SHELLS["bash"], "-c", "compgen -bk"], capture_output=True, text=True, check=True)
    assert {word for word in known.stdout.split() if plain_words(word)} == set()


@pytest.mark.skipif(not SHELLS, reason="no shell here")
@settings(max_examples=30)
@given(st.lists(st.text(alphabet="aZ0 \t_-+./:,@%=~$*#!'\"\\;&|<>(){}[]?`^é", max_size=12), max_size=60))
def test_every_shell_reads_the_same_words(texts: list[str]) -> None:
    found = [(text, words[1:]) for text in texts if (words := plain_words(f"program {text}"))]
    script = "".join(f"set -- {text}\nprintf '%s\\n' $# \"$@\"\n" for text, _ in found)
    expected = "".join("\n".join([str(len(words)), *words]) + "\n" for _, words in found)
    for shell in SHELLS.values():
        read = subprocess.run([shell, "-c", script or ":"], capture_output=True, text=True, check=True)
        assert read.stdout == expected, shell
