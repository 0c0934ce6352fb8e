//! Flink's REST API in front of a cluster.
//!
//! A [`Server`] holds the port. Each connection is served by a thread of a pool ([`connection`]): a request's head is
//! parsed ([`head`]), its body read ([`body`]; a form's files go to disk as they come, [`multipart`]), its route found
//! ([`routes`]), and the handler asks the [`Dispatcher`](super::dispatcher::Dispatcher), which knows nothing of HTTP.
//! Handlers give JSON or a [`Refusal`](reply::Refusal), in which what the dispatcher threw is wrapped as Flink wraps it.
//!
//! # Bounds
//! Heads, bodies, parts, connections and the time for each of them are limited (see [`Limits`](server::Limits)); beyond
//! the most connections, the one that has been idle longest makes room. A connection holds one thread and some KiB while
//! it is idle or sends files. A body that is no file is read whole, on any path, as in Flink: as much memory as
//! `rest.server.max-content-length`, and many times that for the values that are in it, until the request is answered.
//! Whoever serves others than himself lowers that. A list of jars looks into one after the other, in less
//! than 100 MiB. Bytes that are no HTTP get Flink's answer to that, and the connection ends.
//!
//! # Other than in Flink
//! - Nothing is cached: `web.refresh-interval` is told and not heeded.
//! - There is no dashboard, no log, no profiler and no JVM to be measured.

mod applications;
mod body;
mod call;
mod checkpoints;
mod cluster;
mod connection;
mod data_sets;
mod endpoint;
mod graphs;
mod head;
mod jars;
mod jobs;
mod metrics;
mod multipart;
mod process;
mod reply;
mod rescales;
mod routes;
mod savepoints;
mod server;
#[cfg(test)]
mod tests;
mod upload;
mod vertices;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::endpoint::Endpoint;
use self::server::Limits;
pub(crate) use self::server::{Bound, Server};
use super::dispatcher::Dispatcher;
use crate::config::{ConfigOption, Configuration, options};
use crate::error::{Error, ErrorKind, Result};

/// What is to be served, and where.
#[derive(Clone, Debug)]
pub(crate) struct RestPlan {
    address: IpAddr,
    port: u16,
    limits: Limits,
    origin: String,
    settings: RestSettings,
}

/// What of the configuration shows in answers.
#[derive(Clone, Debug)]
pub(crate) struct RestSettings {
    /// The only directory that requests may name for savepoints, if there is one.
    savepoints_below: Option<PathBuf>,
    refresh_interval: Duration,
    /// Whether jars can be uploaded and run.
    jars: bool,
    cancel: bool,
}

const REFRESH_INTERVAL: ConfigOption<Duration> =
    ConfigOption::new("web.refresh-interval").with_default("3 s");
const TIMEOUT: ConfigOption<Duration> = ConfigOption::new("web.timeout").with_default("10 min");
const ORIGIN: ConfigOption<String> = ConfigOption::new("web.access-control-allow-origin").with_default("*");

const MOST_CONNECTIONS: usize = 256;
const MOST_IN_UPLOAD: u64 = 4 << 30;
const PATIENCE: Duration = Duration::from_secs(30);

impl RestPlan {
    /// # Errors
    /// [`ErrorKind::Configuration`] for a value that cannot be, naming its key.
    pub(crate) fn new(
        address: IpAddr,
        port: u16,
        savepoints_below: Option<PathBuf>,
        configuration: &Configuration,
    ) -> Result<Self> {
        let origin = configuration.get(&ORIGIN)?;
        if origin.contains(|c: char| c.is_control()) {
            let text = format!("{}: a line of its own in an answer's head is no origin", ORIGIN.key());
            return Err(Error::new(ErrorKind::Configuration, text));
        }
        Ok(Self {
            address,
            port,
            limits: Limits {
                connections: MOST_CONNECTIONS,
                content: configuration.get(&options::REST_SERVER_MAX_CONTENT_LENGTH)?.into(),
                upload: MOST_IN_UPLOAD,
                idle: configuration.get(&options::REST_IDLENESS_TIMEOUT)?,
                patience: PATIENCE,
                operation: configuration.get(&TIMEOUT)?,
            },
            origin,
            settings: RestSettings {
                savepoints_below,
                refresh_interval: configuration.get(&REFRESH_INTERVAL)?,
                jars: configuration.get(&options::WEB_SUBMIT_ENABLE)?,
                cancel: configuration.get(&options::WEB_CANCEL_ENABLE)?,
            },
        })
    }

    /// Takes the port.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it cannot be had.
    pub(crate) fn bind(&self) -> Result<Bound> {
        Bound::bind(self.address, self.port).map_err(|error| {
            let text =
                format!("the mini cluster cannot serve REST at {}:{}: {error}", self.address, self.port);
            Error::new(ErrorKind::Configuration, text)
                .with_source(error)
                .with_hint("choose another port, or 0 for one that is free")
        })
    }

    /// Serves a cluster.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn serve(self, bound: Bound, dispatcher: Dispatcher) -> std::io::Result<Server> {
        let url = format!("http://{}", bound.reachable());
        let Self { limits, origin, settings, .. } = self;
        Server::start(bound, Arc::new(Endpoint { dispatcher, limits, url, origin, settings }))
    }
}
