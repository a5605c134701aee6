"""The ports of a whole stack: who claims which number, and that no two claim the same.

The numbers are settled for every service of the Procfile, chosen or not, so that a choice moves no port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devstack.config.environment.resolve import ResolvedEnvironment
from devstack.config.ports.claims import Moves, PlannedClaim, Ports, first_claims, port_settings
from devstack.config.ports.rule import PORT, foreman_ports, own_port, shared_port
from devstack.config.selection import Selection
from devstack.errors import ConfigError


def plan_ports(
    selection: Selection, environment: ResolvedEnvironment, planned: ResolvedEnvironment, moves: Moves
) -> dict[str, Ports]:
    """Return instance → its ports, for every instance of every service.

    `environment` is the resolved one, `planned` the same without the `moves` to other ports: it decides
    foreman's numbers, so that a claim that is moved away leaves no gap for another service to slip into.
    ConfigError for a value that is no port number, and where two services that run claim one number.
    """
    known = _known_ports(selection, environment)
    unknown = [(i, line) for i, line in enumerate(selection.lines) if line.name not in known]
    claimed = _numbers(known)
    if environment.get(PORT) is not None:
        others = {line.name: shared_port(selection, line, environment, claimed) for _, line in unknown}
    else:
        usual = _numbers(_known_ports(selection, planned)) if moves else claimed
        others = foreman_ports(selection, unknown, usual | claimed)
    plan = known | others
    undeclared = [line for _, line in unknown if not others[line.name].planned]
    if undeclared and selection.settings.infer:
        from devstack.config.ports.inferred import with_inferred

        plan = with_inferred(selection, undeclared, plan, environment)
    if selection.scale:
        from devstack.config.ports.instances import all_instances

        plan = all_instances(selection, plan)
    if moves:
        from devstack.config.ports.moved import with_moves

        plan = with_moves(moves, plan)
    _refuse_conflicts(plan, (instance for _, instance in selection.started))
    return plan


def _known_ports(selection: Selection, environment: ResolvedEnvironment) -> dict[str, Ports]:
    """Return service → ports for those that devstack.toml or the table knows something of."""
    settings = port_settings(selection)
    found = {
        name: Ports(first_claims(selection, name, claims, environment)) for name, claims in settings.items()
    }
    for line in selection.lines:
        own = own_port(selection, line) if line.name not in found else None
        if own is not None:
            found[line.name] = own
    return found


def _numbers(plan: Mapping[str, Ports]) -> set[int]:
    return {claim.port for ports in plan.values() for claim in ports.claims}


def _refuse_conflicts(plan: Mapping[str, Ports], instances: Iterable[str]) -> None:
    """Raise ConfigError where two of `instances` claim one number."""
    holders: dict[int, PlannedClaim] = {}
    for instance in instances:
        for planned in plan[instance].planned:
            first = holders.setdefault(planned.claim.port, planned)
            if first.claim.service != instance:
                raise _conflict(first, planned)


def _conflict(first: PlannedClaim, second: PlannedClaim) -> ConfigError:
    place = second if second.source else first
    return ConfigError(
        f"{_claimant(first)} and {_claimant(second)} both claim port {second.claim.port}",
        source=place.source,
        line=place.line,
        hint="give one of them another number: its variable in .env, or its `ports` in devstack.toml",
    )


def _claimant(planned: PlannedClaim) -> str:
    place = f"{planned.source}:{planned.line}" if planned.line is not None else planned.source
    details = " from ".join(part for part in (planned.claim.variable or "", place) if part)
    return f"{planned.claim.service} ({details})" if details else planned.claim.service
