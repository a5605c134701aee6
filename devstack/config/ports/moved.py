"""The claims that devstack moves to other ports. Imported only where it moves any."""

from __future__ import annotations

from devstack.config.environment.resolve import ResolvedEnvironment
from devstack.config.ports.claims import Moves, PlannedClaim, Ports, port_settings
from devstack.config.ports.instances import moved_claim
from devstack.config.ports.rule import PORT
from devstack.config.selection import Selection


def moved_variables(moves: Moves, selection: Selection, planned: ResolvedEnvironment) -> dict[str, str]:
    """Return the variables that have another value once the claims have moved, so that `${PORT}` follows.

    `planned` is the environment without the moves. Foreman's PORT is each service's own: no `${PORT}` in a
    file can mean it.
    """
    explicit = port_settings(selection)
    moved: dict[str, str] = {}
    for (instance, variable), number in moves.items():
        if instance in explicit or (planned.get(variable) and "." not in instance):
            moved.setdefault(variable, str(number))
    return moved


def with_moves(moves: Moves, plan: dict[str, Ports]) -> dict[str, Ports]:
    """Return `plan` with the claims on the ports that devstack has moved them to."""
    for (instance, variable), number in moves.items():
        ports = plan.get(instance)
        if ports is not None:
            planned = tuple(
                PlannedClaim(moved_claim(each.claim, number, instance), "devstack")
                if each.claim.variable == variable
                else each
                for each in ports.planned
            )
            foreman = number if ports.foreman is not None and variable == PORT else ports.foreman
            plan[instance] = Ports(planned, foreman)
    return plan
