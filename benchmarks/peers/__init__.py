"""One file a tool: how it is had, how it is configured, how it is told to stop."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.adapter import Peer

NAMES = (
    "devstack",
    "floor",
    "honcho",
    "foreman",
    "overmind",
    "hivemind",
    "goreman",
    "process-compose",
    "mprocs",
    "concurrently",
    "pm2",
    "supervisord",
    "circusd",
)
"""All tools, in the order of the tables."""


def load(name: str) -> Peer:
    """Return the peer `name`, one of NAMES."""
    peer: Peer = import_module(f"benchmarks.peers.{name.replace('-', '_')}").PEER
    return peer
