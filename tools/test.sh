#!/usr/bin/env bash
# Runs the named recipes one after the other up to the first that fails, keeps what each prints in
# target/test-logs, and ends with how long each took and how many tests passed.
# usage: test.sh RECIPE...
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

logs=$target_dir/test-logs
rm -rf "$logs"
mkdir -p "$logs"
if [[ -t 1 ]]; then
  export CARGO_TERM_COLOR=always
fi

times=()
failed=
for recipe in "$@"; do
  say "==> just $recipe"
  began=$SECONDS
  "${JUST:-just}" "$recipe" 2>&1 </dev/null | tee "$logs/$recipe.log" || failed=$recipe
  times+=("$(printf '%5d s  %s' $((SECONDS - began)) "$recipe")")
  [[ -z $failed ]] || break
done

say
printf '%s\n' "${times[@]}" "$(printf '%5d s  in all' "$SECONDS")"
[[ -z $failed ]] || die "just $failed failed"
# Each test program closes with its own counts.
cat "$logs"/*.log | awk '
  match($0, /[0-9]+ passed; [0-9]+ failed/) {
    split(substr($0, RSTART, RLENGTH), count, " ")
    passed += count[1]
    failed += count[3]
  }
  END { printf "%d passed, %d failed\n", passed, failed }'
