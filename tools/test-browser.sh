#!/usr/bin/env bash
# Runs the tests of the client, for Rust and for JavaScript, in Chromium, in a window and then in a
# worker, against nats-servers and an API started for them, some beside nats.js.
# usage: test-browser.sh [ARGUMENT...]   (for the test program, such as the name of a test)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

make_scratch
tools/nats-js.sh

# The addresses are compiled into the tests, so they should be the same the next time: ports that
# belong to this checkout, if they are free.
port=$((20000 + $(cksum <<<"$root" | cut -d ' ' -f 1) % 12000))

# next_port: sets `port` to the next one that is free.
next_port() {
  port=$((port + 1))
  while port_is_open 127.0.0.1 "$port"; do
    port=$((port + 1))
  done
}

# start_server CONF: starts a nats-server of the tests, with its websocket listener on `port`.
start_server() {
  next_port
  sed "/^websocket/,/^}/ s/127.0.0.1:-1/127.0.0.1:$port/" "web-wasm/tests/common/$1" >"$scratch/$1"
  start_nats_server "$scratch/$1" "$scratch/$1.log" port_is_open 127.0.0.1 "$port"
}

start_server server.conf
export WEB_WASM_TEST_SERVER=ws://127.0.0.1:$port
start_server operator.conf
export WEB_WASM_TEST_GUARDED_SERVER=ws://127.0.0.1:$port
JETSTREAM_DIR=$scratch/jetstream start_server jetstream.conf
export WEB_WASM_TEST_JETSTREAM_SERVER=ws://127.0.0.1:$port

# The API on a nats-server with nats-conf, as in production save for how long its credentials live.
# It must know where the page of the tests comes from.
next_port
export WASM_BINDGEN_TEST_ADDRESS=127.0.0.1:$port
cargo build --quiet --package api
copy_nats_conf "$scratch/nats-conf"
sed 's/^ttl_seconds = .*/ttl_seconds = 4/' api/roles.toml >"$scratch/roles.toml"
next_port && client=$port
next_port && monitor=$port
next_port && websocket=$port
"$target_dir/debug/api" init --dir "$scratch/nats-conf/generated" \
  --client-listen "127.0.0.1:$client" \
  --websocket-listen "127.0.0.1:$websocket" \
  --monitor-listen "127.0.0.1:$monitor" \
  --allowed-origin "http://$WASM_BINDGEN_TEST_ADDRESS" \
  --roles "$scratch/roles.toml" >/dev/null
start_nats_server "$scratch/nats-conf/single.conf" "$scratch/single.conf.log" \
  answers_200 127.0.0.1 "$monitor" /healthz
sed -e "s|^cross = .*|cross = [\"http://$WASM_BINDGEN_TEST_ADDRESS\"]|" \
  -e 's/^disconnects = .*/disconnects = true/' api/config/dev.toml >"$scratch/api.toml"
next_port
"$target_dir/debug/api" serve --config "$scratch/api.toml" \
  --listen "127.0.0.1:$port" \
  --nats-url "nats://127.0.0.1:$client" \
  --keys-dir "$scratch/nats-conf/generated" \
  --roles "$scratch/roles.toml" \
  --websocket-urls "ws://127.0.0.1:$websocket" >"$scratch/api.log" 2>&1 &
scratch_pids+=("$!")
wait_for 20 "$!" answers_200 127.0.0.1 "$port" /readyz || {
  cat "$scratch/api.log" >&2
  die "the API does not start"
}
export WEB_WASM_TEST_API=http://127.0.0.1:$port

# The default of 20 seconds is short for a debug build on a busy machine.
export WASM_BINDGEN_TEST_TIMEOUT=${WASM_BINDGEN_TEST_TIMEOUT:-180}
for surroundings in BROWSER DEDICATED_WORKER; do
  env "WASM_BINDGEN_USE_$surroundings=1" \
    tools/wasm-cargo test --package web-wasm --package web-wasm-js --tests -- "$@"
done
