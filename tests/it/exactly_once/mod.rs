//! An answer that is lost: what is looked up, what is sent again, and what is said if nothing can be known.
//!
//! Each test gives the answers in their order and then reads off the requests, also their order.

mod jars;
mod limits;
mod triggers;

use flink_client::{JobId, RestClusterClient, StandaloneClusterId};

use crate::support::{Reply, ScriptedServer, client, eager};

type Client = RestClusterClient<StandaloneClusterId>;

const JOB: &str = "5f000000000000000000000000000001";

fn job() -> JobId {
    JOB.parse().unwrap()
}

/// A server that gives these answers, and a client of it.
fn playing(replies: impl IntoIterator<Item = Reply>) -> (ScriptedServer, Client) {
    let server = ScriptedServer::playing(replies);
    let client = client(eager(&server.url()).max_attempts(3));
    (server, client)
}

/// The request arrives, and no answer comes back.
fn lost() -> Reply {
    Reply::nothing().close()
}

/// The requests without the ids that are chosen at random.
fn lines(server: &ScriptedServer) -> Vec<String> {
    let is_id = |part: &str| part.len() == 32 && part != JOB && part.bytes().all(|b| b.is_ascii_hexdigit());
    let without_ids = |line: String| {
        line.split('/').map(|part| if is_id(part) { ":id" } else { part }).collect::<Vec<_>>().join("/")
    };
    server.lines().into_iter().map(without_ids).collect()
}

fn ok(body: &str) -> Reply {
    Reply::json(200, body)
}

fn refused(status: u16, exception: &str) -> Reply {
    let trace = serde_json::to_string(&format!("{exception}\n\tat a.B.c(B.java:1)\n")).unwrap();
    Reply::json(status, format!(r#"{{"errors":["Internal server error.",{trace}]}}"#))
}

fn leader_election() -> Reply {
    Reply::json(
        503,
        r#"{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}"#,
    )
}

fn unknown_job() -> Reply {
    refused(500, "org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job (1)")
}

fn no_operation() -> Reply {
    refused(
        404,
        "org.apache.flink.runtime.rest.handler.RestHandlerException: There is no savepoint operation with triggerId=1 \
         for job 1.",
    )
}

fn duplicate() -> Reply {
    refused(
        400,
        "org.apache.flink.runtime.client.DuplicateJobSubmissionException: Job has already been submitted.",
    )
}

fn status(state: &str) -> Reply {
    ok(&format!(r#"{{"status":"{state}"}}"#))
}

/// The list of jobs with ours in it, whose master has been there so long.
fn jobs(state: &str, milliseconds: u64) -> Reply {
    ok(&format!(
        r#"{{"jobs":[{{"jid":"{JOB}","name":"x","start-time":5,"end-time":-1,"duration":{milliseconds},"state":"{state}","last-modification":5}}]}}"#
    ))
}

const LONG: u64 = 3_600_000;
