# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They need cargo (Rust 1.95) and a C compiler; what is missing is said in one line.

CARGO ?= cargo
# Real data for tests; without it they say "skipped: no data". docs/testing.md says what belongs there.
export DIPTYCH_DATA ?= $(abspath $(wildcard ../shared/data))

.PHONY: demo test verify lint build gen tools peers

demo: tools
	$(CARGO) run --quiet -p diptych-cli -- demo

build: tools
	$(CARGO) build --workspace

# Every test. nextest runs them when it is there, cargo test otherwise.
test: tools lint
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace --no-fail-fast; \
	else \
		$(CARGO) test --workspace --no-fail-fast; \
	fi

# The pure crates are linted with their bans; the others when somebody asks for `make lint-all`.
lint: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet -p diptych-event -p diptych-journey -p diptych-testkit --all-targets -- -D warnings

lint-all: tools
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings

# Generated reference docs and schemas; a test fails when they are stale.
gen: tools
	$(CARGO) run --quiet -p xtask -- gen

# Long checks: kills, shuffled worlds through the binary, 20 million events against ClickHouse and DuckDB.
verify: tools peers
	$(CARGO) build --workspace
	verify/run.sh

peers: .cache/venv/ready

.cache/venv/ready: verify/requirements.txt
	python3 -m venv .cache/venv
	.cache/venv/bin/pip install --quiet -r verify/requirements.txt
	touch $@

tools:
	@command -v $(CARGO) >/dev/null || { echo "install Rust 1.95 with cargo, for example by rustup"; exit 1; }
	@command -v cc >/dev/null || { echo "install a C compiler, on Debian: apt-get install build-essential"; exit 1; }
