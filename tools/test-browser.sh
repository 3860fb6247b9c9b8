#!/usr/bin/env bash
# Runs the tests of the client, for Rust and for JavaScript, in Chromium, in a window and then in a
# worker, against nats-servers started for them.
# usage: test-browser.sh [ARGUMENT...]   (for the test program, such as the name of a test)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

make_scratch

# start_server CONF PORT: starts a nats-server of the tests with its websocket listener on that port.
start_server() {
  sed "/^websocket/,/^}/ s/127.0.0.1:-1/127.0.0.1:$2/" "web-wasm/tests/common/$1" >"$scratch/$1"
  start_nats_server "$scratch/$1" "$scratch/$1.log" port_is_open 127.0.0.1 "$2"
}

# next_port PORT: that port, or the next one that is free.
next_port() {
  local port=$1
  while port_is_open 127.0.0.1 "$port"; do
    port=$((port + 1))
  done
  echo "$port"
}

# The addresses are compiled into the tests, so they should be the same the next time: ports that
# belong to this checkout, if they are free.
port=$(next_port $((20000 + $(cksum <<<"$root" | cut -d ' ' -f 1) % 12000)))
start_server server.conf "$port"
guarded_port=$(next_port $((port + 1)))
start_server operator.conf "$guarded_port"

# The default of 20 seconds is short for a debug build on a busy machine.
export WASM_BINDGEN_TEST_TIMEOUT=${WASM_BINDGEN_TEST_TIMEOUT:-180}
export WEB_WASM_TEST_SERVER=ws://127.0.0.1:$port
export WEB_WASM_TEST_GUARDED_SERVER=ws://127.0.0.1:$guarded_port
for surroundings in BROWSER DEDICATED_WORKER; do
  env "WASM_BINDGEN_USE_$surroundings=1" \
    tools/wasm-cargo test --package web-wasm --package web-wasm-js --tests -- "$@"
done
