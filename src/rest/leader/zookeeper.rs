//! Asks ZooKeeper who leads: one session for one look at one node, over a plain socket.
//!
//! ZooKeeper's own clients keep a session, with heartbeats, to be told of changes. That needs a thread for as long as
//! the client lives; this one instead looks again when the address that it knows fails.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::jute::{self, code};
use super::split_port;
use crate::config::{Configuration, options};
use crate::error::{Error, ErrorKind, Result};
use crate::java_stream::leader_information;
use crate::rest::connect;
use crate::runtime::timer::after;

const DEFAULT_PORT: u16 = 2181;

/// ZooKeeper's own limit of a message; a leader's address has some hundred bytes.
const LARGEST_REPLY: u32 = 1 << 20;

const QUORUM: &str = "high-availability.zookeeper.quorum";

/// Where a cluster's leader is written in ZooKeeper, and how to get there.
pub(super) struct ZooKeeper {
    hosts: Vec<(String, u16)>,
    path: String,
    /// Scheme and credentials of each.
    authorizations: Vec<(String, String)>,
    session_timeout: Duration,
    /// For one look, at as many servers as it takes.
    connection_timeout: Duration,
    /// Which of the hosts answered last.
    answered: AtomicUsize,
}

/// Why a server told nothing.
enum Failure {
    /// Another server may tell.
    Here(String),
    /// Every server would say the same.
    Everywhere(Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Here(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".into(),
            io::ErrorKind::UnexpectedEof => "the server ended the connection".into(),
            _ => error.to_string(),
        })
    }
}

