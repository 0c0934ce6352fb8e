#!/usr/bin/env bash
# Measures this crate's client beside others on the same server, and prints a table in Markdown.
#
# Needs what tests/flink.sh needs (Flink's jars and a JDK), and pip for flink-rest-client. Each client is a process, and
# all take turns, round after round; what is printed is the median.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$peers/../.." && pwd)

FLINK_VERSION=2.3.0
PYTHON_CLIENT=flink-rest-client==1.0.8
ROUNDS=${ROUNDS:-5}

if [ -z "${FLINK_TEST_HOME:-}" ]; then
    exec "$root/tests/flink.sh" "$FLINK_VERSION" "$0" "$@"
fi

work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/peers}
# The crate's own dependencies as they are locked there.
[ -e "$peers/Cargo.lock" ] || cp "$root/Cargo.lock" "$peers/Cargo.lock"
cargo build --quiet --release --manifest-path "$peers/Cargo.toml" --bins >&2
bin=$CARGO_TARGET_DIR/release

python3 -m venv "$work/python" >&2
"$work/python/bin/pip" install --quiet --disable-pip-version-check "$PYTHON_CLIENT" >&2
"$FLINK_TEST_JDK/bin/javac" -nowarn -cp "$FLINK_TEST_HOME/lib/*" -d "$work/java" "$peers/JavaClient.java" >&2
# Flink's command line with the configuration and memory of its distribution, but without a log file.
mkdir "$work/conf"
echo "rest.port: 8081" >"$work/conf/config.yaml"

mkfifo "$work/hold"
"$bin/serve" <"$work/hold" >"$work/url" &
server=$!
exec 3>"$work/hold"
until [ -s "$work/url" ]; do sleep 0.01; done
url=$(cat "$work/url")
port=${url##*:}

java() { "$FLINK_TEST_JDK/bin/java" --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED -cp "$work/java:$FLINK_TEST_HOME/lib/*" "$@"; }

run() { # CLIENT once|calls
    case $1 in
    flink-client | ureq | reqwest) "$bin/client" "$1" "$2" "$url" ;;
    java) java JavaClient "$2" "$url" ;;
    python) "$work/python/bin/python" "$peers/python_client.py" "$2" "$url" ;;
    flink-cli) FLINK_CONF_DIR=$work/conf java org.apache.flink.client.cli.CliFrontend list -m "127.0.0.1:$port" ;;
    esac
}

now() { date +%s%N; }
connections() { python3 -c 'import sys, urllib.request as r; print(int(r.urlopen(sys.argv[1]).read()))' "$url/connections"; }

fail() {
    cat "$work/log" >&2
    exit 1
}

clients=(flink-client ureq reqwest java python)
for ((round = 1; round <= ROUNDS; round++)); do
    for client in "${clients[@]}"; do
        before=$(connections)
        figures=$(run "$client" calls 2>>"$work/log") || fail
        # The look at the count is a connection of its own.
        echo "$client $figures $(($(connections) - before - 1))" >>"$work/calls"
    done
    for client in "${clients[@]}" flink-cli; do
        begun=$(now)
        run "$client" once >>"$work/log" 2>&1 || fail
        echo "$client $(($(now) - begun))" >>"$work/once"
    done
done

python3 - "$work/calls" "$work/once" <<'PYTHON'
import sys
from collections import defaultdict
from statistics import median

NAMES = {
    "flink-client": "flink-client",
    "ureq": "ureq 3 and four workers",
    "reqwest": "reqwest 0.13, blocking, and four workers",
    "java": "Flink's RestClusterClient, Java",
    "python": "flink-rest-client, Python",
    "flink-cli": "Flink's command line, `flink list`",
}


def read(path):
    rows = defaultdict(list)
    for line in open(path):
        name, *figures = line.split()
        rows[name].append([int(figure) for figure in figures])
    return rows


calls, once = read(sys.argv[1]), read(sys.argv[2])
print("| client | a call, one by one | a call, 16 in flight | most resident | threads | connections | a process that lists once |")
print("|---|---:|---:|---:|---:|---:|---:|")
for name, title in NAMES.items():
    took = f"{median(row[0] for row in once[name]) / 1e6:.0f} ms"
    if name not in calls:
        print(f"| {title} | | | | | | {took} |")
        continue
    one, many, resident, threads, connections = (median(row[n] for row in calls[name]) for n in range(5))
    print(
        f"| {title} | {one / 1e3:.0f} µs | {many / 1e3:.0f} µs | {resident / 1024:.1f} MiB"
        f" | {threads:.0f} | {connections:.0f} | {took} |"
    )
PYTHON
