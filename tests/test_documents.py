"""The documents say what is so: links lead somewhere, commands exist, exit codes are the code's own."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

from devstack import __version__, errors
from devstack.cli.arguments.app import SETTINGS, build_app
from devstack.cli.arguments.words import COMMANDS
from devstack.core.ports import SEED_TABLE
from tests.cli.running import devstack, free_port

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*/*.md"),
        *ROOT.glob("benchmarks/*.md"),
    ]
)
names = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
GENERATED = (ROOT / "benchmarks/RESULTS.md",)  # by `make bench`
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND_LINE = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?devstack ([^|].*?)(?:\s+#.*)?$")
MACHINES_PATH = re.compile(
    r"/(?:root|work|tmp|opt|mnt)/\w+|/home/(?!(?:you|jo|me)\b)\w+|/Users/\w+|[A-Z]:\\Users"
)
REGISTRY = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|jsdelivr|cdnjs|artifactory|nexus|mirror)[\w.-]*", re.I
)


def blocks(text: str, language: str | None = None) -> list[str]:
    """Return the fenced blocks of `text`, those in `language` where one is named ("" for those without)."""
    found: list[str] = []
    tag: str | None = None
    for line in text.splitlines(keepends=True):
        fence = line.strip()
        if fence.startswith("```"):
            if tag is None:
                tag = fence[3:]
                found += [""] if language in (None, tag) else []
            else:
                tag = None
        elif tag is not None and language in (None, tag):
            found[-1] += line
    return found


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of `page`, as GitHub makes them."""
    without_blocks = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", without_blocks, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_lines(text: str) -> set[str]:
    """Return what stands behind `devstack` wherever `text` shows a command to type."""
    lines = [line.strip() for block in blocks(text) for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines += re.findall(r"`(devstack [^`]+)`", prose.replace("\n", " "))
    parts = [part.strip() for line in lines for part in line.split(" && ")]
    return {found[1] for part in parts if (found := COMMAND_LINE.match(part))}


def test_the_readme_is_short_and_shows_the_two_commands_and_the_pictures() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) < 150
    assert re.search(r"^make up\b", text, re.M)
    assert re.search(r"^make test\b", text, re.M)
    for picture in (ROOT / "docs/pictures").glob("*.svg"):
        assert str(picture.relative_to(ROOT)) in text


@names
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() or target in GENERATED, f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


@names
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    for line in command_lines(page.read_text("utf-8")):
        words = [word for word in shlex.split(line) if word not in ("…", "...")]
        parse(words, f"{page.name}: devstack {line}")


def parse(words: list[str], where: str) -> None:
    """Fail unless devstack would take these words: command, options and arguments. Nothing is run."""
    if words[:1] and words[0] in ("--version", "--help"):
        return
    if words[:1] in (["-C"], ["--project"]):
        words = words[2:]
    assert words[0] in (*COMMANDS, "COMMAND"), where
    if words[0] == "COMMAND" or "--help" in words[1:]:
        return
    group = typer.main.get_command(build_app(words[0]))
    command = group.commands[words[0]]  # type: ignore[attr-defined]
    known = {spelling for one in command.params for spelling in one.opts}
    rest = words[1:] if words[0] not in SETTINGS else words[1 : 1 + _own(words[1:])]
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in known, f"{where}: {word}"
    if not {"NAME", "S", "FILE", "DIR", "URL", "MODE"} & set(rest):
        group.make_context("devstack", list(words), resilient_parsing=True).close()


def _own(words: list[str]) -> int:
    """Return how many of the words behind `run` are options of its own."""
    count = 0
    while count < len(words) and words[count].startswith("-"):
        count += 2
    return count


def test_every_command_and_every_option_is_documented() -> None:
    page = (ROOT / "docs/commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.S | re.M))
    for name in COMMANDS:
        (text,) = (
            body for title, body in sections.items() if re.search(rf"(?<![\w-]){name}(?![\w-])", title)
        )
        text += sections["Everywhere"]
        command = typer.main.get_command(build_app(name)).commands[name]  # type: ignore[attr-defined]
        for option in (one for one in command.params if one.param_type_name == "option"):
            for spelling in option.opts:
                assert re.search(rf"(?<![\w-]){spelling}(?![\w-])", text), f"{name} {spelling}"


def test_the_documented_exit_codes_are_those_of_the_errors() -> None:
    page = (ROOT / "docs/exit-codes.md").read_text("utf-8")
    documented = {
        name: int(code)
        for code, names_of in re.findall(r"^\| \[(\d)\]\(#\d\) \|[^|]*\|(.*)\|$", page, re.M)
        for name in re.findall(r"`(\w+)`", names_of)
    }
    real = {
        name: kind.exit_code
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.DevstackError)
    }
    assert documented == real


def test_the_readmes_port_table_is_the_one_that_claims_come_from() -> None:
    (table,) = re.findall(r"^\| in dev.*?(?=\n\n)", README.read_text("utf-8"), re.S | re.M)
    dev = re.findall(r"^\|[^|]+\| (\d+) \|", table, re.M)
    prod = re.findall(r"\| (\d+) \|$", table, re.M)
    assert sorted(dev) == sorted(str(row.default) for row in SEED_TABLE if "dev" in row.modes)
    assert prod[:1] == [str(row.default) for row in SEED_TABLE if "prod" in row.modes]


