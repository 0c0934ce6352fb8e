#!/usr/bin/env python3
"""Checks bans, licences and sources of deny.toml against what Cargo.lock holds.

The same as `cargo deny check bans licenses sources`, which takes minutes to be built.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def allowed(expression, licences):
    """Whether one may choose from an SPDX expression what `licences` has; a slash is the old form of OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        one = requirements()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            one = requirements() or one
        return one

    def requirements():
        every = licence()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            every = licence() and every
        return every

    def licence():
        token = tokens.pop(0)
        if token == "(":
            inner = alternatives()
            tokens.pop(0)
            return inner
        if tokens and tokens[0] == "WITH":
            token = f"{token} WITH {tokens[1]}"
            del tokens[:2]
        return token in licences

    return alternatives() and not tokens


def check(rules, packages):
    banned = {ban["name"] for ban in rules["bans"]["deny"]}
    licences = set(rules["licenses"]["allow"])
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            yield f"{name} is banned"
        if package["source"] is not None and package["source"] not in registries:
            yield f"{name} comes from {package['source']}"
        if not package["license"]:
            yield f"{name} says no licence"
        elif not allowed(package["license"], licences):
            yield f"{name} is under {package['license']}"


def check_itself():
    """A check that can only pass is none."""
    for expression, expected in [
        ("MIT", True),
        ("GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("MIT AND GPL-3.0", False),
        ("GPL-3.0/MIT", True),
        ("(GPL-3.0 OR MIT) AND ISC", True),
        ("GPL-3.0 OR (MIT AND GPL-3.0)", False),
        ("Apache-2.0 WITH LLVM-exception OR MIT", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("MIT OR Apache-2.0 AND GPL-3.0", True),
    ]:
        assert allowed(expression, {"MIT", "ISC", "Apache-2.0"}) == expected, expression
    rules = {
        "bans": {"deny": [{"name": "tokio"}]},
        "licenses": {"allow": ["MIT"]},
        "sources": {"allow-registry": ["https://a"]},
    }
    bad = [
        {"name": "tokio", "version": "1", "license": "MIT", "source": "registry+https://a"},
        {"name": "b", "version": "1", "license": None, "source": "registry+https://a"},
        {"name": "c", "version": "1", "license": "GPL-3.0", "source": "registry+https://a"},
        {"name": "d", "version": "1", "license": "MIT", "source": "git+https://a"},
    ]
    assert len(list(check(rules, bad))) == len(bad)


def main():
    check_itself()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    if rules["graph"]["all-features"]:
        command.append("--all-features")
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    packages = json.loads(output)["packages"]
    wrong = sorted(check(rules, packages))
    for line in wrong:
        print(line, file=sys.stderr)
    # An advisory that is let pass for a crate that has gone is a trap.
    known = {package["name"] for package in packages}
    for ignored in rules["advisories"]["ignore"]:
        if ignored["reason"].split()[0] not in known:
            wrong.append(ignored)
            print(f"{ignored['id']} is let pass for a crate that is not there", file=sys.stderr)
    if wrong:
        sys.exit(1)
    print(f"{len(packages)} crates are as deny.toml wants them")


main()
