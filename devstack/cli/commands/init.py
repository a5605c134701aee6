"""`devstack init`: proposes Procfiles, .env.example and devstack.toml from what is here, and asks first."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption, globals_of
from devstack.cli.arguments.stack_options import options_in
from devstack.errors import RunDirectoryError, UsageError

if TYPE_CHECKING:
    from devstack.config.proposal.proposed import ProposedFile


def init(
    ctx: typer.Context,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Write what is new without asking; never overwrites.")
    ] = False,
    trial: Annotated[
        bool, typer.Option("--try", help="Run the services of dev, and claim the ports that they listen on.")
    ] = False,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Propose the files that devstack needs.

    From package.json, the sources, vite.config, pyproject, Procfile or compose. Shows them first; overwrites
    nothing without a yes.
    """
    from devstack.config.proposal.loading import check_proposal, known_environment
    from devstack.config.proposal.propose import propose

    options = options_in(globals_of(ctx).project)
    folder = options.project
    proposal = propose(folder, known_environment(options))
    has_failed = False
    if trial:
        _refuse_on_windows()
        from devstack.cli.init.trying import try_proposal

        proposal, has_failed = try_proposal(options, proposal)
    new = [file for file in proposal.files if _text(folder, file.name) is None]
    changed = [file for file in proposal.files if _text(folder, file.name) not in (None, file.text)]
    for file in proposal.files:
        _show(file, "new" if file in new else "exists, other text" if file in changed else "as it is here")
    for note in (*proposal.notes, *check_proposal(options, proposal)):
        typer.echo(f"note: {note}")
    may_ask = sys.stdin.isatty() and sys.stdout.isatty()
    if new and (yes or (may_ask and typer.confirm(f"Write {_names(new)}?"))):
        for file in new:
            _write(folder, file)
    elif new and not may_ask:
        typer.echo("nothing written: devstack init --yes writes what is new")
    for file in changed:
        if may_ask and not yes and typer.confirm(f"{file.name} is here already. Overwrite it?"):
            _write(folder, file)
        else:
            typer.echo(f"left as it is: {file.name}")
    if has_failed:
        raise typer.Exit(1)


def _refuse_on_windows() -> None:
    from devstack.machine import system

    if system.IS_WINDOWS:
        raise UsageError(
            "--try runs the services, and a stack does not run on Windows",
            hint="run it in WSL, or leave out --try",
        )


def _names(files: list[ProposedFile]) -> str:
    return ", ".join(file.name for file in files)


def _show(file: ProposedFile, state: str) -> None:
    typer.echo(f"--- {file.name} ({state})")
    typer.echo(file.text)


def _text(folder: str, name: str) -> str | None:
    """Return the text of a file that is there already, or None."""
    from devstack.config.files import read_text

    return read_text(os.path.join(folder, name), name)


def _write(folder: str, file: ProposedFile) -> None:
    path = os.path.join(folder, file.name)
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(file.text)
    except OSError as error:
        raise RunDirectoryError(f"cannot write {path}: {error.strerror}") from error
    typer.echo(f"wrote {file.name}")
