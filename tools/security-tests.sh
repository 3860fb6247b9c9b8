#!/usr/bin/env bash
# Checks that each test which SECURITY.md names exists, that each line of the security checklist has
# one of its own, and that none of those is left out: a promise must not outlive its proof.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

readonly lines=26
readonly checklist=e2e/tests/checklist

count=0
status=0
named=$(grep -oE '(api|checklist|client|e2e)::[a-z0-9_]{8,}' SECURITY.md | sort -u)
while IFS=: read -r part _ name; do
  case $part in
    client) folder=web-wasm ;;
    checklist) folder=$checklist ;;
    e2e) folder=e2e/tests/e2e ;;
    *) folder=$part ;;
  esac
  count=$((count + 1))
  if ! grep -rqE --include='*.rs' "fn $name\(" "$folder"; then
    say "SECURITY.md names $part::$name, which does not exist"
    status=1
  fi
done <<<"$named"
((count > 20)) || die "SECURITY.md names only $count tests: is it still written as this script expects?"

tests=$(grep -rhoE --include='*.rs' 'fn c[0-9]{2}_[a-z0-9_]+' "$checklist" | cut -d' ' -f2)
for line in $(seq -w 1 "$lines"); do
  if ! grep -q "^c${line}_" <<<"$tests"; then
    say "line $line of the checklist has no test in $checklist"
    status=1
  fi
done
for name in $tests; do
  if ! grep -qx "checklist::$name" <<<"$named"; then
    say "SECURITY.md does not name checklist::$name"
    status=1
  fi
done
((status == 0)) && say "all $count tests that SECURITY.md names exist; each of the $lines lines has one"
exit "$status"