@names
def test_no_page_tells_of_the_machine_on_which_it_was_written(page: Path) -> None:
    text = page.read_text("utf-8")
    assert MACHINES_PATH.findall(text) == []
    assert REGISTRY.findall(text) == []


@pytest.mark.parametrize(
    "picture", sorted((ROOT / "docs/pictures").glob("*.svg")), ids=lambda path: path.name
)
def test_a_picture_loads_nothing_and_tells_of_no_machine(picture: Path) -> None:
    text = picture.read_text("utf-8")
    assert "url(http" not in text
    assert "@font-face" not in text
    assert "href=" not in text
    assert MACHINES_PATH.findall(text.replace("&#160;", " ")) == []


@names
def test_every_json_and_toml_example_is_well_formed(page: Path) -> None:
    text = page.read_text("utf-8")
    for block in blocks(text, "toml"):
        tomllib.loads(block)
    for block in blocks(text, "json"):
        try:
            json.loads(block)
        except ValueError:
            for line in block.splitlines():
                json.loads(line)


def test_the_json_examples_have_the_members_that_the_commands_print(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: exec python3 -m http.server $PORT --bind 127.0.0.1\n")
    (tmp_path / ".env").write_text(f"PORT={free_port()}\n")
    examples = [json.loads(one) for one in blocks((ROOT / "docs/commands.md").read_text("utf-8"), "json")]
    assert devstack(tmp_path, "up", "-d").returncode == 0
    try:
        for arguments in (
            "check-ports",
            "status",
            "logs -n 1",
            "check-ws ws://127.0.0.1:1/",
            "doctor",
            "env",
        ):
            answer = json.loads(devstack(tmp_path, *arguments.split(), "--json").stdout)
            assert [one for one in examples if shape(one) == shape(answer)], (arguments, answer)
    finally:
        assert devstack(tmp_path, "down").returncode == 0


def shape(answer: object) -> object:
    """Return the members of `answer`, those of a list's first element for all."""
    if isinstance(answer, dict):
        return {name: shape(value) for name, value in answer.items()}
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return [shape(answer[0])]
    return None


def test_the_procfile_of_the_readme_runs(tmp_path: Path) -> None:
    (procfile,) = blocks(README.read_text("utf-8"), "procfile")
    assert procfile in (ROOT / "docs/getting-started.md").read_text("utf-8")
    assert len(procfile.splitlines()) == 3
    (tmp_path / "Procfile").write_text(procfile.replace("sleep 5", "sleep 0.1"))
    (tmp_path / ".env").write_text(f"PORT={free_port()}\n")
    answer = devstack(tmp_path, "smoke")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_what_the_readme_shows_of_its_start_is_what_a_start_prints(tmp_path: Path) -> None:
    (procfile,) = blocks(README.read_text("utf-8"), "procfile")
    (shown,) = blocks(README.read_text("utf-8"), "console")
    (tmp_path / "Procfile").write_text(procfile)
    port = free_port()
    (tmp_path / ".env").write_text(f"PORT={port}\n")
    answer = devstack(tmp_path, "up", "-d")
    assert devstack(tmp_path, "down").returncode == 0
    assert _settled(answer.stdout, port) == _settled(shown.partition("\n")[2], 5000)


def _settled(text: str, port: int) -> list[str]:
    """Return the lines of a start without what differs from run to run, in one order."""
    text = re.sub(r"\d+\.\d s", "N s", text.replace(str(port), "PORT"))
    return sorted(re.sub(r"\S+(?=: mode dev)", "FOLDER", line) for line in text.splitlines())


def test_the_changelog_has_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    missing = [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name not in index and page.name != "README.md"
    ]
    assert missing == []


def test_decisions_are_numbered_without_a_gap_and_those_referred_to_exist() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        assert page.read_text("utf-8").startswith(f"# {page.name[:4]} · "), page.name
    for page in PAGES:
        text = page.read_text("utf-8")
        for number, linked in re.findall(r"\bdecision (\d+)\b(?:\]\(\S*?(\d{4})-)?", text, re.I):
            assert linked == f"{int(number):04}", f"{page.name}: decision {number}"


def test_every_file_that_the_code_refers_to_exists() -> None:
    for source in [*ROOT.glob("devstack/**/*.py"), *ROOT.glob("scripts/*"), ROOT / "pyproject.toml"]:
        for page in re.findall(r"\bdocs/[\w./-]+\.md\b", source.read_text("utf-8")):
            assert (ROOT / page).exists(), f"{source.name}: {page}"


def test_the_make_targets_that_are_named_exist() -> None:
    targets = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for page in (README, ROOT / "CONTRIBUTING.md", ROOT / "docs/getting-started.md"):
        for target in re.findall(r"(?:^|`)make (\w+)", page.read_text("utf-8"), re.M):
            assert f"make {target}" in targets or target in (ROOT / "Makefile").read_text("utf-8"), target
