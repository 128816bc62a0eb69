# Every target prints itself in `make help`; `make check` and `make test` are exactly what CI runs.
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := libs/common services/platform services/inventory services/promotions services/orders services/customer_service services/reporting apps/storeops
MEMBER_NAMES := storeops-common storeops-platform storeops-inventory storeops-promotions storeops-orders storeops-customer-service storeops-reporting storeops
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install lock demo serve test test-year bench prove prove-oversell check format docs clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  %-12s %s\n", $$1, $$2}'

install: .venv/.installed ## Create .venv with everything, pinned by hash

.venv/.installed: requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS))
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt \
		&& $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r .venv/uv.txt; }
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps $(addprefix -e ,$(MEMBERS))
	@touch $@

lock: ## Resolve requirements.lock anew (no addresses in it)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		$(addprefix --no-emit-package ,$(MEMBER_NAMES)) --group dev $(addsuffix /pyproject.toml,$(MEMBERS)) -o requirements.lock

docs: install ## Write the generated documents (OpenAPI, AsyncAPI, docs/events.md, golden samples)
	$(BIN)/python -m storeops.app.documents

demo: install ## Set everything up and replay two weeks of real orders (ARGS="--days 2 --exit …")
	@$(BIN)/storeops demo $(ARGS)

serve: install ## Run everything on an embedded PostgreSQL in ./.storeops
	@$(BIN)/storeops serve $(ARGS)

check: install ## Format, lint, types, imports, architecture: what CI checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/pytest -q tests/architecture

format: install ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: install ## The whole suite, on real PostgreSQL and real Kafka
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

bench: install ## Measure everything beside raw limits, into docs/bench/latest.json (ARGS="--quick --only order.single …")
	@$(BIN)/storeops bench $(ARGS)

prove: install ## Kill, pause, cut and flood everything, on both buses, into docs/proof.md (ARGS="--runs 20 --seeds 1 2 …")
	@$(BIN)/python -m tests.faults.prove $(ARGS)

prove-oversell: install ## Twenty rounds of a thousand buyers for a hundred pieces, processes killed in the middle
	$(BIN)/pytest -m "" tests/oversell $(ARGS)

test-year: install ## The demo over the whole year of real orders, to the cent (many minutes)
	$(BIN)/pytest -m slow tests/app/demo

clean: ## Forget the demo's and serve's data (.storeops); the environment stays
	rm -rf .storeops
