#!/usr/bin/env bash
# Brings nats.js with npm, as the lock file pins it, and bundles it for the client's tests in a browser
# into web-wasm/tests/nats-js/generated, from where their page loads it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

sources=$root/web-wasm/tests/nats-js
npm=$target_dir/nats-js
# Named .js: the test runner serves .mjs as something that no browser runs.
bundle=$sources/generated/nats-js.js

command -v npm >/dev/null || die "the tests compare with nats.js, which npm brings: run \`just setup-test\`"
mkdir -p "$npm"
if ! cmp -s "$sources/package-lock.json" "$npm/installed"; then
  say "nats.js and esbuild: with npm, into $npm"
  cp "$sources"/package{,-lock}.json "$npm/"
  # Nothing that is installed runs: esbuild's program is one of its packages.
  output=$(cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund 2>&1) || die "npm cannot install nats.js: $output"
  cp "$sources/package-lock.json" "$npm/installed"
fi
# Beside what it imports. Node's cryptography is asked for where there is no browser's only.
cp "$sources/nats-js.mjs" "$npm/"
"$npm/node_modules/.bin/esbuild" "$npm/nats-js.mjs" --bundle --format=esm --external:node:crypto \
  --log-level=warning --outfile="$bundle"
