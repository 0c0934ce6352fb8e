#!/usr/bin/env bash
# Everything that has to hold, on every feature set and on real Flink. Stops at the first failure.
#
#   tests/all.sh                  all of it
#   tests/all.sh STEP ...         only these: fmt flink deps clippy docs test fuzz features examples peers loom live
#
# Needs Rust, and what tests/flink.sh needs: Python 3 with pip, and a JDK. `cargo test` alone needs Rust only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FLINK_VERSIONS=(2.3.0 1.20.5)
# The arguments of cargo that choose features; each set is linted, tested and looked at for its dependencies.
FEATURE_SETS=("" "--no-default-features" "--no-default-features --features tls" "--no-default-features --features yaml")

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}
# Most tests wait, for servers and clusters that take their time: more of them at a time than there are processors.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8}
# What is built here is built once: keeping parts of it for the next time takes longer than it saves.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
# A test that hangs has failed: its program is ended after 20 minutes, and has named the tests that still ran.
if command -v timeout >/dev/null; then
    host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${host}_RUNNER=timeout --foreground --kill-after=30 1200"
fi

wanted=" $* "
times=()
current=
report() {
    local status=$?
    echo
    [ ${#times[@]} = 0 ] || printf '%s\n' "${times[@]}"
    if [ $status != 0 ]; then
        echo "FAILED: ${current:-before the first step}"
    else
        echo "all passed, $SECONDS s"
    fi
}
trap report EXIT

step() { # STEP NAME COMMAND ...
    local name=$1
    [ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
    current=$2
    shift 2
    local start=$SECONDS
    echo
    echo "=== $current"
    "$@"
    times+=("$(printf '%5d s  %s' $((SECONDS - start)) "$current")")
}

# Crates that a feature set pulls in, normal dependencies alone, on any platform.
crates() { # CARGO-ARGUMENT ...
    cargo tree --locked --target all --edges normal --prefix none --format '{p}' "$@" | cut -d' ' -f1 | sort -u
}

absent() { # WHERE PATTERN CRATES
    local found
    if found=$(grep -xE "$2" <<<"$3"); then
        echo "$1 must not depend on: $found" >&2
        return 1
    fi
}

present() { # WHERE PATTERN CRATES
    grep -qxE "$2" <<<"$3" || {
        echo "$1 should depend on $2: is this guard still looking at the right names?" >&2
        return 1
    }
}

guard_dependencies() {
    local runtime='tokio(-.*)?|hyper(-.*)?|async-std|async-executor|async-io|smol|mio|polling|futures-executor|reqwest'
    local tls='rustls(-.*)?|ring|aws-lc-.*|webpki-roots|native-tls|openssl(-.*)?'
    local yaml='serde-saphyr|saphyr(-.*)?|.*yaml.*'
    local set all
    for set in "${FEATURE_SETS[@]}" "--all-features"; do
        # shellcheck disable=SC2086
        all=$(crates $set)
        absent "the crate (${set:-default features})" "$runtime" "$all" || return 1
        case $set in
        --no-default-features) absent "the bare crate" "$tls|$yaml" "$all" || return 1 ;;
        *tls) absent "the crate without yaml" "$yaml" "$all" && present "the crate with tls" rustls "$all" || return 1 ;;
        *yaml) absent "the crate without tls" "$tls" "$all" && present "the crate with yaml" serde-saphyr "$all" || return 1 ;;
        esac
    done
}

# What may be depended on (deny.toml), and what each feature set does depend on.
check_dependencies() {
    python3 tests/deny.py && guard_dependencies
}

# Damaged answers, values and files, text and paths that would leave their place: many more of each than `cargo test` has.
fuzz() {
    PROPTEST_CASES=2000 cargo test --locked --lib hostile &&
        PROPTEST_CASES=1000 cargo test --locked --test it -- faults::injection rest::fence
}

lint() {
    local set
    for set in "${FEATURE_SETS[@]}"; do
        echo "--- ${set:-default features}"
        # shellcheck disable=SC2086
        cargo clippy --locked --all-targets $set -- -D warnings || return 1
    done
    # `--all-targets` leaves out what plain `cargo test` does.
    cargo clippy --locked --test live -- -D warnings
}

document() {
    local set
    for set in "" "--no-default-features"; do
        echo "--- ${set:-default features}"
        # shellcheck disable=SC2086
        RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps $set || return 1
    done
}

# Without any feature: all but the contract of the mini cluster, which no feature has a part in and which takes as long as
# all the rest. With one of them: what that one brings. No code asks for both, so what holds with all and with none holds
# with one; and clippy has compiled every test of every set. Properties need few cases here: more were tried before.
test_feature_sets() {
    local set
    export PROPTEST_CASES=32
    for set in "${FEATURE_SETS[@]:1}"; do
        echo "--- $set"
        # shellcheck disable=SC2086
        case $set in
        --no-default-features) cargo test --locked --lib --tests $set -- --skip contract_targets:: ;;
        *tls) cargo test --locked --lib $set && cargo test --locked --test it $set -- faults:: leader:: ;;
        *) cargo test --locked --lib $set ;;
        esac || return 1
    done
    unset PROPTEST_CASES
}

# The interleavings of the synchronisation code, all of them: its own build, since std's types are replaced throughout.
model_check() {
    local log=target/loom/log
    mkdir -p target/loom
    RUSTFLAGS="--cfg loom" cargo test --locked --profile loom --target-dir target/loom --lib loom 2>&1 | tee "$log"
    # A filter that matches nothing passes too.
    grep -qE 'test result: .*ok.* [1-9][0-9]* passed' "$log" || {
        echo "no loom test has run" >&2
        return 1
    }
}

live() { # VERSION
    # A cluster is busy as well as slow: fewer at a time.
    RUST_TEST_THREADS=3 tests/flink.sh "$1" cargo test --locked --test live
}

step fmt "format" cargo fmt --check
step flink "real Flink is at hand" tests/flink.sh
step deps "dependencies" check_dependencies
step clippy "clippy, each feature set" lint
step docs "documentation" document
step test "unit, integration and doc tests" cargo test --locked
step fuzz "more of every property" fuzz
step features "unit and integration tests, other feature sets" test_feature_sets
step examples "examples" cargo build --locked --examples
step peers "a client of another hand" tests/peers.sh
step loom "model checking" model_check
for version in "${FLINK_VERSIONS[@]}"; do
    step live "real Flink $version" live "$version"
done
if [ ${#times[@]} = 0 ]; then
    echo "no such step: $*" >&2
    exit 1
fi
