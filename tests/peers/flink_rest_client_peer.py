"""What a program does that was written against Flink with PyPI's flink-rest-client, done to a mini cluster.

    flink_rest_client_peer.py PATH-TO-EXAMPLE
"""

import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from flink_rest_client import FlinkRestClient
from flink_rest_client.common import RestException


def until(what, look, limit=60):
    """Looks until there is something to see."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"waited {limit} s in vain for {what}")


def make_jar(folder, main_class):
    """This client cannot say which class to run: the jar has to."""
    path = folder / f"{main_class}.jar"
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: {main_class}\r\n\r\n")
    return str(path)


def completed(trigger):
    """The outcome of a savepoint, a stop or a deletion."""

    def look():
        status = trigger.status
        # In a list: it may be empty.
        return [status["operation"]] if status["status"]["id"] == "COMPLETED" else None

    (operation,) = until("the operation's end", look)
    return operation


def state(client, job):
    return client.jobs.get(job)["state"]


def run(client, folder):
    overview = client.overview()
    assert (overview["jobs-running"], overview["slots-total"]) == (2, 6), overview
    assert client.config()["features"]["web-submit"], client.config()
    names = {job["name"] for job in client.jobs.overview()}
    assert names == {"first counter", "second counter"}, names
    assert set(client.jobs.job_ids()) == {job["jid"] for job in client.jobs.overview()}

    # Upload and list.
    jar = client.jars.upload(make_jar(folder, "demo.Counter"))["filename"].rsplit("/", 1)[-1]
    (listed,) = client.jars.all()["files"]
    assert (listed["id"], listed["name"]) == (jar, "demo.Counter.jar"), listed
    assert listed["entry"] == [{"name": "demo.Counter", "description": None}], listed
    assert client.jars.get_plan(jar)["nodes"], "a plan"

    # Run and look.
    job = client.jars.run(jar, parallelism=2)
    until("all tasks", lambda: client.jobs.get(job)["vertices"][0]["tasks"]["RUNNING"] == 2)
    (vertex,) = client.jobs.get_vertex_ids(job)
    tasks = client.jobs.get_vertex(job, vertex)
    assert tasks.details()["parallelism"] == 2
    assert tasks.subtasks.subtask_ids() == [0, 1]
    assert tasks.subtasks.get(1)["status"] == "RUNNING"
    assert tasks.subtasks.get_attempt_accumulators(0)["user-accumulators"][0]["name"] == "count"
    assert tasks.subtasktimes()["subtasks"][0]["timestamps"]["RUNNING"] > 0
    assert tasks.taskmanagers()["taskmanagers"][0]["status-counts"]["RUNNING"] == 2
    assert tasks.backpressure()["status"] == "ok"
    assert tasks.watermarks() == []
    assert float(tasks.metrics()["0.numRecordsOut"]) >= 0
    assert tasks.subtasks.metrics(["numRecordsOut"], ["sum"])["numRecordsOut"]["sum"] >= 0
    assert client.jobs.get_metrics(job, ["numRestarts"])["numRestarts"] == "0"
    assert client.jobs.metrics(["numRestarts"], ["max"])["numRestarts"]["max"] == 0
    assert client.jobs.get_config(job)["execution-config"]["job-parallelism"] == 2
    assert client.jobs.get_plan(job)["nodes"][0]["id"] == vertex
    assert client.jobs.get_checkpointing_configuration(job)["interval"] == 10000
    assert client.jobs.get_exceptions(job)["exceptionHistory"]["entries"] == []
    assert client.jobs.get_execution_result(job)["status"]["id"] == "IN_PROGRESS"
    (manager,) = client.taskmanagers.taskmanager_ids()
    assert client.taskmanagers.get(manager)["freeSlots"] == 2
    assert client.taskmanagers.get_logs(manager) == [] and client.jobmanager.logs() == []
    assert client.jobmanager.metrics()["taskSlotsTotal"] == "6"
    assert client.jobmanager.config()["rest.address"] == "127.0.0.1"

    # Trigger a savepoint, stop with another, and go on from it.
    saved = completed(client.jobs.create_savepoint(job, str(folder)))["location"]
    assert Path(saved.removeprefix("file:"), "_metadata").is_file(), saved
    stopped = completed(client.jobs.stop(job, str(folder)))["location"]
    until("the end", lambda: state(client, job) == "FINISHED")
    restored = client.jars.run(jar, parallelism=2, savepoint_path=stopped)
    until("the restore", lambda: client.jobs.get_checkpoints(restored)["latest"]["restored"])
    counted = client.jobs.get_accumulators(restored, include_serialized_value=True)
    assert "count" in counted["serialized-user-task-accumulators"] or state(client, restored) == "RUNNING"

    # Cancel.
    until("all tasks", lambda: client.jobs.get(restored)["vertices"][0]["tasks"]["RUNNING"] == 2)
    assert client.jobs.terminate(restored)
    until("the end", lambda: state(client, restored) == "CANCELED")
    result = client.jobs.get_execution_result(restored)["job-execution-result"]
    assert result["application-status"] == "CANCELED", result

    # What fails, and what is refused.
    failing = client.jars.upload_and_run(make_jar(folder, "demo.Failing"))
    until("the failure", lambda: state(client, failing) == "FAILED")
    trace = client.jobs.get_execution_result(failing)["job-execution-result"]["failure-cause"]["stack-trace"]
    assert "Caused by: demo.BadRecord: record 101 is one too many" in trace, trace
    for refused, words in [
        (lambda: client.jobs.get("0" * 31 + "1"), "not found"),
        (lambda: client.jars.run("nosuch.jar"), "does not exist"),
        (lambda: client.jobs.rescale(failing, 3), "FLINK-12312"),
    ]:
        try:
            refused()
        except RestException as exception:
            assert words in str(exception), exception
        else:
            raise AssertionError(f"not refused: {words}")

    assert client.datasets() == []
    assert completed(client.delete_dataset("ab" * 16)) == {}
    assert client.jars.delete(jar)
    assert client.delete_cluster() == {}


def main(example):
    # If anything goes wrong here it ends with its standard output, or is killed below.
    cluster = subprocess.Popen([example, "--port", "0", "--slots", "6"], stdout=subprocess.PIPE, text=True)
    try:
        host, port = cluster.stdout.readline().strip().removeprefix("http://").split(":")
        with tempfile.TemporaryDirectory() as folder:
            run(FlinkRestClient.get(host=host, port=port), Path(folder))
        # It was told to shut down.
        assert cluster.wait(timeout=60) == 0, cluster.returncode
    finally:
        cluster.kill()
    print("flink-rest-client lists, uploads, runs, triggers, stops, restores and cancels on a mini cluster")


if __name__ == "__main__":
    main(sys.argv[1])
