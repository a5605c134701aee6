"""`devstack up`: preflight, start, wait until ready, stream the output."""

from __future__ import annotations

from devstack.cli.up.run import run_up as run

__all__ = ["run"]
