# What a developer and CI run. `make test` installs what is missing, then checks and tests everything.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# Outside the checkout, so that a fresh clone builds incrementally.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/lakexpress-target
export LAKEXPRESS_VENV ?= $(HOME)/.cache/lakexpress-venv
# rustup's directory, for shells that do not have it in their PATH.
export PATH := $(HOME)/.cargo/bin:$(PATH)

SCALE ?= 1
CONSISTENCY_RUNS ?= 20
KILLS ?= 50
ROUNDS ?= 5
METHOD_ROWS ?= 10000000
RESUME_TABLES ?= 2000
RESUME_RUNS ?= 20
FUZZ_SECONDS ?= 1200
EXPRESSIONS ?= 20000
MUTANTS ?= 150
MUTANTS_SEED ?= 1
MUTANTS_SECONDS ?= 0
MUTANTS_IN ?= src
MYSQL_SERVERS ?= system mariadb-11.8 mysql
FUZZ_TARGETS ?= arrays auth copy delta encoders intent lock manifest mysql numeric server
# Tests wait for servers and clocks as often as for a processor.
TEST_THREADS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Benchmarks with their own arguments are only printed; the others go into docs/benchmarks.md.
BENCH_ARGS ?=
record = $(if $(BENCH_ARGS),cat,"$(LAKEXPRESS_VENV)/bin/python" benches/record.py $(1))

.PHONY: build test check test-deps verify verify-methods verify-versions verify-huge verify-tpch verify-consistency verify-crash verify-damage verify-sqlite verify-queries verify-storage verify-resume verify-bounds verify-nights verify-mysql verify-python verify-readers verify-hostile verify-fuzz verify-expressions verify-mutants bench bench-mariadb bench-shapes bench-scale bench-sizes bench-layout bench-tables bench-encoders dist dist-try dist-fresh cargo rust

## build: the program, optimised
build: cargo
	cargo build --release --locked

## test: everything CI demands
test: rust test-deps check
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked
	cargo test --locked --features otlp --test otlp

## dist: what users install, in dist/: wheel, .deb, tar.gz, npm packages, SBOM, checksums; each is then tried (docs/dev/release.md)
dist: cargo
	scripts/dist/wheel.sh
	scripts/dist/sbom.sh
	scripts/dist/files.sh
	scripts/dist/tar.sh
	scripts/dist/deb.sh
	scripts/dist/npm.sh
	scripts/dist/sums.sh
	$(MAKE) --no-print-directory dist-try

## dist-try: installs what is in dist/ in clean places; demo, and an export of a PostgreSQL server; at most 60 seconds
dist-try: test-deps
	scripts/dist/try.sh

## dist-fresh: what README's two commands say on a Debian that has only git and make; FRESH=--build builds there (15 minutes)
dist-fresh:
	scripts/dist/fresh.sh $(FRESH)

## check: formatting, lints, and what is linked: licences, sources, known holes
check: cargo
	cargo fmt --all -- --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --lib --bins --test otlp --bench encoders --locked --features otlp,bench -- -D warnings
	scripts/deny.sh

## test-deps: servers, strace and the Python readers, if they are not there
test-deps:
	scripts/install-test-deps.sh

## verify: the long versions of the tests, with the optimised program
verify: verify-methods verify-versions verify-huge verify-tpch verify-consistency verify-crash verify-damage verify-sqlite verify-queries verify-storage verify-resume verify-bounds verify-readers verify-nights verify-mysql verify-python verify-hostile verify-expressions verify-fuzz

## verify-methods: every way to cut a skewed table of METHOD_ROWS (10,000,000) rows
verify-methods: test-deps cargo
	LAKEXPRESS_METHOD_ROWS=$(METHOD_ROWS) cargo test --release --locked --test it -- --nocapture methods::every_method

## verify-bounds: every filter of every column by readers that skip row groups and pages, compared with PostgreSQL; 1,000 look-ups by Bloom filters
verify-bounds: test-deps cargo
	LAKEXPRESS_BOUND_FILTERS=0 cargo test --release --locked --test it -- --nocapture bounds::
	LAKEXPRESS_BOUND_FILTERS=0 LAKEXPRESS_LOOKS=1000 cargo test --release --locked --test it -- --nocapture steering::

## verify-readers: every type, codec and form of --readers, opened by Spark 3.5 and 4 and eight others (docs/readers.md)
verify-readers: test-deps cargo
	scripts/install-readers.sh
	cargo test --release --locked --test it -- --nocapture --ignored every_reader::

## verify-huge: values of a gigabyte
verify-huge: test-deps cargo
	cargo test --release --locked --test it -- --nocapture --ignored types::large

## verify-versions: the matrix of values and every cut over PostgreSQL 12, 13, 14, 16, 17 and 18
verify-versions: test-deps cargo
	scripts/install-postgres-versions.sh
	cargo test --release --locked --test it -- --nocapture --ignored types::versions

