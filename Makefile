# One command each. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
DATA ?= var/demo
# Most tests wait: for brokers, boards, browsers. A file's tests stay together, slow files begin first.
WORKERS ?= 4
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help run test lint bench soak fuzz dev format panel install uninstall test-install test-ha screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 24

$(VENV)/.run: pyproject.toml uv.lock tools/setup
	@tools/setup run

$(VENV)/.dev: pyproject.toml uv.lock tools/setup
	@tools/setup dev

panel: ## build the panel's assets from dashboards/panel (nothing to do when they are fresh)
	@$(BIN)/python hatch_build.py

run: $(VENV)/.run panel ## set up what is missing and run the demo site (no hardware needed)
	@exec $(BIN)/sluis demo --data-dir $(DATA)

dev: $(VENV)/.dev panel ## set up everything for working on Sluis
	@echo "Ready. Try: $(BIN)/sluis --help"

test: dev lint panel ## set up, then run every test (real mosquitto, real Chromium)
	@$(BIN)/pytest -q $(SPREAD) -m "not soak" --ignore tests/panel/browser
	@# The browser's driver keeps an event loop of its own, so these run by themselves.
	@$(BIN)/pytest -q $(SPREAD) -m "not soak" tests/panel/browser

lint: $(VENV)/.dev ## formatting, lint, types, import contracts
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q . && $(BIN)/mypy && \
	  $(BIN)/python tools/firmware_types.py && $(BIN)/lint-imports --no-cache | tail -n 8

format: $(VENV)/.dev ## format the code and mend what can be mended
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

bench: dev ## the figures of docs/performance.md, as ratios measured in one run
	@$(BIN)/python -m bench

soak: dev ## long runs: hours of load, 200 kills
	@$(BIN)/pytest -q -m soak --timeout 0

fuzz: dev ## feed hostile bytes to every codec and driver for some minutes
	@SLUIS_FUZZ=1 $(BIN)/pytest -q tests -k fuzz --timeout 0

install: ## install the service on this machine (as root; see docs/how-to/install.md)
	@packaging/install $(ARGS)

uninstall: ## remove the service; keeps the data unless PURGE=1
	@packaging/uninstall $(ARGS)

test-ha: dev ## against a real Home Assistant, in a virtual environment of its own under var/ (slow)
	@[ -x var/hass/bin/hass ] || { $(BIN)/uv venv -q --python 3.11 var/hass && $(BIN)/uv pip install -q -p var/hass \
	  homeassistant==2024.3.3 paho-mqtt==1.6.1 SQLAlchemy==2.0.27 home-assistant-frontend==20240307.0 janus Pillow \
	  securetar 'josepy<2' psutil-home-assistant psutil 'numpy<2' fnv-hash-fast PyTurboJPEG==1.7.1; }
	@SLUIS_HASS=$(CURDIR)/var/hass/bin/hass $(BIN)/pytest -q -m soak tests/homeassistant

screenshots: dev ## renew the pictures in docs/screenshots
	@SLUIS_SCREENSHOTS=1 $(BIN)/pytest -q tests/panel/browser/test_screenshots.py

test-install: dev ## install into a fresh Debian root, start, uninstall (slow, as root)
	@$(BIN)/pytest -q packaging --timeout 0

clean: ## remove the venv and what was built; keeps var/
	rm -rf $(VENV) dashboards/panel/dist dashboards/panel/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
