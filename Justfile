# What a checkout has installed for itself comes before what the machine has.
export PATH := justfile_directory() / ".tools/bin" + ":" + env("PATH")
export JUST := just_executable()

# List the recipes
[private]
default:
    @just --list --unsorted

# Install what building and running needs, if it is missing
[group('setup')]
setup:
    @tools/setup.sh demo

# Install that, and what the checks and browser tests need
[group('setup')]
setup-test:
    @tools/setup.sh test

# Run nats-server, the API and the page on this machine until Ctrl-C
[group('dev')]
demo:
    @exec tools/demo.sh

# Run that with TLS at nats-server for browser and API, by an authority made here
[group('dev')]
demo-tls:
    @exec tools/demo.sh tls

# Run that on three nodes: end one, and its tabs go on with another
[group('dev')]
cluster:
    @exec tools/demo.sh cluster

# Build the page into dist/page
[group('dev')]
page:
    @tools/page.sh

# Build the npm package into dist/npm/web-wasm-js
[group('dev')]
package:
    @tools/package.sh

# Build the examples into dist/examples; `API_PAGE_DIR=dist/examples just demo` serves them
[group('dev')]
examples:
    @tools/examples.sh

# Format all Rust code
[group('dev')]
fmt:
    cargo fmt --all
    cargo fmt --manifest-path examples/leptos/Cargo.toml

# Take the README's pictures of the page: light, dark and on a phone
[group('dev')]
screenshot: page
    cargo build --package api
    cargo run --package e2e --example screenshot

# Remove what was built and generated, keys included; installed tools stay
[group('dev')]
clean:
    cargo clean
    rm -rf dist nats-conf/generated

# All checks that run no tests
[group('check')]
check: fmt-check shellcheck deny proto-deps security-tests clippy clippy-wasm doc conf-check

# Is the code formatted?
[group('check')]
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path examples/leptos/Cargo.toml --check

# Lint the shell scripts
[group('check')]
shellcheck:
    shellcheck --external-sources tools/*.sh tools/wasm-cargo .ci/run

# Licences, sources and duplicates of the dependencies, those of the Leptos example too
[group('check')]
deny:
    cargo deny --workspace check bans licenses sources
    cargo deny --manifest-path examples/leptos/Cargo.toml --locked check bans licenses sources

# Known vulnerabilities of the dependencies; fetches the advisory database
[group('check')]
advisories:
    cargo deny --workspace check advisories
    cargo deny --manifest-path examples/leptos/Cargo.toml --locked check advisories

# Does nats-proto still do without an operating system?
[group('check')]
proto-deps:
    @tools/proto-deps.sh

# Does each test that SECURITY.md names exist?
[group('check')]
security-tests:
    @tools/security-tests.sh

# Lint the native build
[group('check')]
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# Lint the browser build
[group('check')]
clippy-wasm:
    tools/wasm-cargo clippy --package web-wasm --package web-wasm-js --package web-wasm-js-ed25519 --package web-wasm-page --package bench-wasm --package e2e-reader --lib --tests -- -D warnings
    tools/wasm-cargo clippy --manifest-path examples/leptos/Cargo.toml --locked -- -D warnings

# Build the documentation; a broken link is an error
[group('check')]
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude web-wasm-page --exclude bench-wasm --exclude e2e-reader --no-deps --document-private-items
    RUSTDOCFLAGS="-D warnings" tools/wasm-cargo doc --package web-wasm --package web-wasm-page --no-deps --document-private-items

# Does nats-server accept nats-conf and run with it?
[group('check')]
conf-check:
    @tools/conf-check.sh

# Everything: all checks, all tests (the README's test command)
[group('test')]
test:
    @tools/test.sh setup-test fmt-check shellcheck deny proto-deps security-tests clippy clippy-wasm doc test-native page conf-check test-browser test-package examples e2e bench-instructions

# Unit, property and integration tests outside the browser
[group('test')]
test-native:
    cargo test --workspace --exclude e2e

# The client's tests in Chromium: in a window, then in a worker
[group('test')]
test-browser:
    @tools/test-browser.sh

# The npm package in Chromium, beside and under nats.js, and as Vite and webpack build it; its types
[group('test')]
test-package *name: package
    @tools/test-package.sh {{ name }}

# End-to-end tests: nats-server, the API and Chromium, all real
[group('test')]
e2e: page examples
    cargo build --package api
    cargo test --package e2e

# Run the random simulations of whole clients from this seed on: the one that failed, or many
[group('test')]
simulate seed="0" count="1":
    SIMULATION_SEED={{ seed }} SIMULATION_COUNT={{ count }} cargo test --package web-wasm --test native -- simulation::random simulation::jetstream::random simulation::jetstream::tabs::whatever

# Fuzz the protocol: decoder, connection or text; needs cargo-fuzz and a nightly compiler
[group('test')]
fuzz target="connection" seconds="60":
    cd web-wasm && cargo +nightly fuzz run {{ target }} -- -dict=fuzz/nats.dict -max_total_time={{ seconds }}

# The protocol core and the mint by the clock, then the API under load; see BENCHMARKS.md
[group('bench')]
bench: && bench-http
    cargo bench --package bench --package bench-stack

# The API under load beside a route that does nothing; results go to target/bench
[group('bench')]
bench-http *arguments: page
    cargo build --package api
    cargo build --release --package api --package bench-stack
    target/release/bench-stack http {{ arguments }}

# Tens of thousands of connections beside websocket servers; results go to target/bench
[group('bench')]
bench-scale *arguments: page
    cargo build --package api
    cargo build --release --package api --package bench-stack
    target/release/bench-stack scale {{ arguments }}

# The client in Chromium beside nats.js and a bare socket; needs npm; results go to target/bench
[group('bench')]
bench-browser *arguments:
    @tools/bench-page.sh
    cargo build --release --package bench-stack
    target/release/bench-stack browser {{ arguments }}

# Take the results of the last runs over into BENCHMARKS.md: of browser, http and scale, or some
[group('bench')]
bench-report *of:
    cargo build --release --package bench-stack
    target/release/bench-stack report {{ of }} --into BENCHMARKS.md

# Does the protocol core take more instructions than it did? `--update` takes over what it takes now
[group('bench')]
bench-instructions *arguments:
    cargo build --release --package bench
    target/release/instructions {{ arguments }}
