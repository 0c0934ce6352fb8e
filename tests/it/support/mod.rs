//! What tests of the client over real sockets share.
//!
//! - [`ScriptedServer`]: answers, and misbehaves, as it is told to, and remembers what it was sent.
//! - [`Blackhole`]: a port where connections are neither accepted nor refused.
//! - `TlsFront`: TLS before such a server, with certificates that `Authority` signs.
//! - [`ScriptedZooKeeper`]: knows one node, or what else it is told.
//! - [`eager`]: a client's configuration that tries again at once.

// Each feature set uses its share of this.
#![allow(dead_code, unused_imports)]

mod blackhole;
#[cfg(feature = "tls")]
mod certificates;
mod request;
mod scripted_server;
#[cfg(feature = "tls")]
mod tls_front;
mod zookeeper;

pub(crate) use blackhole::Blackhole;
#[cfg(feature = "tls")]
pub(crate) use certificates::{Authority, Identity, Valid};
pub(crate) use request::ReceivedRequest;
pub(crate) use scripted_server::{Reply, ScriptedServer};
#[cfg(feature = "tls")]
pub(crate) use tls_front::TlsFront;
pub(crate) use zookeeper::{ScriptedZooKeeper, Session};

use std::thread;
use std::time::{Duration, Instant};

use flink_client::{
    FixedWaitStrategy, RestClusterClient, RestClusterClientConfiguration,
    RestClusterClientConfigurationBuilder, StandaloneClusterId,
};

/// Nothing here takes this long unless it hangs.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// A client of `address` that tries three times at most and hardly waits between. Silence it bears for longer than a busy
/// machine is silent: whoever tests that sets a limit.
pub(crate) fn eager(address: &str) -> RestClusterClientConfigurationBuilder {
    RestClusterClientConfiguration::builder()
        .address(address)
        .max_attempts(2)
        .retry_strategy(FixedWaitStrategy(Duration::from_millis(1)))
        .poll_strategy(FixedWaitStrategy(Duration::from_millis(1)))
        // Long enough for several attempts on a machine that is busy.
        .await_leader_timeout(Duration::from_secs(1))
        .connection_timeout(HANG)
        .answer_timeout(HANG)
        .idleness_timeout(HANG)
}

pub(crate) fn client(
    builder: RestClusterClientConfigurationBuilder,
) -> RestClusterClient<StandaloneClusterId> {
    RestClusterClient::new(builder.build().expect("a usable configuration"), StandaloneClusterId)
        .expect("a client")
}

/// Looks every few milliseconds until `look` sees what it looks for; panics, naming `what`, after [`HANG`].
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < HANG, "waited {HANG:?} in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The names of this process's threads that begin so, in order, as the system has them: cut to 15 bytes.
#[cfg(target_os = "linux")]
pub(crate) fn threads_named(beginning: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread may end between the listing and the reading.
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    let mut names: Vec<_> = names.map(|name| name.trim_end().to_owned()).collect();
    names.retain(|name| name.starts_with(beginning));
    names.sort();
    names
}