## verify-mysql: the MySQL source on MYSQL_SERVERS (system mariadb-11.8 mysql: MariaDB of the system, MariaDB 11.8, the MySQL of Debian unstable): TPC-H of SCALE (1), exports while money moves CONSISTENCY_RUNS (20) times; the run log in MySQL
verify-mysql: test-deps cargo
	SCALE=$(SCALE) scripts/verify-mysql.sh $(CONSISTENCY_RUNS) $(MYSQL_SERVERS)

## verify-tpch: all TPC-H tables of scale factor SCALE (1), every value compared with the server's
verify-tpch: test-deps cargo
	LAKEXPRESS_TPCH_SCALE=$(SCALE) cargo test --release --locked --test it -- --nocapture tpch:: --skip sqlite::

## verify-python: the Python package over TPC-H of SCALE (1): 6 million rows through stream into DuckDB and Polars
verify-python: test-deps cargo
	LAKEXPRESS_TPCH_SCALE=$(SCALE) cargo test --release --locked --test it -- --nocapture python_package::

## verify-consistency: exports while money moves, CONSISTENCY_RUNS (20) times
verify-consistency: test-deps cargo
	LAKEXPRESS_CONSISTENCY_RUNS=$(CONSISTENCY_RUNS) cargo test --release --locked --test it -- --nocapture consistency::

## verify-crash: kill -9 at KILLS (50) random moments, and at every step of the commit
verify-crash: test-deps cargo
	LAKEXPRESS_KILLS=$(KILLS) cargo test --release --locked --test it -- --nocapture --test-threads=1 crash::

## verify-damage: wrong rows on their way and in files, ROUNDS (5) of each kind in each TPC-H table
verify-damage: test-deps cargo
	LAKEXPRESS_VERIFY_ROUNDS=$(ROUNDS) cargo test --release --locked --test it -- --nocapture verify::

## verify-sqlite: TPC-H of SCALE (1) in SQLite, exported CONSISTENCY_RUNS (20) times while others write
verify-sqlite: test-deps cargo
	LAKEXPRESS_TPCH_SCALE=$(SCALE) LAKEXPRESS_CONSISTENCY_RUNS=$(CONSISTENCY_RUNS) cargo test --release --locked --test it -- --nocapture sqlite::tpch::

## verify-queries: the 22 queries of TPC-H over PostgreSQL at scale 1, beside the published answers
verify-queries: test-deps cargo
	LAKEXPRESS_TPCH_SCALE=1 cargo test --release --locked --test it -- --nocapture --ignored query::the_published_answers

## verify-expressions: every operator, cast and function over our types, EXPRESSIONS (20,000) generated expressions and 500 queries, beside PostgreSQL
verify-expressions: test-deps cargo
	LAKEXPRESS_SEED="$${LAKEXPRESS_SEED:-clock}" LAKEXPRESS_CONSTRUCTS_EVERY=1 LAKEXPRESS_EXPRESSIONS=$(EXPRESSIONS) LAKEXPRESS_EXPORTED_EXPRESSIONS=300 LAKEXPRESS_RELATIONS=500 \
		cargo test --release --locked --test it -- --nocapture expressions::

## verify-storage: TPC-H at 0.1 to every storage; every request to S3, GCS and Azure fails once, or is refused for ever
verify-storage: test-deps cargo
	LAKEXPRESS_TPCH_SCALE=0.1 cargo test --release --locked --test it -- --nocapture storage::seed::
	LAKEXPRESS_FAULT_STEP=1 cargo test --release --locked --test it -- --nocapture storage::faults storage::small | \
		awk '{ print; fflush() } / cases of / { for (i = 2; i <= NF; i++) if ($$i == "cases") n += $$(i - 1) } END { print n " cases of a request that failed: nothing half, nothing left" }'

## verify-resume: RESUME_TABLES (2,000) tables, the server killed at a random moment and the run resumed, RESUME_RUNS (20) times; then the program
verify-resume: test-deps cargo
	LAKEXPRESS_RESUME_TABLES=$(RESUME_TABLES) LAKEXPRESS_RESUME_RUNS=$(RESUME_RUNS) cargo test --release --locked --test it -- --nocapture --test-threads=1 resume::a_killed

## verify-nights: signals, slow lines, full disks and pipes, environments that others set, and names on a file system that ignores case
verify-nights: test-deps cargo
	cargo test --release --locked --test it -- --nocapture --include-ignored --test-threads=2 nights:: names::folding

## verify-hostile: servers, files and links made to harm, all of them; prints how many were tried and stopped
verify-hostile: test-deps cargo
	LAKEXPRESS_HOSTILE=1 cargo test --release --locked --test it -- --nocapture hostile:: | \
		awk '{ print; fflush() } /^hostile: / { n += $$2 } END { print n " attacks tried and stopped" }'

