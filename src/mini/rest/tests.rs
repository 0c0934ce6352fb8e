//! The bounds, made small enough to be met.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use super::server::Limits;
use super::{RestPlan, Server};
use crate::config::Configuration;
use crate::mini::tests::eventually;
use crate::mini::{MiniCluster, MiniClusterConfiguration};

const LONG: Duration = Duration::from_secs(60);

/// A server of its own in front of a cluster that has none.
struct Served {
    server: Server,
    cluster: MiniCluster,
}

impl Drop for Served {
    fn drop(&mut self) {
        assert!(self.server.close(LONG), "its threads have ended");
    }
}

fn served(limit: impl FnOnce(&mut Limits)) -> Served {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new()).unwrap();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut plan = RestPlan::new(loopback, 0, None, &Configuration::new()).unwrap();
    limit(&mut plan.limits);
    let bound = plan.bind().unwrap();
    let server = plan.serve(bound, cluster.dispatcher()).unwrap();
    Served { server, cluster }
}

impl Served {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }
}

/// Asks for something small; the first line of the answer, or none if the connection ends.
fn asked(stream: &mut TcpStream) -> Option<String> {
    stream.write_all(b"HEAD / HTTP/1.1\r\n\r\n").ok()?;
    answered(stream)
}

fn answered(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }
    Some(String::from_utf8(head).unwrap().lines().next().unwrap().to_owned())
}

const NOT_FOUND: Option<&str> = Some("HTTP/1.1 404 Not Found");

#[test]
fn beyond_the_most_connections_the_one_that_was_idle_longest_makes_room() {
    let served = served(|limits| limits.connections = 2);
    let mut first = served.connect();
    assert_eq!(asked(&mut first).as_deref(), NOT_FOUND);
    eventually("the first is idle", || served.server.counts() == (1, 1));
    let mut second = served.connect();
    assert_eq!(asked(&mut second).as_deref(), NOT_FOUND);
    eventually("both are idle", || served.server.counts() == (2, 2));
    let mut third = served.connect();
    assert_eq!(asked(&mut third).as_deref(), NOT_FOUND);
    assert_eq!(asked(&mut first), None);
    assert_eq!(asked(&mut second).as_deref(), NOT_FOUND, "it was idle for less");
}

#[test]
fn connections_that_are_busy_make_no_room_and_too_many_are_not_taken() {
    let served = served(|limits| limits.connections = 1);
    let mut busy = served.connect();
    busy.write_all(b"POST /jobs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").unwrap();
    assert_eq!(answered(&mut busy).as_deref(), Some("HTTP/1.1 100 Continue"));
    let mut waiting = served.connect();
    eventually("another waits for a thread", || served.server.counts().0 == 2);
    let mut too_many = served.connect();
    assert_eq!(answered(&mut too_many), None);
    busy.write_all(b"{}").unwrap();
    assert_eq!(answered(&mut busy).as_deref(), Some("HTTP/1.1 400 Bad Request"));
    drop(busy);
    assert_eq!(asked(&mut waiting).as_deref(), NOT_FOUND);
}

#[test]
fn a_connection_that_has_to_wait_is_served_when_another_has_its_answer() {
    let served = served(|limits| limits.connections = 1);
    let mut busy = served.connect();
    busy.write_all(b"POST /jobs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").unwrap();
    assert_eq!(answered(&mut busy).as_deref(), Some("HTTP/1.1 100 Continue"));
    let mut waiting = served.connect();
    eventually("another waits for a thread", || served.server.counts().0 == 2);
    busy.write_all(b"{}").unwrap();
    assert_eq!(asked(&mut waiting).as_deref(), NOT_FOUND);
}

#[test]
fn of_several_connections_that_have_to_wait_each_is_served() {
    let served = served(|limits| limits.connections = 2);
    let mut busy = [served.connect(), served.connect()];
    for busy in &mut busy {
        busy.write_all(b"POST /jobs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").unwrap();
        assert_eq!(answered(busy).as_deref(), Some("HTTP/1.1 100 Continue"));
    }
    let mut waiting = [served.connect(), served.connect()];
    eventually("two more wait for a thread", || served.server.counts().0 == 4);
    busy[0].write_all(b"{}").unwrap();
    for waiting in &mut waiting {
        assert_eq!(asked(waiting).as_deref(), NOT_FOUND);
    }
}

#[test]
fn times_that_no_clock_can_tell_are_for_ever() {
    let served = served(|limits| {
        (limits.idle, limits.patience, limits.operation) = (Duration::MAX, Duration::MAX, Duration::MAX);
    });
    let mut stream = served.connect();
    assert_eq!(asked(&mut stream).as_deref(), NOT_FOUND);
    // One that waits for the cluster.
    let id = crate::JobId::random();
    stream.write_all(format!("PATCH /jobs/{id} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(answered(&mut stream).as_deref(), NOT_FOUND);
}

#[test]
fn a_connection_ends_that_is_silent_for_too_long() {
    let served = served(|limits| limits.idle = Duration::from_millis(20));
    assert_eq!(answered(&mut served.connect()), None);
}

#[test]
fn a_request_that_comes_too_slowly_ends_its_connection() {
    let served = served(|limits| limits.patience = Duration::from_millis(20));
    for halfway in [&b"GET /overv"[..], b"POST /jobs HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"] {
        let mut slow = served.connect();
        slow.write_all(halfway).unwrap();
        assert_eq!(answered(&mut slow), None, "{halfway:?}");
    }
    // Who sends something all the time, but hardly anything, gains hardly anything by it.
    let mut dripping = served.connect();
    dripping.write_all(b"POST /jobs HTTP/1.1\r\nContent-Length: 99999\r\n\r\n").unwrap();
    let began = Instant::now();
    while dripping.write_all(b"a").is_ok() {
        assert!(began.elapsed() < LONG, "it goes on and on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_upload_that_is_too_long_is_refused_and_not_kept() {
    let served = served(|limits| limits.upload = 1000);
    let body = format!(
        "--x\r\nContent-Disposition: form-data; name=a; filename=a.jar\r\n\r\n{}\r\n--x--",
        "a".repeat(2000)
    );
    let head = "POST /jars/upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n";
    let mut told = served.connect();
    told.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    assert_eq!(answered(&mut told).as_deref(), Some("HTTP/1.1 413 Request Entity Too Large"));
    let mut chunked = served.connect();
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    chunked.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes()).unwrap();
    assert_eq!(answered(&mut chunked).as_deref(), Some("HTTP/1.1 413 Request Entity Too Large"));
    assert_eq!(std::fs::read_dir(served.cluster.dispatcher().jar_directory()).unwrap().count(), 0);
}

#[test]
fn an_operation_that_takes_too_long_is_given_up() {
    let served = served(|limits| limits.operation = Duration::from_millis(20));
    let (end, ends) = crossbeam_channel::bounded::<()>(0);
    let job = crate::mini::MiniJob::new("slow").vertex("source", 1, |_| Ok(())).on_initialize(move || {
        let _ = ends.recv();
        Ok(())
    });
    let id = crate::JobId::random();
    let request = crate::mini::dispatcher::RunRequest { job_id: Some(id), ..Default::default() };
    let _initialized = served.cluster.dispatcher().submit(job, &request);
    let mut waiting = served.connect();
    waiting.write_all(format!("PATCH /jobs/{id} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(answered(&mut waiting).as_deref(), Some("HTTP/1.1 500 Internal Server Error"));
    drop(end);
}
