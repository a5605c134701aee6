"""Bytes cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

places = st.lists(st.integers(min_value=0), max_size=12)


def cut(data: bytes, where: list[int]) -> list[bytes]:
    """Return `data` in pieces, cut at the places `where`, in any order and wrapped into its length."""
    edges = [0, *sorted(place % (len(data) + 1) for place in where), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
