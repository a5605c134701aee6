"""devstack beside its peers, measured: `python -m benchmarks`."""
