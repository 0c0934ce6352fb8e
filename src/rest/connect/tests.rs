use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration as Span;

use super::*;

/// A host with these addresses, and how often it was looked up.
#[derive(Clone, Debug)]
struct Host(Vec<SocketAddr>, Arc<AtomicUsize>);

impl Host {
    fn at(addresses: impl Into<Vec<SocketAddr>>) -> Self {
        Self(addresses.into(), Arc::default())
    }

    fn agent(&self, limit: Span) -> Agent {
        let config = Config::builder().proxy(None).timeout_connect(Some(limit)).build();
        agent(config, &Tls::default(), self.clone(), u64::MAX)
    }
}

impl Resolver for Host {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut all = self.empty();
        self.0.iter().for_each(|address| all.push(*address));
        Ok(all)
    }
}

/// Longer than anything here takes.
const LONG: Span = Span::from_secs(60);

/// Answers `requests` requests on one connection.
fn server(listener: TcpListener, requests: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for _ in 0..requests {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    })
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_host_with_a_dead_address_is_reached_by_another() {
    let (listener, live) = listen();
    let (_, dead) = listen();
    let dead_6: SocketAddr = ([0, 0, 0, 0, 0, 0, 0, 1], dead.port()).into();
    let serving = server(listener, 1);
    let agent = Host::at([dead_6, dead, live]).agent(LONG);
    assert_eq!(agent.get("http://several.test/").call().unwrap().status(), 204);
    serving.join().unwrap();
}

#[test]
fn a_host_with_an_address_that_swallows_connections_is_reached_by_another() {
    let (full, hole) = listen();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&hole, Span::from_millis(150)) {
        queued.push(stream);
    }
    let (listener, live) = listen();
    let serving = server(listener, 1);
    let agent = Host::at([hole, live]).agent(Span::from_secs(3));
    assert_eq!(agent.get("http://several.test/").call().unwrap().status(), 204);
    serving.join().unwrap();
    drop((full, queued));
}

#[test]
fn a_host_is_resolved_anew_for_every_connection() {
    /// Moves with every look.
    #[derive(Debug)]
    struct Moving(Mutex<Vec<SocketAddr>>);

    impl Resolver for Moving {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut all = self.empty();
            all.push(self.0.lock().unwrap().remove(0));
            Ok(all)
        }
    }

    let (listeners, addresses): (Vec<_>, Vec<_>) = [listen(), listen()].into_iter().unzip();
    let config = Config::builder().proxy(None).build();
    let agent = agent(config, &Tls::default(), Moving(Mutex::new(addresses)), u64::MAX);
    for listener in listeners {
        let serving = server(listener, 1);
        assert_eq!(agent.get("http://moving.test/").call().unwrap().status(), 204);
        // Its connection is closed by now, and is not used again.
        serving.join().unwrap();
    }
}

#[test]
fn a_name_is_looked_up_for_a_connection_and_not_for_a_request() {
    let (listener, address) = listen();
    let serving = server(listener, 3);
    let host = Host::at([address]);
    let agent = host.agent(LONG);
    for _ in 0..3 {
        assert_eq!(agent.get("http://several.test/").call().unwrap().status(), 204);
    }
    assert_eq!(host.1.load(Ordering::SeqCst), 1);
    serving.join().unwrap();
}

#[test]
fn a_lookup_that_takes_longer_than_the_limit_is_given_up() {
    /// Answers when it is too late, as a name server that nobody reaches.
    #[derive(Debug)]
    struct Slow(SocketAddr);

    impl Resolver for Slow {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            limit: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let Duration::Exact(limit) = limit.after else { panic!("a look-up without a limit") };
            thread::sleep(limit);
            let mut all = self.empty();
            all.push(self.0);
            Ok(all)
        }
    }

    let (_listener, address) = listen();
    let config = Config::builder().proxy(None).timeout_connect(Some(Span::from_millis(50))).build();
    let agent = agent(config, &Tls::default(), Slow(address), u64::MAX);
    let error = agent.get("http://slow.test/").call().unwrap_err();
    assert!(matches!(error, ureq::Error::Timeout(ureq::Timeout::Connect)), "{error}");
}

#[test]
fn hosts_of_the_leader_s_directory_are_looked_up_within_a_limit() {
    for (host, expected) in [("127.0.0.1", "127.0.0.1:2181"), ("::1", "[::1]:2181")] {
        // No time at all is enough for an address.
        assert_eq!(resolve(host, 2181, Span::ZERO).unwrap(), [expected.parse().unwrap()]);
    }
    let found = resolve("localhost", 2181, LONG).unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 2181), "{found:?}");
    let error = resolve("no host", 2181, LONG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
}

#[test]
fn a_request_goes_on_with_its_stage_after_another_in_its_midst() {
    begin(b"x-secret: 1\r\n".to_vec());
    STAGE.set(Stage::CutOff);
    aside(|| begin(b"x-other: 2\r\n".to_vec()));
    assert!(is_cut_off());
    assert_eq!(SECRET_LINES.take(), b"x-secret: 1\r\n");
}

#[test]
fn an_address_is_not_looked_up() {
    for (url, expected) in [
        ("http://127.0.0.1/", "127.0.0.1:80"),
        ("https://127.0.0.1/a", "127.0.0.1:443"),
        ("http://[::1]:8081", "[::1]:8081"),
        ("https://[::1]", "[::1]:443"),
    ] {
        assert_eq!(literal(&url.parse().unwrap()), Some(expected.parse().unwrap()), "{url}");
    }
    for url in ["http://localhost:80", "http://1.2.3:80", "http://0x7f.1", "/only/a/path"] {
        assert_eq!(literal(&url.parse().unwrap()), None, "{url}");
    }
    let config = Config::builder().proxy(None).timeout_connect(Some(LONG)).build();
    let (listener, address) = listen();
    let serving = server(listener, 1);
    let agent = agent(config, &Tls::default(), DefaultResolver::default(), u64::MAX);
    assert_eq!(agent.get(format!("http://{address}/")).call().unwrap().status(), 204);
    serving.join().unwrap();
}
