//! What a network, a proxy or a server can do wrong, over real sockets: for each the kind of error, and how many
//! requests the server saw.

mod authentication;
mod broken_connections;
mod closing;
mod foreign_answers;
mod framing;
mod idle_connections;
mod injection;
mod recorded;
mod redirects;
mod secrets;
mod statuses;
#[cfg(feature = "tls")]
mod tls;
mod uploads;

use flink_client::{ClusterClient, Error, JobStatusMessage};

use crate::support::{ScriptedServer, client, eager};

/// No job: the answer to the request that [`list_jobs`] sends.
const JOBS: &str = r#"{"jobs":[]}"#;

/// Asks for the jobs, which changes nothing.
fn list_jobs(server: &ScriptedServer) -> Result<Vec<JobStatusMessage>, Error> {
    client(eager(&server.url())).list_jobs().wait()
}
