#!/usr/bin/env bash
# Gets what the tests against a real Flink need: Flink's jars, a JDK, the compiled test jobs.
#
#   tests/flink.sh                        provisions the versions that tests/all.sh runs and says where each is
#   tests/flink.sh VERSION                provisions one of them, or another that is known here
#   tests/flink.sh VERSION COMMAND ...    provisions it, then runs COMMAND with the environment of the live tests:
#                                         tests/flink.sh 2.3.0 cargo test --test live
#
# Everything goes into .flink/ (about 700 MB for both versions), or into $FLINK_CLIENT_CACHE. With that filled, nothing
# is fetched. Needs Python 3 with pip, and a JDK of 11 or newer; as root on a machine with apt-get a missing JDK is
# installed.
set -euo pipefail

USUAL_VERSIONS=(2.3.0 1.20.5)
OTHER_VERSIONS=(2.2.1 2.1.3 2.0.2 1.19.3)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${FLINK_CLIENT_CACHE:-$root/.flink}

say() { echo "tests/flink.sh: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

# What PyPI has to deliver: the pinned digest makes a tampered or truncated archive an error.
archive_of() {
    case $1 in
    2.3.0) echo "only-binary sha256:38ece876553286b3a285cf344c2d2038f8a7ca10da5df54d5107250386d64151" ;;
    2.2.1) echo "only-binary sha256:74dc5546fbd9add8fbcdf1222a237e09491f9b80296241aef8676ec56f8e686e" ;;
    2.1.3) echo "no-binary sha256:b48d3944755b9303f99d205ea1a9bcb798fc563a872c782393fb466f16d4f91c" ;;
    2.0.2) echo "no-binary sha256:64dced9d0324a5f23f84e9cdf444d3fd64632169e477f001c21b422f39b995ba" ;;
    1.20.5) echo "no-binary sha256:e6aee62ea1a1fe7b32e28894ad079f3f1a50a372a4caac3df52405267f4228c8" ;;
    1.19.3) echo "no-binary sha256:4a58e3a1fb7d83340bc96b6c080624c6d792d69fae5d294b96224775204a9c60" ;;
    *) fail "unknown Flink version '$1': one of ${USUAL_VERSIONS[*]} ${OTHER_VERSIONS[*]}" ;;
    esac
}

# Prints the folder of the first JDK that has a compiler and is new enough.
find_jdk() {
    local candidates=() candidate home major
    [ -z "${JAVA_HOME:-}" ] || candidates+=("$JAVA_HOME")
    if candidate=$(command -v javac); then
        candidates+=("$(dirname "$(dirname "$(readlink -f "$candidate")")")")
    fi
    candidates+=(/usr/lib/jvm/*17* /usr/lib/jvm/*21* /usr/lib/jvm/*11* /usr/lib/jvm/*)
    for home in "${candidates[@]}"; do
        [ -x "$home/bin/java" ] && [ -x "$home/bin/javac" ] && [ -x "$home/bin/jar" ] || continue
        major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null || true)
        [ "${major:-0}" -ge 11 ] || continue
        echo "$home"
        return 0
    done
    return 1
}

install_jdk() {
    local package
    say "no JDK found, installing one with apt-get"
    apt-get update -qq >&2 || return 1
    for package in openjdk-17-jdk-headless openjdk-21-jdk-headless default-jdk-headless; do
        if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2; then
            return 0
        fi
    done
    return 1
}

# Sets `jdk`.
need_jdk() {
    if jdk=$(find_jdk); then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        install_jdk || fail "apt-get could not install a JDK: install one of version 11 or newer (17 is tried) and set JAVA_HOME"
        if jdk=$(find_jdk); then return; fi
    fi
    fail "no JDK found: install one of version 11 or newer (17 is tried; on Debian: apt-get install openjdk-17-jdk-headless), or set JAVA_HOME to its folder"
}

fetch() { # VERSION FOLDER-TO-MAKE
    local version=$1 home=$2 kind digest
    read -r kind digest <<<"$(archive_of "$version")"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "Flink's jars come from PyPI by pip, which python3 does not have: install it (on Debian: apt-get install python3-pip)"
    say "fetching the jars of Flink $version from PyPI"
    echo "apache-flink-libraries==$version --hash=$digest" >"$work/requirements.txt"
    python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps "--$kind" :all: \
        --dest "$work/archive" --requirement "$work/requirements.txt" >&2 ||
        fail "pip could not fetch apache-flink-libraries $version (see above)"
    case $kind in
    only-binary)
        python3 -m zipfile -e "$work"/archive/*.whl "$work/unpacked"
        mv "$work/unpacked/pyflink" "$home"
        ;;
    no-binary)
        mkdir "$work/unpacked"
        tar xzf "$work"/archive/*.tar.gz -C "$work/unpacked"
        mv "$work"/unpacked/apache[-_]flink[-_]libraries-"$version"/deps "$home"
        ;;
    esac
}

compile() { # VERSION HOME FOLDER-TO-MAKE
    local version=$1 home=$2 jars=$work/jars name
    say "compiling the test jobs against Flink $version"
    mkdir "$jars"
    for name in jobs cluster; do
        mkdir "$work/$name"
        "$jdk/bin/javac" --release 11 -Xlint:all,-processing,-serial,-path,-classfile,-deprecation,-options -nowarn \
            -cp "$home/lib/*" -d "$work/$name" "$root/tests/$name"/*.java >&2 ||
            fail "tests/$name does not compile against Flink $version"
        "$jdk/bin/jar" --create --file "$jars/$name.jar" -C "$work/$name" .
    done
    # The same jobs once more with a program that runs when no entry class is named.
    "$jdk/bin/jar" --create --file "$jars/jobs-with-main.jar" --main-class jobs.Accumulators -C "$work/jobs" .
    mv "$jars" "$3"
}

# A build is known by its sources, so worktrees with different ones can share a cache.
sources_digest() { cat "$root"/tests/jobs/*.java "$root"/tests/cluster/*.java "$root/tests/flink.sh" | cksum | tr ' ' '-'; }

# Sets `home` and `jars`. Everything is made under a name of its own and moved into place when it is whole, so an
# interrupted run leaves nothing that looks finished; a lock that the kernel drops with its holder keeps two runs apart.
provision() { # VERSION
    local version=$1
    archive_of "$version" >/dev/null
    home=$cache/flink-$version
    jars=$cache/jars-$version-$(sources_digest)
    if [ -d "$home" ] && [ -d "$jars" ]; then return; fi
    mkdir -p "$cache"
    (
        exec 9>"$cache/lock"
        python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' ||
            fail "cannot lock $cache/lock (is there a python3?)"
        rm -rf "$cache"/work.*
        work=$(mktemp -d "$cache/work.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        [ -d "$home" ] || fetch "$version" "$home"
        rm -rf "$work"/*
        [ -d "$jars" ] || compile "$version" "$home" "$jars"
    )
}

if [ $# -gt 1 ]; then
    versions=("$1")
    shift
elif [ $# = 1 ]; then
    versions=("$1")
    shift
else
    versions=("${USUAL_VERSIONS[@]}")
fi

need_jdk
for version in "${versions[@]}"; do
    provision "$version"
    [ $# -gt 0 ] || echo "$version $home"
done
if [ $# -gt 0 ]; then
    export FLINK_TEST_VERSION=$version FLINK_TEST_HOME=$home FLINK_TEST_JARS=$jars FLINK_TEST_JDK=$jdk
    exec "$@"
fi
