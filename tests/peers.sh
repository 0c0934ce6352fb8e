#!/usr/bin/env bash
# Runs a client that nobody here wrote, PyPI's flink-rest-client, against the REST API of a mini cluster.
#
# It goes into .flink/peers (or $FLINK_CLIENT_CACHE/peers) by pip, once. Needs Rust, and Python 3 with pip.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${FLINK_CLIENT_CACHE:-$root/.flink}
client=flink-rest-client==1.0.8

fail() {
    echo "tests/peers.sh: $*" >&2
    exit 1
}

modules=$cache/peers/$client
if [ ! -d "$modules" ]; then
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "$client comes from PyPI by pip, which python3 does not have: install it (on Debian: apt-get install python3-pip)"
    mkdir -p "$cache/peers"
    fetched=$(mktemp -d "$cache/peers/fetching.XXXXXX")
    trap 'rm -rf "$fetched"' EXIT
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
        --target "$fetched/modules" "$client" || fail "pip could not fetch $client (see above)"
    # Whoever else has fetched it meanwhile has fetched the same.
    mv -T "$fetched/modules" "$modules" 2>/dev/null || [ -d "$modules" ] || fail "cannot write $modules"
fi

cd "$root"
cargo build --quiet --locked --example mini_cluster
PYTHONPATH=$modules exec python3 tests/peers/flink_rest_client_peer.py "${CARGO_TARGET_DIR:-target}/debug/examples/mini_cluster"
