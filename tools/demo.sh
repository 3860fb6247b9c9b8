#!/usr/bin/env bash
# Runs the whole thing on this machine until Ctrl-C: nats-server on nats-conf/single.conf and the
# API, which serves the page. The API is built in the dev profile, the quickest to build; what
# travels to the browser is optimised all the same.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# In a terminal, a process group of its own (a bash with job control makes itself one): Ctrl-C is
# then for this script to handle, and the just that called it is not told to fail.
if [[ -t 0 && $- != *m* ]]; then
  exec bash -m "${BASH_SOURCE[0]}"
fi
set +m
cd "$root"

logs=$target_dir/demo
nats_pid=
api_pid=

# shellcheck disable=SC2317 # reached by the trap
stop() {
  local pid deadline
  for pid in $api_pid $nats_pid; do
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

check_port 4222 "nats-server (clients)"
check_port 5000 "nats-server (websocket)"
check_port 8222 "nats-server (monitoring)"
check_port 3000 "the API"

tools/setup.sh demo
tools/page.sh
cargo build --package api
api=$target_dir/debug/api
[[ -d nats-conf/generated ]] || "$api" init --dir nats-conf/generated

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
launch "$logs/nats-server.log" nats-server -c nats-conf/single.conf
nats_pid=$!
wait_for 20 "$nats_pid" answers_200 127.0.0.1 8222 /healthz ||
  gave_up "nats-server did not start" "$logs/nats-server.log"
launch "$logs/api.log" "$api" serve
api_pid=$!
wait_for 20 "$api_pid" answers_200 127.0.0.1 3000 /readyz ||
  gave_up "the API did not start" "$logs/api.log"

cat <<END

  The page:  http://localhost:3000

  Open it in two tabs and click 'Call API' in one: the line comes up in both.
  Or from another terminal:

    curl -X POST localhost:3000/ping

  Logs: $logs
  Ctrl-C ends it all.
END

wait -n "$nats_pid" "$api_pid" || true
if ! kill -0 "$nats_pid" 2>/dev/null; then
  gave_up "nats-server has ended by itself" "$logs/nats-server.log"
fi
gave_up "the API has ended by itself" "$logs/api.log"
