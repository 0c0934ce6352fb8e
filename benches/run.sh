#!/usr/bin/env bash
# Measures everything and writes the figures into benches/README.md, with the date and the machine.
#
#   benches/run.sh            all of it; about half an hour on two cores, most of which is building
#   benches/run.sh PART ...   some of: pending calls decode waiting upload start instructions peers build
#
# Needs Rust, and for what is beside it: curl (upload, start), valgrind (instructions; left out without it), taskset
# (one processor; left out without it), and what benches/peers/run.sh needs (peers). Run it when nothing else runs: times
# are only as good as the machine is quiet, the ratios hold longer. A part that was not run keeps its old figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PARTS=(pending calls decode waiting upload start instructions peers build)
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=("${PARTS[@]}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bench() { # NAME ARGUMENT ...
    local name=$1
    shift
    cargo bench --locked --bench "$name" -- "$@"
}

# On all processors, and on one: there a hand-over from thread to thread costs the same every time, while on several it
# costs more or less than a call, as the system happens to place the threads.
in_turns() { # NAME
    bench "$1" --table
    command -v taskset >/dev/null || return 0
    echo
    echo "On one processor, whatever takes part:"
    echo
    taskset -c 0 cargo bench --locked --bench "$1" -- --table
}

# Those of the client's thread alone, for one call more: a run of 1,100 less a run of 100. They do not depend on what else
# the machine does.
instructions() {
    command -v valgrind >/dev/null || return 0
    local program count many few name
    program=$(cargo bench --locked --bench instructions --no-run --message-format json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*instructions-[^"]*\)".*/\1/p' | tail -1)
    count() { # NAME CALLS
        valgrind --tool=callgrind --callgrind-out-file="$work/callgrind" --toggle-collect='*measured*' \
            "$program" "$1" "$2" >/dev/null 2>&1
        sed -n 's/^\(totals\|summary\): //p' "$work/callgrind" | head -1
    }
    echo "| instructions | |"
    echo "|---|---:|"
    for name in "flink-client" "ureq"; do
        many=$(count "$name" 1100)
        few=$(count "$name" 100)
        echo "| a call, $name | $(((many - few) / 1000)) |"
    done
}

# Seconds and crates of a build from nothing, of the crate with and without its features, and of the smallest program
# that asks with reqwest.
build_cost() {
    local hello=$work/hello
    mkdir -p "$hello/src"
    cat >"$hello/Cargo.toml" <<'TOML'
[package]
name = "hello"
version = "0.0.0"
edition = "2024"

[dependencies]
reqwest = { version = "0.13", default-features = false, features = ["blocking", "json"] }

[workspace]
TOML
    cat >"$hello/src/main.rs" <<'RUST'
fn main() {
    println!("{:?}", reqwest::blocking::get("http://127.0.0.1:8081/jobs/overview").and_then(|answer| answer.text()));
}
RUST
    local row seconds crates
    row() { # TITLE FOLDER CARGO-ARGUMENT ...
        local title=$1 folder=$2 begun
        shift 2
        cargo fetch --quiet --manifest-path "$folder/Cargo.toml"
        begun=$(date +%s%N)
        CARGO_TARGET_DIR=$work/target cargo build --quiet --manifest-path "$folder/Cargo.toml" "$@"
        seconds=$((($(date +%s%N) - begun) / 1000000))
        rm -rf "$work/target"
        crates=$(cargo tree --manifest-path "$folder/Cargo.toml" --edges normal --prefix none --format '{p}' "$@" |
            sort -u | wc -l)
        printf '| %s | %d.%d s | %d |\n' "$title" $((seconds / 1000)) $((seconds % 1000 / 100)) "$crates"
    }
    echo "| a debug build from nothing | takes | crates |"
    echo "|---|---:|---:|"
    row "flink-client, default features" .
    row "flink-client, no default features" . --no-default-features
    row "reqwest::blocking, without TLS" "$hello"
}

measure() { # PART
    case $1 in
    pending | calls | decode) in_turns "$1" ;;
    waiting | upload | start) bench "$1" ;;
    instructions) instructions ;;
    peers) benches/peers/run.sh ;;
    build) build_cost ;;
    *) echo "benches/run.sh: no part is called $1: one of ${PARTS[*]}" >&2 && return 1 ;;
    esac
}

machine() {
    local model
    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1)
    echo "$(date -u +%Y-%m-%d), $(nproc) × ${model:-unknown processor}, Linux $(uname -r), $(rustc --version | cut -d' ' -f1-2), load $(cut -d' ' -f1 /proc/loadavg) before"
}

for part in "${parts[@]}"; do
    where=$(machine)
    echo "=== $part" >&2
    measure "$part" >"$work/figures"
    { echo "$where"; echo; cat "$work/figures"; } | tee "$work/$part"
    # Between its two marks, and nowhere else.
    awk -v part="$part" -v figures="$work/$part" '
        $0 == "<!-- " part " -->" { print; print ""; while ((getline line < figures) > 0) print line; print ""; skip = 1; next }
        $0 == "<!-- end -->" { skip = 0 }
        !skip { print }
    ' benches/README.md >"$work/README.md"
    cp "$work/README.md" benches/README.md
done
