# Everything lives in .venv at the root; uv, where missing, in .tools.
SHELL := /bin/bash
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
PY := .venv/bin/python

.PHONY: setup demo test test-long test-faults test-cluster test-gateway cluster cluster-down check lock benchmark benchmark-short \
  planted clean

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml | $(UV)
	@echo "installing what it needs into .venv: some 1.4 GB, minutes the first time"
	@test -x $(PY) || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(PY) --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

.tools/uv/bin/uv:
	@$(PYTHON) -m venv .tools/uv && .tools/uv/bin/pip install --quiet uv==0.13.9

demo: setup
	@.venv/bin/pincex demo

# LONG=1 adds the long ones, which then share one site with the others.
test: setup
	@$(PY) -m pytest -n 2 --durations=15 $(if $(LONG),-m "not faults and not kubernetes and not gateway")

test-long: setup
	@$(PY) -m pytest -n 2 -m long --durations=15

# The first time it builds the programs of a cluster: minutes, and Go 1.26 or newer on the PATH.
cluster: setup
	@$(PY) tests/kubernetes/kube_command.py up

cluster-down: setup
	@$(PY) tests/kubernetes/kube_command.py down

# What cannot be built here is said again, and skipped, by each test that needs it.
test-cluster: setup
	-@$(PY) tests/kubernetes/kube_command.py build
	@$(PY) -m pytest -n 2 -m kubernetes --timeout 900 --durations=15

# Envoy Gateway is built the first time, for minutes, and its tests need a real node.
test-gateway: setup
	@$(PY) -m pytest -n 0 -m gateway --timeout 900

# About an hour on two cores; the kill matrix goes on where it was stopped, unless the code changed.
test-faults: setup
	@$(PY) -m benchmarks.kill_matrix
	@$(PY) -m benchmarks.faults
	@PINCEX_FAULTS=all PINCEX_KILLS=all $(PY) -m pytest -m "site or faults" tests/end_to_end/test_kills.py \
	  tests/end_to_end/test_torn_files.py tests/end_to_end/test_rehearsal.py tests/end_to_end/test_kill_services.py

check: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@$(PY) -m pytest -q tests/test_docs.py

lock: | $(UV)
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --group dev --output-file requirements.lock pyproject.toml

benchmark: setup
	@$(PY) -m benchmarks --full

benchmark-short: setup
	@$(PY) -m benchmarks

planted: setup
	@$(PY) -m benchmarks.judges.planted

clean:
	rm -rf .venv .tools
