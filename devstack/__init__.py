"""devstack: starts, watches and stops a development stack of several processes."""

__version__ = "0.1.0"
