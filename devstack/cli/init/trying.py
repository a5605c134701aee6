"""`devstack init --try`: the proposal, run once, and proposed anew with what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from devstack.cli.init.trial import TrialInterruptedError, try_services
from devstack.config.proposal.loading import known_environment, load_proposed
from devstack.config.proposal.propose import proposal_with_dev
from devstack.config.proposal.seen_ports import SeenService, with_seen
from devstack.config.proposal.settle_ports import settle

if TYPE_CHECKING:
    from devstack.config.options import StackOptions
    from devstack.config.proposal.proposed import Proposal


def try_proposal(options: StackOptions, proposal: Proposal) -> tuple[Proposal, bool]:
    """Run the services of dev, and return the proposal with the claims that were seen.

    The second value says whether a service failed. Raises ConfigError where `up` would refuse the proposal,
    and typer.Exit when a signal ended the trial.
    """
    wanted = options._replace(mode="dev")
    loaded = load_proposed(wanted, proposal)
    kept = frozenset(one.name for one in proposal.dev if one.is_image)
    names = [service.name for service in loaded.stack.services]
    typer.echo(f"trying {len(names)} service{'s' if len(names) != 1 else ''}: {', '.join(names)}")
    try:
        seen = try_services(wanted, loaded, lambda line: typer.echo(f"  {line}"), kept=kept)
    except TrialInterruptedError as error:
        typer.echo("nothing written: the trial was interrupted, and all that it started has been stopped")
        raise typer.Exit(error.code) from None
    tried = {name: one for name, one in seen.items() if name not in kept or one.trouble}
    settled, notes = settle(with_seen(proposal.dev, tried), known_environment(options))
    for one in seen.values():
        for line in one.trouble:
            typer.echo(f"  {line}")
    notes = (*proposal.notes, *notes, *_notes(tried))
    return proposal_with_dev(options.project, proposal, settled, notes), any(
        one.trouble for one in seen.values()
    )


def _notes(seen: dict[str, SeenService]) -> tuple[str, ...]:
    silent = [name for name, one in seen.items() if not one.trouble and not one.ports]
    failed = [name for name, one in seen.items() if one.trouble]
    notes = [f"{name} listened on no port, and claims none" for name in silent]
    notes += [f"{name} did not run: its claims are as the files say, not as seen" for name in failed]
    return tuple(notes)
