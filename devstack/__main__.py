"""`python -m devstack`, the same as the console script."""

from devstack.cli.main import main

main()
