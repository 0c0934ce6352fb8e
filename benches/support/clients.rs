//! The clients that are compared: this crate's, and what a program would write without it.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use flink_client::{RestClusterClient, StandaloneClusterId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(crate) type Client = RestClusterClient<StandaloneClusterId>;

/// This crate's client, with its defaults.
pub(crate) fn ours(url: &str) -> Client {
    RestClusterClient::connect(url).expect("a usable address")
}

/// The smallest that reads a job's status.
#[derive(Deserialize)]
pub(crate) struct Status {
    #[allow(dead_code, reason = "only read")]
    pub(crate) status: String,
}

/// The smallest that reads a list of jobs.
#[derive(Deserialize)]
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<Job>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read")]
pub(crate) struct Job {
    pub(crate) jid: String,
    pub(crate) state: String,
}

/// ureq and serde_json as a program would call them.
pub(crate) fn direct<T: DeserializeOwned>(agent: &ureq::Agent, url: &str) -> T {
    let mut response = agent.get(url).call().expect("an answer");
    let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec().expect("a body");
    serde_json::from_slice(&body).expect("what Flink answers")
}

type Work = Box<dyn FnOnce() + Send>;

/// The pool that everybody writes: four workers on one queue, and a reply channel for each call.
#[derive(Clone)]
pub(crate) struct NaivePool(Sender<Work>);

impl NaivePool {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = unbounded::<Work>();
        for _ in 0..4 {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.into_iter().for_each(|job| job()));
        }
        Self(sender)
    }

    pub(crate) fn call<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let (reply, answer) = bounded(1);
        let job = move || {
            let _ = reply.send(work());
        };
        self.0.send(Box::new(job)).expect("the pool lives");
        answer
    }
}
