#!/usr/bin/env bash
# Checks that each test which SECURITY.md names exists: a promise must not outlive its proof.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

count=0
status=0
while IFS=: read -r part _ name; do
  case $part in
    client) folder=web-wasm ;;
    *) folder=$part ;;
  esac
  count=$((count + 1))
  if ! grep -rqE --include='*.rs' "fn $name\(" "$folder"; then
    say "SECURITY.md names $part::$name, which does not exist"
    status=1
  fi
done < <(grep -oE '(api|client|e2e)::[a-z0-9_]{8,}' SECURITY.md | sort -u)
((count > 20)) || die "SECURITY.md names only $count tests: is it still written as this script expects?"
((status == 0)) && say "all $count tests that SECURITY.md names exist"
exit "$status"
