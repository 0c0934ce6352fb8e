"""The client of PyPI, doing and printing what src/bin/client.rs does and prints."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlparse

from flink_rest_client import FlinkRestClient

WARM_UP = 100
CALLS = 500
IN_FLIGHT = 16

what, url = sys.argv[1:]
address = urlparse(url)
client = FlinkRestClient.get(address.hostname, address.port)


def one(_=None):
    assert len(client.jobs.overview()) == 10


if what == "once":
    one()
    sys.exit()


def timed(calls):
    begun = time.perf_counter_ns()
    calls()
    return (time.perf_counter_ns() - begun) // CALLS


def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


with ThreadPoolExecutor(IN_FLIGHT) as pool:
    for _ in range(WARM_UP):
        one()
    one_by_one = timed(lambda: [one() for _ in range(CALLS)])
    list(pool.map(one, range(WARM_UP)))
    in_flight = timed(lambda: list(pool.map(one, range(CALLS))))
    print(one_by_one, in_flight, status("VmHWM:"), status("Threads:"))
