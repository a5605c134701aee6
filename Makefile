# `make up` and `make test` each do all of their own set-up.

.PHONY: up test check format coverage bench try-starters pictures constraints clean help

help:
	@echo "make up           start the built-in stack (Ctrl-C stops it)"
	@echo "make test         check the code and run every test"
	@echo "make check        lint, types, workflow files"
	@echo "make format       put the code into its standard form"
	@echo "make coverage     the tests of the core, with branch coverage"
	@echo "make bench        measure devstack beside its peers: benchmarks/RESULTS.md"
	@echo "make try-starters run init --try on projects made by their starters: docs/starters.md"
	@echo "make pictures     make the pictures of the README anew, from real runs"
	@echo "make constraints  pin what .venv has now: constraints.txt"
	@echo "make clean        remove .venv and what the tools have cached"

# Ctrl-C is how a stack ends: make is not to call it an error.
up:
	@scripts/set-up services
	@trap : INT; .venv/bin/devstack up || [ $$? = 130 ]

test: check
	@scripts/get-test-tools
	.venv/bin/pytest -n auto $(ARGS)

check:
	@scripts/set-up dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

coverage:
	@scripts/set-up dev
	.venv/bin/coverage run --source devstack.core -m pytest -q tests/core
	.venv/bin/coverage report --show-missing --fail-under 100

format:
	@scripts/set-up dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench:
	@scripts/set-up dev
	.venv/bin/python -m benchmarks $(ARGS)

try-starters:
	@scripts/set-up dev
	.venv/bin/python scripts/try_starters.py $(ARGS)

pictures:
	@scripts/set-up services
	.venv/bin/python scripts/make_pictures.py

constraints:
	@scripts/set-up dev
	@{ head -n 1 constraints.txt; .venv/bin/pip list --format freeze | grep -v -E '^(pip|devstack|editables)=='; echo colorama==0.4.6; } | sort -fu > constraints.new
	@mv constraints.new constraints.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
