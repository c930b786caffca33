# `make help` lists the targets. Everything is installed into .venv; stamp files there make the second run fast.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup serve test lint format gallery demo shot doctor docs site site-serve dist-check release image image-drill lock bench drill soak clean

# Processes that start often, as in tests, must not compile the package each time.
unexport PYTHONDONTWRITEBYTECODE
export PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/.stamps
ARGS ?=
export OUT ?=
export URL ?=
export VERSION ?=
# Processes of `make test`: more than cores, because tests spend half of their time waiting.
WORKERS ?= 3

help: ## List the targets
	@printf 'Tintype: website thumbnails from your own server.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nStart with: make serve\n'

setup: $(STAMPS)/dev $(STAMPS)/browser ## Prepare development: .venv, locked packages, Chromium, fonts

serve: $(STAMPS)/base $(STAMPS)/browser ## Run the service on 127.0.0.1:8000 (settings as variables: make serve PORT=9000)
	@exec $(BIN)/tintype serve $(ARGS)

test: $(STAMPS)/dev ## Run all tests; they start servers on free loopback ports (ARGS='-k EXPRESSION')
	@$(BIN)/tintype install-browser --quiet || echo '!! Chromium is missing: tests that need it will be SKIPPED.' >&2
	@scripts/server.sh
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMPS)/dev ## Check formatting, rules and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMPS)/dev ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

gallery: $(STAMPS)/dev $(STAMPS)/browser ## Capture test pages and compare them with accepted images in gallery/index.html (ACCEPT=1 accepts)
	@$(BIN)/python -m tests.gallery $(if $(filter 1,$(ACCEPT)),--accept) $(ARGS)

demo: $(STAMPS)/base $(STAMPS)/browser ## Capture a bundled page with several options into demo/
	@$(BIN)/python scripts/demo.py

shot: $(STAMPS)/base $(STAMPS)/browser ## Capture one page: make shot URL=https://… [OUT=file] [ARGS='--full-page']
	@test -n "$$URL" || { echo 'URL is missing: make shot URL=https://example.com' >&2; exit 2; }
	@$(BIN)/tintype shot "$$URL" $(if $(OUT),-o "$$OUT") $(ARGS)

doctor: $(STAMPS)/base ## Check settings, browser, fonts, cache and storage
	@$(BIN)/tintype doctor

docs: $(STAMPS)/base ## Write the generated tables in README.md and docs/
	@$(BIN)/python scripts/doc_tables.py

site: $(STAMPS)/dev ## Build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict && echo 'site/index.html is built'

site-serve: $(STAMPS)/dev ## Serve the documentation on 127.0.0.1:8100, rebuilt on changes (ARGS='-a HOST:PORT')
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8100 $(ARGS)

lock: $(STAMPS)/dev ## Update the lock files (ARGS=--upgrade for the latest versions)
	@scripts/lock.sh $(ARGS)

dist-check: $(STAMPS)/dev $(STAMPS)/browser ## Build the release archives, install the wheel in a new environment and capture a page
	@rm -rf dist && $(BIN)/python scripts/distribution.py

release: $(STAMPS)/release $(STAMPS)/browser ## Build and check everything that a release publishes, into dist/ (VERSION=…, ARGS='--only site')
	@$(BIN)/python -m scripts.release $(if $(VERSION),"$$VERSION") $(ARGS)

image: ## Build the image tintype:latest (TARGET=slim or full)
	docker build --target $(or $(TARGET),full) --tag tintype .

image-drill: ## Build the image without a registry and capture a page in it (root, debootstrap, buildah, runc)
	@scripts/image-drill.sh $(or $(TARGET),slim)

bench: $(STAMPS)/dev $(STAMPS)/browser ## Measure captures and cache hits per second
	@$(BIN)/python -m bench.service $(ARGS)

drill: $(STAMPS)/dev $(STAMPS)/browser ## Run one node with hostile callers, hostile pages and failing backends for an hour (SECONDS=…)
	@$(BIN)/python -m bench.drill --seconds $(or $(SECONDS),3600) $(ARGS)

soak: $(STAMPS)/dev $(STAMPS)/browser ## Capture hostile pages in random order for 15 minutes (SECONDS=…)
	@TINTYPE_TEST_SOAK=$(or $(SECONDS),900) $(BIN)/python -m pytest -s tests/hostile -k between_attacks

clean: ## Remove the environment, caches and demo images; keep data/
	rm -rf .venv demo gallery site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/base: requirements.lock pyproject.toml scripts/environment.sh
	@if test -e $(STAMPS)/dev; then scripts/environment.sh requirements-dev.lock && touch $(STAMPS)/dev; \
	else scripts/environment.sh requirements.lock; fi
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements-dev.lock requirements.lock pyproject.toml scripts/environment.sh
	@scripts/environment.sh requirements-dev.lock
	@mkdir -p $(STAMPS) && touch $(STAMPS)/base $@

$(STAMPS)/release: requirements-release.lock $(STAMPS)/dev
	@scripts/environment.sh requirements-release.lock
	@touch $@

$(STAMPS)/browser: | $(STAMPS)/base
	@$(BIN)/tintype install-browser --if-needed
	@touch $@