impl ZooKeeper {
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key.
    pub(super) fn from_configuration(configuration: &Configuration) -> Result<Self> {
        let quorum =
            configuration.get_optional(&options::HIGH_AVAILABILITY_ZOOKEEPER_QUORUM)?.unwrap_or_default();
        let (hosts, chroot) = quorum.find('/').map_or((&*quorum, ""), |slash| quorum.split_at(slash));
        let hosts: Vec<_> = hosts
            .split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .map(host_and_port)
            .collect::<Result<_>>()?;
        if hosts.is_empty() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("high-availability.type is zookeeper, but {QUORUM} is not set"),
            )
            .with_hint("set it to ZooKeeper's servers, as in zk-1:2181,zk-2:2181"));
        }
        let root = configuration.get(&options::HIGH_AVAILABILITY_ZOOKEEPER_PATH_ROOT)?;
        let cluster_id = configuration.get(&options::HIGH_AVAILABILITY_CLUSTER_ID)?;
        let mut path = String::new();
        for part in [chroot, &root, &cluster_id, "leader/rest_server/connection_info"] {
            let part = part.trim().trim_matches('/');
            if !part.is_empty() {
                path.push('/');
                path.push_str(part);
            }
        }
        let authorizations =
            configuration.get_optional(&options::HIGH_AVAILABILITY_ZOOKEEPER_AUTHORIZATION)?;
        let limit = |option, key: &str| match configuration.get(option)? {
            Duration::ZERO => Err(Error::new(ErrorKind::Configuration, format!("{key} is 0"))),
            limit => Ok(limit),
        };
        Ok(Self {
            hosts,
            path,
            authorizations: authorizations.unwrap_or_default().into_iter().collect(),
            session_timeout: limit(
                &options::HIGH_AVAILABILITY_ZOOKEEPER_SESSION_TIMEOUT,
                options::HIGH_AVAILABILITY_ZOOKEEPER_SESSION_TIMEOUT.key(),
            )?,
            connection_timeout: limit(
                &options::HIGH_AVAILABILITY_ZOOKEEPER_CONNECTION_TIMEOUT,
                options::HIGH_AVAILABILITY_ZOOKEEPER_CONNECTION_TIMEOUT.key(),
            )?,
            answered: AtomicUsize::new(0),
        })
    }

    /// The address that the leader has written down. Looking hosts up included, this takes no longer than
    /// `high-availability.zookeeper.client.connection-timeout`, which bounds what a close has to wait for: it does not
    /// reach the socket here.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if nobody has; [`ErrorKind::Connect`] if no server can be asked;
    /// [`ErrorKind::Authentication`] if they do not tell this client.
    pub(super) fn leader(&self) -> Result<String> {
        let deadline = after(self.connection_timeout);
        let first = self.answered.load(Ordering::Relaxed);
        let mut failures = Vec::with_capacity(self.hosts.len());
        for tried in 0..self.hosts.len() {
            let number = (first + tried) % self.hosts.len();
            let (host, port) = &self.hosts[number];
            // One that swallows everything must not take the time of the others.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(self.hosts.len() - tried).unwrap_or(u32::MAX);
            match self.ask(host, *port, after(share)) {
                Ok(data) => {
                    self.answered.store(number, Ordering::Relaxed);
                    return self.address(&data);
                }
                Err(Failure::Everywhere(error)) => return Err(error),
                Err(Failure::Here(why)) => failures.push(format!("{host}:{port}: {why}")),
            }
        }
        Err(Error::new(
            ErrorKind::Connect,
            format!("ZooKeeper cannot be asked who leads: {}", failures.join("; ")),
        )
        .with_hint("check high-availability.zookeeper.quorum"))
    }

    fn address(&self, data: &[u8]) -> Result<String> {
        // Who gives up the lead may leave the node without data.
        if data.is_empty() {
            return Err(self.nobody());
        }
        leader_information(data).map(|(address, _term)| address).ok_or_else(|| {
            let message = format!("ZooKeeper's node {} does not hold a leader's address", self.path);
            Error::new(ErrorKind::Decode, message).with_hint("is it a Flink of 1.15 or newer that writes it?")
        })
    }

    fn nobody(&self) -> Error {
        Error::new(ErrorKind::Unavailable, format!("nobody leads: ZooKeeper has nothing at {}", self.path))
            .with_hint(
                "if the cluster runs, check high-availability.cluster-id and high-availability.zookeeper.path.root",
            )
    }

    /// Asks one server for the node's data.
    fn ask(&self, host: &str, port: u16, deadline: Instant) -> Result<Vec<u8>, Failure> {
        const LOOK: i32 = 1;
        let mut connection = Connection::open(host, port, deadline)?;
        connection.send(&jute::connect(self.session_timeout))?;
        match jute::connected(&connection.receive()?) {
            Some(true) => {}
            Some(false) => return Err(Failure::Here("the server opened no session".into())),
            None => return Err(not_zookeeper()),
        }
        for (scheme, credentials) in &self.authorizations {
            connection.send(&jute::authorize(scheme, credentials.as_bytes()))?;
            connection.reply_to(jute::AUTHORIZATION, |reply| self.accepted(reply.code))?;
        }
        connection.send(&jute::get_data(LOOK, &self.path))?;
        let data = connection.reply_to(LOOK, |reply| {
            self.accepted(reply.code)?;
            reply.data().map(<[u8]>::to_vec).ok_or_else(not_zookeeper)
        })?;
        // A session that stays open for want of this ends by itself.
        let _ = connection.send(&jute::close(LOOK + 1));
        let _ = connection.stream.shutdown(Shutdown::Write);
        Ok(data)
    }

    fn accepted(&self, code: i32) -> Result<(), Failure> {
        let denied = |what: &str| Error::new(ErrorKind::Authentication, format!("ZooKeeper {what}"));
        Err(Failure::Everywhere(match code {
            code::OK => return Ok(()),
            code::NO_NODE => self.nobody(),
            code::NO_AUTH => denied(&format!("does not let this client read {}", self.path)).with_hint(
                "give credentials that may, as in high-availability.zookeeper.client.authorization: \
                 {digest: 'user:password'}; SASL is not spoken here: give the JobManagers' addresses instead",
            ),
            code::AUTH_FAILED => denied("refuses the credentials of this client")
                .with_hint("check high-availability.zookeeper.client.authorization"),
            code::WANTS_SASL => denied("wants SASL, which is not spoken here")
                .with_hint("give the JobManagers' addresses instead"),
            code::BAD_ARGUMENTS => Error::new(
                ErrorKind::Configuration,
                format!("ZooKeeper cannot have a node named {:?}", self.path),
            )
            .with_hint("check high-availability.cluster-id and high-availability.zookeeper.path.root"),
            code => return Err(Failure::Here(format!("the server answered with its error {code}"))),
        }))
    }
}

impl fmt::Debug for ZooKeeper {
    /// Shows no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZooKeeper")
            .field("hosts", &self.hosts)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn host_and_port(text: &str) -> Result<(String, u16)> {
    let refuse = |what: &str| {
        Error::new(ErrorKind::Configuration, format!("{QUORUM}: {text:?} {what}"))
            .with_hint("write host:port of each of ZooKeeper's servers, separated by commas")
    };
    let (host, port) = split_port(text);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(refuse("is no host and port"));
    }
    match port.map_or(Ok(DEFAULT_PORT), str::parse) {
        Ok(port @ 1..) => Ok((host.to_owned(), port)),
        _ => Err(refuse("has no port from 1 to 65535")),
    }
}

