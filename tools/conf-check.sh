#!/usr/bin/env bash
# Checks each configuration of nats-conf as it would be used: with freshly made keys, once by
# nats-server's own check and once by a real start and stop. All of it in a temporary copy.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

make_scratch
copy_nats_conf "$scratch/nats-conf"

cargo build --quiet --package api
api=$target_dir/debug/api
generated=$scratch/nats-conf/generated
# Of each kind as many as there are nodes.
nodes=(n1 n2 n3)
client=$(free_ports 15)
websocket=$((client + 3))
monitor=$((client + 6))
cluster=$((client + 9))
leaf=$((client + 12))
"$api" init --auth-callout --tls 127.0.0.1 --dir "$generated" \
  --client-listen "127.0.0.1:$client" \
  --websocket-listen "127.0.0.1:$websocket" \
  --monitor-listen "127.0.0.1:$monitor" >/dev/null
"$api" leaf add l1=127.0.0.1 --hub 127.0.0.1 --hub-port "$cluster" --dir "$generated" \
  --client-port $((client + 1)) --websocket-port $((websocket + 1)) \
  --monitor-port $((monitor + 1)) >/dev/null

# add_nodes OPTION...: in the place of those that are there.
add_nodes() {
  rm -rf "$generated/nodes"
  "$api" nodes add "${nodes[@]/%/=127.0.0.1}" --dir "$generated" \
    --client-port "$client" --websocket-port "$websocket" \
    --monitor-port "$monitor" --cluster-port "$cluster" --leaf-port "$leaf" "$@" >/dev/null
}

# From another folder, since where the server is started must not matter.
cd /

# complains LOG: true if nats-server complains of anything but plain ws://, which is meant (TLS ends at
# a proxy), and this script's looking whether a port is open, which speaks no TLS.
complains() {
  grep -E '\[(WRN|ERR|FTL)\]' "$1" | grep -vE 'Websocket not configured with TLS|TLS handshake error.*(EOF|reset by peer)$'
}

# check NAME...: nats-server takes these configurations, runs with all of them at once, has every
# listener open and ends when it is told to.
check() {
  local name index log port pids=()
  for name in "$@"; do
    log=$scratch/$(basename "$name").log
    nats-server -t -c "$scratch/nats-conf/$name.conf" >"$log" 2>&1 || {
      cat "$log" >&2
      die "nats-server -t refuses $name.conf"
    }
    nats-server -c "$scratch/nats-conf/$name.conf" >"$log" 2>&1 &
    pids+=("$!")
    scratch_pids+=("$!")
  done
  for index in "${!pids[@]}"; do
    log=$scratch/$(basename "${@:index+1:1}").log
    wait_for 30 "${pids[index]}" answers_200 127.0.0.1 $((monitor + index)) /healthz || {
      cat "$log" >&2
      die "nats-server does not become healthy with ${*:index+1:1}.conf"
    }
    for port in "$client" "$websocket"; do
      port_is_open 127.0.0.1 $((port + index)) || die "${*:index+1:1}.conf: port $port is closed"
    done
  done
  # All are told before one is waited for, as the last of a cluster can't do without the others.
  kill -TERM "${pids[@]}"
  for index in "${!pids[@]}"; do
    wait "${pids[index]}" || die "nats-server ended with status $?"
    # Nodes complain while they look for each other and when they part, as is right.
    if (($# == 1)) && complains "$scratch/$(basename "$1").log"; then
      die "nats-server complains about $1.conf"
    fi
  done
  say "$*: valid, start and stop"
}

# refuses NAME REASON: nats-server does not take this configuration, and says so.
refuses() {
  local said
  if said=$(nats-server -t -c "$scratch/nats-conf/$1.conf" 2>&1); then
    die "nats-server takes $1.conf"
  fi
  [[ $said == *"$2"* ]] || die "nats-server refuses $1.conf for another reason: $said"
  say "$1: refused, as is right"
}

check single
check single-callout
check tls
check hub leaf
add_nodes
check "${nodes[@]/#/cluster/}"
# No leaf without TLS.
refuses cluster/hub-n1 'unknown field "no_tls"'
add_nodes --tls
check "${nodes[@]/#/cluster/}"
check "${nodes[@]/#/cluster/hub-}"
