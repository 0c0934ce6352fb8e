//! The benches' server as a process, for clients in other languages: a cluster of ten jobs.
//!
//! Prints its address, then serves until its input ends. `GET /connections` tells how many were opened before.

#[allow(dead_code)]
#[path = "../../../support/cluster.rs"]
mod cluster;
#[allow(dead_code)]
#[path = "../../../support/server.rs"]
mod server;

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use server::{Answer, Server, json};

fn main() -> io::Result<()> {
    let list = json(&cluster::overview(&cluster::job_ids(10), |_| "RUNNING"));
    let itself: Arc<OnceLock<Server>> = Arc::default();
    let known = Arc::clone(&itself);
    let server = Server::start(move |_, target| match known.get() {
        Some(server) if target == "/connections" => json(&server.connections().to_string()),
        _ => Answer::clone(&list),
    })?;
    println!("{}", server.url());
    let _ = itself.set(server);
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