## verify-fuzz: every fuzz target for FUZZ_SECONDS (1200): no crash, no allocation above 256 MiB (fuzz/README.md)
verify-fuzz: cargo
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
	cp Cargo.lock fuzz/Cargo.lock
	cd fuzz && for target in $(FUZZ_TARGETS); do \
		cargo +nightly fuzz build --fuzz-dir . --target-dir "$(CARGO_TARGET_DIR)-fuzz" $$target || exit 1; \
	done
	cd fuzz && for target in $(FUZZ_TARGETS); do \
		mkdir -p found/$$target; \
		cargo +nightly fuzz run --fuzz-dir . --target-dir "$(CARGO_TARGET_DIR)-fuzz" $$target found/$$target corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=25 -rss_limit_mb=2048 -malloc_limit_mb=256 -max_len=65536 -print_final_stats=1 || exit 1; \
	done

## verify-mutants: MUTANTS (150) ways to break MUTANTS_IN (src) by MUTANTS_SEED (1), at least 92 % noticed by the nearest tests (tests/mutants.toml)
verify-mutants: test-deps cargo
	"$(LAKEXPRESS_VENV)/bin/python" scripts/mutants.py --cargo-mutants "$$(scripts/install-mutants.sh)" \
		--directory "$(CARGO_TARGET_DIR)-mutants" --only $(MUTANTS_IN) --count $(MUTANTS) --seed $(MUTANTS_SEED) --seconds $(MUTANTS_SECONDS)

## bench: lineitem to Parquet, beside DuckDB (benches/README.md); BENCH_ARGS="--source sqlite" from SQLite
bench: test-deps build
	"$(LAKEXPRESS_VENV)/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r benches/requirements.txt
	"$(LAKEXPRESS_VENV)/bin/python" benches/lineitem.py --program "$(CARGO_TARGET_DIR)/release/lakexpress" $(BENCH_ARGS) | $(call record,lineitem)

## bench-mariadb: lineitem from MariaDB to Parquet, beside DuckDB, ConnectorX and mariadb --quick
bench-mariadb: test-deps build
	"$(LAKEXPRESS_VENV)/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r benches/requirements.txt
	"$(LAKEXPRESS_VENV)/bin/python" benches/lineitem.py --program "$(CARGO_TARGET_DIR)/release/lakexpress" --source mariadb $(BENCH_ARGS) | $(call record,mariadb)

## bench-shapes: tables of numbers, text, 2 and 1,000 columns, JSON, bytes, beside DuckDB, ConnectorX and ADBC; BENCH_ARGS="--shapes json"
bench-shapes: test-deps build
	"$(LAKEXPRESS_VENV)/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r benches/requirements.txt
	"$(LAKEXPRESS_VENV)/bin/python" benches/shapes.py --program "$(CARGO_TARGET_DIR)/release/lakexpress" $(BENCH_ARGS) | $(call record,shapes)

## bench-scale: lineitem at scale 0.1, 1 and 10 (13 GB of disk); fails when memory grows by more than 10 %; BENCH_ARGS="--scales 0.1,1"
bench-scale: test-deps build
	"$(LAKEXPRESS_VENV)/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r benches/requirements.txt
	"$(LAKEXPRESS_VENV)/bin/python" benches/scale.py --program "$(CARGO_TARGET_DIR)/release/lakexpress" $(BENCH_ARGS) | $(call record,scale)

## bench-sizes: zstd files of TPC-H's eight tables at SCALE (1), beside DuckDB's
bench-sizes: test-deps build
	"$(LAKEXPRESS_VENV)/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r benches/requirements.txt
	"$(LAKEXPRESS_VENV)/bin/python" benches/sizes.py --scale $(SCALE) --program "$(CARGO_TARGET_DIR)/release/lakexpress" | $(call record,sizes)

## bench-layout: lineitem in Hive partitions beside DuckDB's PARTITION_BY, and sorted, with what readers skip; fails when a bar is missed
bench-layout: test-deps build
	"$(LAKEXPRESS_VENV)/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r benches/requirements.txt
	"$(LAKEXPRESS_VENV)/bin/python" benches/layout.py --program "$(CARGO_TARGET_DIR)/release/lakexpress" $(BENCH_ARGS) | $(call record,layout)

## bench-tables: what each of 2,000 small tables costs, beside psql in one session
bench-tables: test-deps build
	"$(LAKEXPRESS_VENV)/bin/python" benches/many.py --program "$(CARGO_TARGET_DIR)/release/lakexpress" | $(call record,tables)

## bench-encoders: our encoders of flat columns next to the parquet crate's; BENCH_ARGS="--rows 100000 --rounds 1 text"
bench-encoders: cargo
	cargo bench --locked --features bench --bench encoders -- $(BENCH_ARGS) | $(call record,encoders)

# Rust as Cargo.toml wants it and a C compiler; what is missing is said with what to type.
cargo:
	@scripts/toolchain.sh

rust:
	@scripts/toolchain.sh --rust
