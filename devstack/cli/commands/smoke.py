"""`devstack smoke`: what CI runs. Preflight, up, ask every claim, down, prove that nothing is left."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from devstack.cli.arguments.options import (
    EnvFileOption,
    ModeOption,
    NoColorOption,
    PortsOption,
    ProcfileOption,
    ProjectOption,
    ReadyTimeoutOption,
    VersionOption,
    globals_of,
)
from devstack.cli.arguments.project import stack_options
from devstack.errors import RunDirectoryError, UsageError

if TYPE_CHECKING:
    from devstack.cli.smoke.parity import ParityRun
    from devstack.cli.smoke.run import SmokeRun


def smoke(
    ctx: typer.Context,
    mode: ModeOption = None,
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML.")
    ] = None,
    timeout: ReadyTimeoutOption = 60.0,
    ports: PortsOption = "plan",
    parity: Annotated[
        bool, typer.Option("--parity", help="Run dev, then prod, and compare what both answer.")
    ] = False,
    procfile: ProcfileOption = None,
    env_file: EnvFileOption = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """For CI: start, use every claim, stop, prove that all is gone."""
    from datetime import UTC, datetime

    from devstack.cli.smoke.parity import ParityRun
    from devstack.cli.smoke.run import SmokeRun
    from devstack.cli.up.launching import refuse_windows
    from devstack.console.check_results import show_results
    from devstack.console.first_cause import show_first_cause

    refuse_windows()
    if parity and (mode or procfile):
        raise UsageError("--parity compares dev with prod: it takes neither --mode nor --procfile")
    options = stack_options(ctx, mode=mode, procfile=procfile, env_file=env_file)
    plain = globals_of(ctx).no_color
    kind = ParityRun if parity else SmokeRun
    run = kind(options, timeout=timeout, ports=ports, no_color=plain)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        code = run.run()
    finally:
        if run.results:
            with _nothing_obeyed():
                show_results(run.results, no_color=plain)
                if run.first_cause:
                    show_first_cause(run.first_cause)
            _write_evidence(run, junit, began)
    raise typer.Exit(code)


def _is_in_actions() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


@contextmanager
def _nothing_obeyed() -> Iterator[None]:
    """Have GitHub Actions obey nothing of what is printed meanwhile: it quotes what services said."""
    if not _is_in_actions():
        yield
        return
    token = os.urandom(16).hex()
    sys.stdout.write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        sys.stdout.write(f"::{token}::\n")


def _write_evidence(run: SmokeRun | ParityRun, junit: str | None, began: str) -> None:
    """Write JUnit where it is asked for, and what GitHub Actions reads where that runs us."""
    if junit is not None:
        from devstack.checks.reports.junit import junit_xml

        _write(junit, junit_xml(run.name, run.results, timestamp=began, output=run.first_cause), mode="w")
    if _is_in_actions():
        from devstack.checks.reports.annotations import step_summary, workflow_commands

        sys.stdout.write(workflow_commands(run.results))
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            _write(summary, step_summary(run.name, run.results, run.first_cause), mode="a")


def _write(path: str, text: str, *, mode: str) -> None:
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RunDirectoryError(f"cannot write {path}: {error.strerror}") from error
