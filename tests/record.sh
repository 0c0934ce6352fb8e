#!/usr/bin/env bash
# Records one exchange with a real Flink as a fixture, in the form of those that are there:
#
#   tests/record.sh http://localhost:8081 NAME METHOD PATH [JSON-BODY]
#
# writes tests/fixtures/rest/VERSION/NAME.json, where VERSION is what the cluster says of itself; NOTE in the environment
# becomes its note. The table test in src/rest/recordings.rs then wants to know what the answer means. Needs Python 3.
set -euo pipefail
[ $# -ge 4 ] || {
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 1
}
exec python3 - "$(dirname "${BASH_SOURCE[0]}")/fixtures/rest" "$@" <<'PYTHON'
import json, os, sys, time, urllib.error, urllib.request

folder, base, name, method, path = sys.argv[1:6]
body = sys.argv[6] if len(sys.argv) > 6 else None


def exchange(method, path, body=None):
    request = urllib.request.Request(base.rstrip("/") + path, method=method)
    if body is not None:
        request.data = body.encode()
        request.add_header("content-type", "application/json; charset=UTF-8")
    began = time.monotonic()
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    return answer, text, round(time.monotonic() - began, 3)


def read(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


version = read(exchange("GET", "/config")[1])["flink-version"]
answer, text, seconds = exchange(method, path, body)
request = {"method": method, "path": path}
if body is not None:
    request["body"] = read(body)
recording = {
    **({"note": os.environ["NOTE"]} if "NOTE" in os.environ else {}),
    "request": request,
    "status": answer.status,
    "headers": {key.lower(): value for key, value in answer.headers.items()},
    "seconds": seconds,
    "body": read(text),
}
file = os.path.join(folder, version, name + ".json")
os.makedirs(os.path.dirname(file), exist_ok=True)
with open(file, "w") as out:
    json.dump(recording, out, indent=1, ensure_ascii=False)
    out.write("\n")
print(f"{file}: HTTP {answer.status}")
PYTHON
