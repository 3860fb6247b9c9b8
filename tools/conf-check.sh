#!/usr/bin/env bash
# Checks single.conf and single-callout.conf of nats-conf as they would be used: with freshly made
# keys, once by nats-server's own check and once by a real start and stop. All of it in a temporary
# copy.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

make_scratch
copy_nats_conf "$scratch/nats-conf"

cargo build --quiet --package api
client=$(free_port)
websocket=$(free_port)
monitor=$(free_port)
"$target_dir/debug/api" init --auth-callout --dir "$scratch/nats-conf/generated" \
  --client-listen "127.0.0.1:$client" \
  --websocket-listen "127.0.0.1:$websocket" \
  --monitor-listen "127.0.0.1:$monitor"

# check CONF: one configuration.
check() {
  local conf=$scratch/nats-conf/$1 log=$scratch/$1.log port
  nats-server -t -c "$conf" >"$log" 2>&1 || {
    cat "$log" >&2
    die "nats-server -t refuses $1"
  }
  start_nats_server "$conf" "$log" answers_200 127.0.0.1 "$monitor" /healthz
  for port in "$client" "$websocket"; do
    port_is_open 127.0.0.1 "$port" || {
      cat "$log" >&2
      die "nats-server does not listen on port $port"
    }
  done
  kill -TERM "$nats_server_pid"
  wait "$nats_server_pid" || die "nats-server ended with status $?"
  # Plain ws:// is meant: these are for one machine.
  if grep -E '\[(WRN|ERR|FTL)\]' "$log" | grep -v 'Websocket not configured with TLS'; then
    die "nats-server complains about $1"
  fi
  say "$1: valid, starts and stops"
}

# From another folder, since where the server is started must not matter.
cd /
for conf in single.conf single-callout.conf; do
  check "$conf"
done
