# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They need cargo (Rust 1.95) and a C compiler; what is missing is said in one line.

CARGO ?= cargo
# Real data for tests; without it they say "skipped: no data". docs/testing.md says what belongs there.
export DIPTYCH_DATA ?= $(abspath $(wildcard ../shared/data))

.PHONY: demo test verify bench lint build gen tools peers ui browser dist

demo: tools ui
	$(CARGO) run --quiet -p diptych-cli -- demo

build: tools ui
	$(CARGO) build --workspace

# Every test. nextest runs them when it is there, cargo test otherwise.
test: tools lint ui browser
	@if test -d ui/node_modules; then cd ui && npm run --silent check && npm test --silent; fi
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

# Diptych against ClickHouse, DuckDB and Polars, in millions of events; hours at 100 (bench/README.md).
SIZES ?= 1,10,100
bench: tools .cache/bench-venv/ready
	$(CARGO) build --quiet --release -p diptych-cli
	.cache/bench-venv/bin/python bench/run.py --diptych "$${CARGO_TARGET_DIR:-target}/release/diptych" --folder .cache/bench --sizes $(SIZES)

.cache/bench-venv/ready: bench/requirements.txt
	python3 -m venv .cache/bench-venv
	.cache/bench-venv/bin/pip install --quiet -r bench/requirements.txt
	touch $@

peers: .cache/venv/ready

.cache/venv/ready: verify/requirements.txt
	python3 -m venv .cache/venv
	.cache/venv/bin/pip install --quiet -r verify/requirements.txt
	touch $@

# The web app, which the binary carries. Without Node the binary is built without it, and says so.
ui:
	@if command -v npm >/dev/null; then $(MAKE) --silent ui/dist/index.html; \
	else echo "no web app: install Node 20 with npm, on Debian: apt-get install nodejs npm"; fi

ui/dist/index.html: ui/node_modules/.package-lock.json $(shell find ui/src ui/public ui/index.html ui/vite.config.ts -type f 2>/dev/null)
	cd ui && npm run --silent build
	@touch $@

ui/node_modules/.package-lock.json: ui/package-lock.json
	@# Not npm ci, which insists on the optional packages of other platforms; the lock file gives the versions all the same.
	cd ui && npm install --no-save --no-audit --no-fund --silent
	@touch $@

# One archive for this platform: unpack it anywhere and run it; neither Rust nor Node is needed there.
dist: tools ui
	$(CARGO) build --release --quiet -p diptych-cli
	rm -rf dist && mkdir -p dist/diptych
	cp "$${CARGO_TARGET_DIR:-target}/release/diptych" README.md LICENSE-MIT LICENSE-APACHE dist/diptych/
	cp -r examples dist/diptych/examples
	tar -C dist -czf dist/diptych-$$(uname -s | tr A-Z a-z)-$$(uname -m).tar.gz diptych
	@ls -lh dist/*.tar.gz

# Chromium for the tests of the web app, which are skipped without it.
browser:
	@command -v chromium >/dev/null || { apt-get install -y -qq chromium >/dev/null 2>&1 || (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1; } \
		|| echo "the tests of the web app are skipped: install Chromium, on Debian: apt-get install chromium"

tools:
	@command -v $(CARGO) >/dev/null || { echo "install Rust 1.95 with cargo, for example by rustup"; exit 1; }
	@command -v cc >/dev/null || { echo "install a C compiler, on Debian: apt-get install build-essential"; exit 1; }
