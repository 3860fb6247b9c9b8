# shellcheck shell=bash
# Ground shared by the scripts of this folder: where things are, which versions fit, how to speak.
# To be sourced, after `set -euo pipefail`.
# shellcheck disable=SC2034 # what is set here is read there

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
target_dir=${CARGO_TARGET_DIR:-$root/target}
# What a checkout installs for itself comes before what the machine has.
export PATH="$tools/bin:$PATH"

# The versions that fit. wasm-bindgen's is read from Cargo.toml, since its tool must match the crate
# to the letter.
wasm_bindgen_version=$(
  sed -nE 's/^wasm-bindgen *= *(\{ *version *= *)?"=([0-9.]+)".*/\2/p' "$root/Cargo.toml"
)
readonly nats_server_minimum=2.14.0
# esbuild and nats.js want it; Debian 12 has it.
readonly node_minimum=18.0.0
readonly cargo_deny_version=0.20.2

readonly wasm_target=wasm32-unknown-unknown
# Debian's second toolchain (package rustc-web) is named by its path, since rustup's shims come first.
readonly debian_rustc=/usr/bin/rustc
readonly debian_cargo=/usr/bin/cargo

say() { printf '%s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# at_least MINIMUM VERSION: true if VERSION is not older than MINIMUM.
at_least() {
  [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]
}

# version_of COMMAND...: the first dotted number that the command prints, or nothing.
version_of() {
  { "$@" 2>/dev/null || true; } | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1 || true
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root, and there is no sudo: $*"
  fi
}

# rustc_builds_wasm RUSTC: true if that compiler can build a library against the target's std. Tried
# rather than looked up: after a compiler upgrade the libraries are still there but no longer fit.
rustc_builds_wasm() {
  [[ -x $(command -v "$1") ]] || return 1
  local out status=0
  # A folder, since rustc puts its output in place by renaming: it would replace /dev/null.
  out=$(mktemp -d)
  echo 'pub fn probe() -> String { String::new() }' |
    "$1" --target "$wasm_target" --crate-type rlib --crate-name probe --emit metadata \
      --out-dir "$out" - >/dev/null 2>&1 || status=$?
  rm -rf "$out"
  return "$status"
}

# wasm_toolchain: which toolchain builds for wasm32, `default` (the cargo on PATH), `debian` or
# nothing. WASM_TOOLCHAIN names one where both are there.
wasm_toolchain() {
  local wanted=${WASM_TOOLCHAIN:-}
  if [[ $wanted != debian ]] && rustc_builds_wasm rustc; then
    echo default
  elif [[ $wanted != default && -x $debian_cargo ]] && rustc_builds_wasm "$debian_rustc"; then
    echo debian
  fi
}

# port_is_open HOST PORT: true if something accepts connections there.
port_is_open() {
  (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

# free_port: a TCP port of 127.0.0.1 where nothing listens.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    port_is_open 127.0.0.1 "$port" || break
  done
  echo "$port"
}

# free_ports COUNT: the first of so many such ports in a row.
free_ports() {
  local first port
  while :; do
    first=$((20000 + RANDOM % (12000 - $1)))
    for ((port = first; port < first + $1; port++)); do
      if port_is_open 127.0.0.1 "$port"; then continue 2; fi
    done
    break
  done
  echo "$first"
}

# http_status HOST PORT PATH: the status code of a GET, or nothing if there is no answer.
http_status() {
  (
    exec 3<>"/dev/tcp/$1/$2" || exit 0
    printf 'GET %s HTTP/1.0\r\nHost: %s:%s\r\n\r\n' "$3" "$1" "$2" >&3
    read -r -t 5 _ status _ <&3 && echo "$status"
  ) 2>/dev/null || true
}

# wait_for SECONDS PID CONDITION...: waits until the condition holds; fails when the time is up or
# the process that should bring it about has ended.
wait_for() {
  local deadline=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@"; do
    kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# answers_200 HOST PORT PATH: true if a GET is answered with 200.
answers_200() {
  [[ $(http_status "$@") == 200 ]]
}

# make_scratch: a temporary folder, `$scratch`, that goes when the script ends, and with it every
# process that `start_nats_server` has started.
make_scratch() {
  scratch=$(mktemp -d)
  scratch_pids=()
  trap clean_scratch EXIT
}

# shellcheck disable=SC2317 # reached by the trap
clean_scratch() {
  local pid
  for pid in "${scratch_pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    # Otherwise the shell reports the death of each.
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$scratch"
}

# start_nats_server CONF LOG CONDITION...: starts nats-server and waits until the condition holds; its
# process is `$nats_server_pid`.
start_nats_server() {
  local conf=$1 log=$2
  shift 2
  nats-server -c "$conf" >"$log" 2>&1 &
  nats_server_pid=$!
  scratch_pids+=("$nats_server_pid")
  wait_for 20 "$nats_server_pid" "$@" || {
    cat "$log" >&2
    die "nats-server does not start with $(basename -- "$conf")"
  }
}

# copy_nats_conf DIR: nats-conf as a fresh checkout has it, without what was generated.
copy_nats_conf() {
  mkdir -p "$1"
  tar --exclude ./generated -C "$root/nats-conf" -cf - . | tar -xf - -C "$1"
}

# names_no_folder_of_this_machine DIR: what is built for others does not tell where that was.
names_no_folder_of_this_machine() {
  local named
  named=$(grep -rlF -e "$HOME/" -e "$root/" "$1") || return 0
  die "a folder of this machine is named in:" "$named"
}
