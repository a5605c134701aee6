"""The order in which processes are ended, as data: looks in, orders out."""

from __future__ import annotations

from collections.abc import Iterable

from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.converge import KILL_FOR, Order, Progress, next_step

A, B, C = (ProcessId(pid, 1.0) for pid in (1, 2, 3))


class Looks:
    """A row of looks, a hundredth of a second apart."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.now = 0.0

    def see(self, *living: ProcessId, by_force: bool = False) -> tuple[Order, frozenset[ProcessId]]:
        self.now += 0.01
        step = next_step(self.progress, frozenset(living), self.now, by_force=by_force)
        self.progress = step.progress
        return step.order, step.processes


def orders(looks: Looks, several: Iterable[tuple[ProcessId, ...]]) -> list[Order]:
    return [looks.see(*living, by_force=True)[0] for living in several]


def test_those_of_the_first_look_are_asked_and_nobody_else() -> None:
    looks = Looks()
    assert looks.see() == (Order.WAIT, frozenset())
    assert looks.see(A, B) == (Order.ASK, {A, B})
    assert looks.see(A, B, C) == (Order.WAIT, frozenset())
    assert looks.see(C) == (Order.WAIT, frozenset())


def test_nothing_is_killed_before_two_looks_found_nobody_new() -> None:
    looks = Looks()
    looks.see(A)
    assert looks.see(A, B, by_force=True) == (Order.FREEZE, {A, B})
    assert looks.see(A, B, C, by_force=True) == (Order.FREEZE, {C})
    assert orders(looks, [(A, B, C), (A, B, C)]) == [Order.WAIT, Order.KILL]


def test_who_appears_while_the_others_are_killed_is_frozen_first() -> None:
    looks = Looks()
    assert orders(looks, [(A,), (A,), (A,)]) == [Order.FREEZE, Order.WAIT, Order.KILL]
    assert looks.see(A, B, by_force=True) == (Order.FREEZE, {B})
    assert orders(looks, [(A, B), (A, B)]) == [Order.WAIT, Order.KILL]


def test_the_kill_is_repeated_while_anything_changes() -> None:
    looks = Looks()
    orders(looks, [(A, B), (A, B), (A, B)])
    looks.now += KILL_FOR + 1
    assert looks.see(A, by_force=True) == (Order.KILL, {A})
    assert looks.see(by_force=True) == (Order.WAIT, frozenset())


def test_what_survives_the_kill_is_given_up() -> None:
    looks = Looks()
    assert orders(looks, [(A,), (A,), (A,)])[-1] is Order.KILL
    looks.now += KILL_FOR
    assert looks.see(A, by_force=True) == (Order.GIVE_UP, {A})
