"""Start order: waves, circles, and all that somebody needs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.graph import CircleError, start_order, with_dependencies

NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Return dependencies without a circle, in any order."""
    ranks = draw(st.permutations(NAMES))
    needs = {
        name: tuple(draw(st.sets(st.sampled_from(ranks[:rank])))) if rank else ()
        for rank, name in enumerate(ranks)
    }
    return {name: needs[name] for name in draw(st.permutations(NAMES))}


@given(graphs())
def test_everybody_comes_once_and_after_all_that_he_needs(graph: dict[str, tuple[str, ...]]) -> None:
    waves = start_order(graph)
    wave_of = {name: number for number, wave in enumerate(waves) for name in wave}
    assert sorted(name for wave in waves for name in wave) == sorted(graph)
    for name, needs in graph.items():
        assert wave_of[name] == max((wave_of[need] + 1 for need in needs), default=0)


@given(graphs())
def test_a_wave_keeps_the_given_order(graph: dict[str, tuple[str, ...]]) -> None:
    position = {name: number for number, name in enumerate(graph)}
    for wave in start_order(graph):
        assert list(wave) == sorted(wave, key=position.__getitem__)


@given(graphs(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
def test_a_circle_is_named_once_around(graph: dict[str, tuple[str, ...]], circle: list[str]) -> None:
    closed = {
        name: (*graph[name], following)
        for name, following in zip(circle, circle[1:] + circle[:1], strict=True)
    }
    with pytest.raises(CircleError) as caught:
        start_order({**graph, **closed})
    names = caught.value.names
    assert names[0] == names[-1]
    assert len(set(names)) == len(names) - 1
    for name, following in pairwise(names):
        assert following in {**graph, **closed}[name]
    assert str(caught.value) == " → ".join(names)


def test_a_circle_behind_others_is_found() -> None:
    with pytest.raises(CircleError) as caught:
        start_order({"web": ("api",), "api": ("db", "auth"), "auth": ("api",), "db": ()})
    assert caught.value.names == ("api", "auth", "api")


@given(graphs(), st.sets(st.sampled_from(NAMES)))
def test_the_needed_are_closed_and_no_more(graph: dict[str, tuple[str, ...]], chosen: set[str]) -> None:
    found = with_dependencies(chosen, graph)
    assert chosen <= found
    assert all(found.issuperset(graph[name]) for name in found)
    for name in found - chosen:
        assert any(name in graph[other] for other in found)


def test_no_services_have_no_order() -> None:
    assert start_order({}) == ()
