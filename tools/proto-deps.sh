#!/usr/bin/env bash
# Keeps the operating system out of nats-proto: each crate it stands on must be listed here, and none
# may be built with its `std` feature.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# Known to do without std. Procedural macros run in the compiler and do not count.
allowed=(
  bytes
  bytestring
  data-encoding
  fastrand
  foldhash
  hashbrown
  itoa
  memchr
  nats-proto
  rustc-hash
  semver
  serde
  serde_core
  serde_json
  thiserror
  zmij
)

tree=$(
  cargo tree --quiet --package nats-proto --edges normal,no-proc-macro --target all \
    --prefix none --format '{p} : {f}'
)
status=0
while read -r name features; do
  if [[ " ${allowed[*]} " != *" $name "* ]]; then
    say "nats-proto now stands on $name, which is not listed in tools/proto-deps.sh"
    status=1
  fi
  if [[ ,$features, == *,std,* ]]; then
    say "nats-proto builds $name with its std feature"
    status=1
  fi
done < <(sed -E 's/ .* : / /; s/ \(\*\)$//' <<<"$tree" | sort -u)
if ! grep -q '^#!\[no_std\]' web-wasm/proto/src/lib.rs; then
  say "nats-proto is not #![no_std]"
  status=1
fi
((status == 0)) && say "nats-proto needs no operating system"
exit "$status"
