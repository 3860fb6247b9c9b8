#!/usr/bin/env bash
# Runs the whole thing on this machine until Ctrl-C: nats-server on nats-conf/single.conf, on tls.conf
# with `demo.sh tls`, or three of them on nats-conf/cluster with `demo.sh cluster`, and the API, which
# serves the page. The API is built in the dev profile, the quickest to build; what travels to the browser
# is optimised all the same.
#
# DEMO_DIR=DIR  keeps keys, configuration and logs in that folder, and leaves nats-conf/generated alone
# DEMO_PORT=N   with a DEMO_DIR: the page is at port N, and what else listens at the ports after it
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# In a terminal, a process group of its own (a bash with job control makes itself one): Ctrl-C is
# then for this script to handle, and the just that called it is not told to fail.
if [[ -t 0 && $- != *m* ]]; then
  exec bash -m "${BASH_SOURCE[0]}" "$@"
fi
set +m
cd "$root"

kind=${1:-single} nats_scheme=nats websocket_scheme=ws
case $kind in
  single) nodes=(single) host=localhost ;;
  tls) nodes=(tls) host=localhost nats_scheme=tls websocket_scheme=wss ;;
  # By the address that the nodes tell each other's clients, so that none counts twice.
  cluster) nodes=(n1 n2 n3) host=127.0.0.1 ;;
  *) die "there is no such demo: $1" ;;
esac

if [[ -n ${DEMO_DIR:-} ]]; then
  mkdir -p "$DEMO_DIR"
  place=$(cd -- "$DEMO_DIR" && pwd)
  conf=$place/nats-conf logs=$place/logs
else
  conf=nats-conf logs=$target_dir/demo
fi
generated=$conf/generated
if [[ -n ${DEMO_PORT:-} ]]; then
  # Keys are kept with the ports that they were made for.
  [[ -n ${DEMO_DIR:-} ]] || die "DEMO_PORT needs a DEMO_DIR, for keys of its own"
  page=$DEMO_PORT
  client=$((page + 1)) websocket=$((page + 4)) monitor=$((page + 7)) routes=$((page + 10))
else
  page=3000 client=4222 websocket=5000 monitor=8222 routes=6222
fi
nats_pids=()
api_pid=

# shellcheck disable=SC2317 # reached by the trap
stop() {
  local pid deadline
  # All that was started, be it noted yet or not.
  for pid in $api_pid $(jobs -p); do
    kill -TERM "$pid" 2>/dev/null || continue
    deadline=$((SECONDS + 10))
    while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
      sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
}
trap stop EXIT
trap 'exit 0' INT TERM HUP

# gave_up PART LOG: says why a part does not run, and ends.
gave_up() {
  printf '%s\n' "--- the end of $2:" >&2
  tail -n 20 "$2" >&2
  die "$1"
}

check_port() {
  if port_is_open 127.0.0.1 "$1"; then
    die "port $1 is taken, and $2 needs it: stop what listens there and try again"
  fi
}

for index in "${!nodes[@]}"; do
  check_port $((client + index)) "nats-server (clients)"
  check_port $((websocket + index)) "nats-server (websocket)"
  check_port $((monitor + index)) "nats-server (monitoring)"
  [[ $kind != cluster ]] || check_port $((routes + index)) "nats-server (routes)"
done
check_port "$page" "the API"

tools/setup.sh demo
tools/page.sh
cargo build --package api
api=$target_dir/debug/api
[[ -z ${DEMO_DIR:-} ]] || copy_nats_conf "$conf"
origins=(--allowed-origin "http://localhost:$page" --allowed-origin "http://127.0.0.1:$page")
# On loopback, where the API is, too.
[[ -d $generated ]] || "$api" init --dir "$generated" "${origins[@]}" \
  --client-listen "127.0.0.1:$client" --websocket-listen "127.0.0.1:$websocket" \
  --monitor-listen "127.0.0.1:$monitor"
if [[ $kind == cluster && ! -d $generated/nodes ]]; then
  "$api" nodes add "${nodes[@]/%/=127.0.0.1}" --dir "$generated" "${origins[@]}" \
    --client-port "$client" --websocket-port "$websocket" \
    --monitor-port "$monitor" --cluster-port "$routes"
fi
if [[ $kind == tls && ! -d $generated/tls/single ]]; then
  "$api" tls add localhost 127.0.0.1 --dir "$generated"
fi

# launch LOG COMMAND...: in a process group of its own, so that Ctrl-C reaches this script alone and
# the parts end in order: first the API, then the server it hangs on.
launch() {
  local log=$1
  shift
  set -m
  "$@" >"$log" 2>&1 &
  set +m
}

mkdir -p "$logs"
client_urls=()
websocket_urls=()
for index in "${!nodes[@]}"; do
  node=${nodes[index]}
  node_conf=$conf/$node.conf
  [[ $kind != cluster ]] || node_conf=$conf/cluster/$node.conf
  launch "$logs/$node.log" nats-server -c "$node_conf"
  nats_pids+=("$!")
  client_urls+=("$nats_scheme://127.0.0.1:$((client + index))")
  websocket_urls+=("$websocket_scheme://$host:$((websocket + index))")
done
for index in "${!nodes[@]}"; do
  # The nodes of a cluster are healthy when they have found each other.
  wait_for 30 "${nats_pids[index]}" answers_200 127.0.0.1 $((monitor + index)) /healthz ||
    gave_up "nats-server did not start" "$logs/${nodes[index]}.log"
done
export API_NATS_URL API_WEBSOCKET_URLS API_LISTEN=127.0.0.1:$page API_KEYS_DIR=$generated
API_NATS_URL=$(IFS=, && echo "${client_urls[*]}")
API_WEBSOCKET_URLS=$(IFS=, && echo "${websocket_urls[*]}")
if [[ $kind == tls ]]; then
  # Whose certificate nats-server must have, and no other authority's will do.
  export API_NATS_CA_FILE=$generated/tls/ca.pem
fi
launch "$logs/api.log" "$api" serve
api_pid=$!
wait_for 20 "$api_pid" answers_200 127.0.0.1 "$page" /readyz ||
  gave_up "the API did not start" "$logs/api.log"

if [[ $kind == tls ]]; then
  trust="
  Your browser has to trust this authority first, or to be told of it at https://localhost:$websocket:

    $(cd -- "$generated/tls" && pwd)/ca.pem
"
else
  trust=
fi
cat <<END

  The page:  http://localhost:$page

  Open it in two tabs and click 'Call API' in one: the line comes up in both.
  Or from another terminal:

    curl -X POST localhost:$page/ping
$trust
$(for index in "${!nats_pids[@]}"; do
  printf '  nats-server %s: %s, process %s\n' \
    "${nodes[index]}" "${websocket_urls[index]}" "${nats_pids[index]}"
done)
  Logs: $logs
  Ctrl-C ends it all.
END

# A cluster goes on while one of its nodes is left.
left=("${nats_pids[@]}")
while kill -0 "$api_pid" 2>/dev/null && ((${#left[@]} > 0)); do
  wait -n "$api_pid" "${left[@]}" || true
  running=()
  for pid in "${left[@]}"; do
    if kill -0 "$pid" 2>/dev/null; then running+=("$pid"); fi
  done
  left=("${running[@]}")
done
if ((${#left[@]} == 0)); then
  gave_up "nats-server has ended by itself" "$logs/${nodes[0]}.log"
fi
gave_up "the API has ended by itself" "$logs/api.log"