fn not_zookeeper() -> Failure {
    Failure::Here("what answers there is not ZooKeeper".into())
}

/// A socket that is done with at the deadline, whatever the other side does.
struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

impl Connection {
    fn open(host: &str, port: u16, deadline: Instant) -> Result<Self, Failure> {
        let addresses = connect::resolve(host, port, left(deadline)?)?;
        let mut last = Failure::Here("the host has no address".into());
        for (tried, address) in addresses.iter().enumerate() {
            let share = left(deadline)? / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, deadline });
                }
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        Ok(self.stream.write_all(message)?)
    }

    /// The next message, without its length.
    fn receive(&mut self) -> Result<Vec<u8>, Failure> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > LARGEST_REPLY {
            return Err(not_zookeeper());
        }
        let mut record = vec![0; length as usize];
        self.read(&mut record)?;
        Ok(record)
    }

    /// Reads as far as to the reply of this number; what comes before is not meant for this.
    fn reply_to<T>(
        &mut self,
        number: i32,
        read: impl FnOnce(&jute::Reply<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let record = self.receive()?;
            let reply = jute::reply(&record).ok_or_else(not_zookeeper)?;
            if reply.number == number {
                return read(&reply);
            }
        }
    }

    fn read(&mut self, mut into: &mut [u8]) -> Result<(), Failure> {
        while !into.is_empty() {
            self.stream.set_read_timeout(Some(left(self.deadline)?))?;
            match self.stream.read(into) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => into = &mut into[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// How long until `deadline`.
fn left(deadline: Instant) -> Result<Duration, io::Error> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn of(entries: &[(&str, &str)]) -> Result<ZooKeeper> {
        ZooKeeper::from_configuration(&entries.iter().copied().collect())
    }

    #[test]
    fn hosts_and_path_are_made_of_flink_s_keys() {
        for (entries, hosts, path) in [
            (&[(QUORUM, "zk")][..], &[("zk", 2181)][..], "/flink/default"),
            (&[(QUORUM, "a:1, b:2,")], &[("a", 1), ("b", 2)], "/flink/default"),
            (&[(QUORUM, "a:1,[::1]:2/ch/root/")], &[("a", 1), ("::1", 2)], "/ch/root/flink/default"),
            (
                &[
                    (QUORUM, "a:1"),
                    ("high-availability.zookeeper.path.root", "/"),
                    ("high-availability.cluster-id", "prod/etl"),
                ],
                &[("a", 1)],
                "/prod/etl",
            ),
        ] {
            let zookeeper = of(entries).unwrap();
            let found: Vec<_> = zookeeper.hosts.iter().map(|(host, port)| (&**host, *port)).collect();
            assert_eq!(found, hosts);
            assert_eq!(zookeeper.path, format!("{path}/leader/rest_server/connection_info"));
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_the_name_of_its_key() {
        for (entries, says) in [
            (&[][..], "high-availability.zookeeper.quorum is not set"),
            (&[(QUORUM, "/only/a/path")], "high-availability.zookeeper.quorum is not set"),
            (&[(QUORUM, "a:0")], "\"a:0\" has no port"),
            (&[(QUORUM, "a:1,b:x")], "\"b:x\" has no port"),
            (&[(QUORUM, "a b:1")], "\"a b:1\" is no host"),
            (
                &[(QUORUM, "a"), ("high-availability.zookeeper.client.connection-timeout", "0")],
                "connection-timeout is 0",
            ),
        ] {
            let error = of(entries).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_limit_beyond_what_the_clock_can_say_is_none() {
        let forever = "9223372036854775807 s";
        let limits = [
            ("high-availability.zookeeper.client.connection-timeout", forever),
            ("high-availability.zookeeper.client.session-timeout", forever),
        ];
        for limits in [&limits[..1], &limits] {
            let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let quorum = server.local_addr().unwrap().to_string();
            let zookeeper = of(&[&[(QUORUM, &*quorum)], limits].concat()).unwrap();
            // It hangs up, so that there is something to tell.
            let hanging_up = std::thread::spawn(move || server.accept().map(drop));
            assert_eq!(zookeeper.leader().unwrap_err().kind(), ErrorKind::Connect);
            hanging_up.join().unwrap().unwrap();
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let secret = [
            (QUORUM, "a"),
            ("high-availability.zookeeper.client.authorization", "{digest: 'flink:hunter2'}"),
        ];
        let zookeeper = of(&secret).unwrap();
        assert_eq!(zookeeper.authorizations, [("digest".to_owned(), "flink:hunter2".to_owned())]);
        assert!(!format!("{zookeeper:?}").contains("hunter2"));
    }
}
