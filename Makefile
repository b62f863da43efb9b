# `make help` says what there is.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help up down test lint fmt clippy docs deny tools accept-main-job bench-seen \
	chaos-normalizer accept-normalizer accept-ingest bench-normalizer

nextest_version := 0.9.151
deny_version := 0.20.2
tools := $(CURDIR)/.cardea/tools
export PATH := $(tools)/bin:$(PATH)

# Ours are quick to build, not quick to run: they run for seconds.
install := env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --quiet --locked --root $(tools)

help: ## says this
	@echo 'Cardea. Needs Rust, a C compiler, make, perl, Java 17 or newer and Maven.'
	@echo
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 28

up: ## builds and starts all of it: Kafka, Cardea, a receiver; sends one webhook per provider
	@deploy/local/up

down: ## stops what `make up` started; Kafka's data stay in .cardea/kafka
	@deploy/local/down

test: $(tools)/nextest-$(nextest_version) ## the whole suite, on a real Kafka
	deploy/kafka/kafka fetch
	cargo build --locked --workspace --bins --tests
	cargo test --locked --workspace --doc
	cargo nextest run --locked --workspace

lint: fmt clippy docs deny ## formatting, clippy, docs, licences and sources of dependencies

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --locked --workspace --all-targets -- -D warnings

docs: ## the crates' documentation, into target/doc
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

deny: $(tools)/deny-$(deny_version) ## licences, bans and sources of dependencies
	cargo deny --locked --all-features check licenses bans sources

tools: $(tools)/nextest-$(nextest_version) $(tools)/deny-$(deny_version) ## the cargo tools, into .cardea/tools

$(tools)/nextest-$(nextest_version):
	$(install) --no-default-features --features default-no-update cargo-nextest@$(nextest_version)
	@touch $@

$(tools)/deny-$(deny_version):
	$(install) cargo-deny@$(deny_version)
	@touch $@

accept-main-job: ## proves the main job: prints each of its lines with figure and pass or fail
	@tests/accept/run main_job

chaos-normalizer: ## breaks normalizers and a three-node Kafka under load, then audits; CHAOS='--seed 7 --short'
	cargo build --locked --bin cardea
	@CARDEA_BIN=$${CARGO_TARGET_DIR:-target}/debug/cardea tests/accept/run chaos $(CHAOS)

accept-normalizer: $(tools)/nextest-$(nextest_version) ## proves the normalizer: prints each of its lines with figure and pass or fail
	cargo build --locked --workspace --bins --tests
	cargo build --locked --release --package cardea --package end-to-end --bins
	@CARDEA_BIN=$${CARGO_TARGET_DIR:-target}/release/cardea tests/accept/run normalizer

accept-ingest: ## proves that ingest always has an answer: prints each line with figure and pass or fail
	deploy/kafka/kafka fetch
	cargo build --locked --release --bin cardea
	@CARDEA_BIN=$${CARGO_TARGET_DIR:-target}/release/cardea tests/accept/run ingest

bench-normalizer: ## measures the normalizer beside the same loop written bare: throughput, then latency
	deploy/kafka/kafka fetch
	cargo build --locked --release --package cardea --package end-to-end --bins
	$${CARGO_TARGET_DIR:-target}/release/bench-normalizer throughput
	$${CARGO_TARGET_DIR:-target}/release/bench-normalizer latency
	$${CARGO_TARGET_DIR:-target}/release/bench-normalizer latency --partitions 3

bench-seen: ## how fast the ids of the dedupe window are read back, 10 million of them
	cargo run --locked --release --package normalizer --example bench-seen
