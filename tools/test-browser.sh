#!/usr/bin/env bash
# Runs the tests of the client, for Rust and for JavaScript, in Chromium, in a window and then in a
# worker, against a nats-server started for them.
# usage: test-browser.sh [ARGUMENT...]   (for the test program, such as the name of a test)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

work=$(mktemp -d)
pid=
# shellcheck disable=SC2317 # reached by the trap
stop() {
  [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

# The address is compiled into the tests, so it should be the same the next time: a port that
# belongs to this checkout, or the next one that is free.
port=$((20000 + $(cksum <<<"$root" | cut -d ' ' -f 1) % 12000))
while port_is_open 127.0.0.1 "$port"; do
  port=$((port + 1))
done
sed "/^websocket/,/^}/ s/127.0.0.1:-1/127.0.0.1:$port/" web-wasm/tests/common/server.conf >"$work/server.conf"
nats-server -c "$work/server.conf" >"$work/server.log" 2>&1 &
pid=$!
wait_for 20 "$pid" port_is_open 127.0.0.1 "$port" || {
  cat "$work/server.log" >&2
  die "nats-server does not start"
}

# The default of 20 seconds is short for a debug build on a busy machine.
export WASM_BINDGEN_TEST_TIMEOUT=${WASM_BINDGEN_TEST_TIMEOUT:-180}
export WEB_WASM_TEST_SERVER=ws://127.0.0.1:$port
for surroundings in BROWSER DEDICATED_WORKER; do
  env "WASM_BINDGEN_USE_$surroundings=1" \
    tools/wasm-cargo test --package web-wasm --package web-wasm-js --tests -- "$@"
done
