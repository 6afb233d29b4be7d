# One command per chore; the work is in scripts/. Settings, all optional:
#   PG                the major version of PostgreSQL to build for and to test, 15 to 18: one that is not installed is
#                     unpacked into TIMEDB_STATE_DIR (default: the newest that is installed)
#   PG_CONFIG         the same by the path of a pg_config
#   PORT              where `make run` serves (default: 8000)
#   TIMEDB_STATE_DIR  where the private clusters live (default: .timedb)

# rustup does not touch the shell it was installed from.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: all help setup build run test test-versions test-update soak fuzz fmt lint doc bench bench-scale bench-codec install package packages packages-check packages-test release audit clean distclean

# What PGXN's client calls before `make install`.
all: package

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing (system packages, cargo-pgrx)
	@scripts/setup.sh

build: setup ## Build the extension and the binary
	@scripts/build.sh

run: setup ## Serve the API on 127.0.0.1:8000 with a private PostgreSQL, until Ctrl-C
	@scripts/run.sh

test: ## Run everything: format, lints, docs, all tests (T=cli: one area, F=word: tests named so)
	@scripts/setup.sh test
	@scripts/test.sh $(if $(T),--test $(T)) $(F)

test-versions: ## The behaviour tests on the other versions of PostgreSQL, the attacks on the newest; moves between versions
	@scripts/versions.sh
	@scripts/majors.sh

test-update: setup ## Update a store of ten million values to a trial version, and compare its answers
	@scripts/update.sh

soak: ## Half an hour of mixed load with restarts and kills (LOAD_SECONDS); random queries as one tenant; then fuzz
	@scripts/setup.sh soak
	@scripts/load.sh
	@scripts/soak.sh
	@scripts/setup.sh fuzz
	@scripts/fuzz.sh

fuzz: ## Fuzz what reads bytes, and merging, each target for TIMEDB_FUZZ_SECONDS (60) (T=wire: one target)
	@scripts/setup.sh fuzz
	@scripts/fuzz.sh $(T)

fmt: ## Format the Rust sources
	@cargo fmt --all
	@cargo fmt --manifest-path fuzz/Cargo.toml

lint: setup ## Check format and lints, warnings as errors
	@scripts/lint.sh

doc: setup ## Build the crates' documentation
	@scripts/doc.sh

bench: setup ## Measure against plain tables on a private PostgreSQL
	@scripts/bench_env.sh scripts/bench.sh

bench-scale: setup ## Measure reads while a store grows to a billion values (TIMEDB_SCALE_MAX=100M: less)
	@scripts/bench_env.sh scripts/bench.sh scale

bench-codec: ## Measure the bits a value of public data, beside other codecs
	@scripts/bench_codec.sh

install: setup ## Install the extension into the PostgreSQL of PG_CONFIG
	@scripts/package.sh --install

package: setup ## Leave an installable tree in target/package
	@scripts/package.sh

packages: ## Make the packages of docs/install.md in target/packages (TIMEDB_PACKAGES="15 17": for these versions)
	@scripts/setup.sh packages
	@scripts/packages.sh

packages-check: ## Make the packages twice, in two folders, and compare them
	@scripts/setup.sh packages
	@scripts/packages_check.sh

packages-test: ## Install the packages in a clean Debian, as root, and try them
	@scripts/setup.sh packages
	@scripts/packages_test.sh

release: setup ## Keep what a release needs for later updates: make release VERSION=1.2.3
	@scripts/release.sh "$(VERSION)"

audit: ## Check the dependencies' licences, sources and known vulnerabilities
	@scripts/audit.sh

clean: ## Delete what was built (the data of `make run` stays)
	@cargo clean

distclean: clean ## Delete the private PostgreSQL too, with the data of `make run`
	@scripts/distclean.sh
