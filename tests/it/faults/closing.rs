//! Closing a client: whatever it is doing, everything that is open ends, and its threads are free for others.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use flink_client::{
    ClusterClient, Error, ErrorKind, ExecutionPlan, FixedWaitStrategy, JobId, LeaderRetriever, Pending,
    RestClusterClient, RestClusterClientConfigurationBuilder, Result, Runtime, SavepointFormatType,
    StandaloneClusterId,
};

use super::JOBS;
use crate::support::{Blackhole, HANG, Reply, ScriptedServer, client, eager, until};

type Client = RestClusterClient<StandaloneClusterId>;

/// No limit of the client's own ends anything here.
const NEVER: Duration = Duration::from_secs(3600);

/// A client that has been brought where a close is to find it.
struct Scene {
    client: Client,
    /// All that is open.
    open: Vec<Pending<()>>,
    /// Whether its request thread is to be free at once: resolving, connecting and functions of the caller's go on
    /// until they end by themselves.
    interrupted: bool,
    _kept: Vec<Box<dyn Any>>,
}

fn patient(address: &str, runtime: &Runtime) -> RestClusterClientConfigurationBuilder {
    eager(address)
        .runtime(runtime.clone())
        .connection_timeout(NEVER)
        .answer_timeout(NEVER)
        .idleness_timeout(NEVER)
        .await_leader_timeout(NEVER)
        .retry_strategy(FixedWaitStrategy(NEVER))
        .poll_strategy(FixedWaitStrategy(NEVER))
        .max_attempts(1000)
}

fn in_phase(handle: &Pending<impl Send + 'static>, phase: &str) {
    until(phase, || format!("{handle:?}").contains(phase).then_some(()));
}

/// A job's graph: unlike a jar, of which something may have to be removed, its upload leaves nothing behind.
fn graph() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(64 << 20).unwrap();
    file
}

fn talking(runtime: &Runtime, reply: Reply) -> Scene {
    let server = ScriptedServer::always(reply);
    let client = client(patient(&server.url(), runtime));
    let open = client.list_jobs().map(drop);
    until("the request", || (server.connections() > 0).then_some(()));
    Scene { client, open: vec![open], interrupted: true, _kept: vec![Box::new(server)] }
}

/// A lookup, or a source of tokens, that waits for the test to end.
#[derive(Clone)]
struct Held {
    began: crossbeam_channel::Sender<()>,
    end: crossbeam_channel::Receiver<()>,
}

impl Held {
    fn new() -> (Self, crossbeam_channel::Receiver<()>, crossbeam_channel::Sender<()>) {
        let (began, begun) = crossbeam_channel::unbounded();
        let (release, end) = crossbeam_channel::bounded(0);
        (Self { began, end }, begun, release)
    }

    fn hold(&self) -> Result<String> {
        let _ = self.began.send(());
        let _ = self.end.recv();
        Err(Error::new(ErrorKind::Unavailable, "the test is over"))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl LeaderRetriever for Held {
    fn leader_address(&self) -> Result<String> {
        self.hold()
    }
}

#[derive(Debug)]
struct NoLeader;

impl LeaderRetriever for NoLeader {
    fn leader_address(&self) -> Result<String> {
        Err(Error::new(ErrorKind::Unavailable, "nobody leads"))
    }
}

fn waiting_for_an_attempt(
    configure: impl FnOnce(RestClusterClientConfigurationBuilder) -> RestClusterClientConfigurationBuilder,
    address: &str,
    runtime: &Runtime,
) -> Scene {
    let client = client(configure(patient(address, runtime)));
    let open = client.list_jobs();
    in_phase(&open, "waiting for the next attempt");
    Scene { client, open: vec![open.map(drop)], interrupted: true, _kept: Vec::new() }
}

type MakeScene = fn(&Runtime) -> Scene;

fn scenes() -> Vec<(&'static str, MakeScene)> {
    vec![
        ("queued", |runtime| {
            let mut scene = talking(runtime, Reply::nothing().stall());
            let queued = scene.client.list_jobs();
            in_phase(&queued, "queued");
            scene.open.push(queued.map(drop));
            scene
        }),
        ("connecting", |runtime| {
            let hole = Blackhole::new();
            // It ends by itself at some time, so that the thread does not outlive the test.
            let limit = Duration::from_secs(5);
            let client = client(patient(&hole.url(), runtime).connection_timeout(limit));
            let open = client.list_jobs();
            in_phase(&open, "sending");
            Scene { client, open: vec![open.map(drop)], interrupted: false, _kept: vec![Box::new(hole)] }
        }),
        #[cfg(feature = "tls")]
        ("shaking hands", |runtime| {
            let server = ScriptedServer::always(Reply::nothing().at_accept().stall());
            let client = client(patient(&format!("https://127.0.0.1:{}", server.port()), runtime));
            let open = client.list_jobs().map(drop);
            until("the connection", || (server.connections() > 0).then_some(()));
            Scene { client, open: vec![open], interrupted: true, _kept: vec![Box::new(server)] }
        }),
        ("sending", |runtime| {
            let (server, file) = (ScriptedServer::always(Reply::nothing().before_body().stall()), graph());
            let client = client(patient(&server.url(), runtime));
            let open = client.submit_job(ExecutionPlan::serialized(file.path())).map(drop);
            until("the upload", || (!server.lines().is_empty()).then_some(()));
            Scene {
                client,
                open: vec![open],
                interrupted: true,
                _kept: vec![Box::new(server), Box::new(file)],
            }
        }),
        ("waiting for an answer", |runtime| talking(runtime, Reply::nothing().stall())),
        ("reading a head", |runtime| talking(runtime, Reply::raw("HTTP/1.1 200 OK\r\ncontent-le").stall())),
        ("reading a body", |runtime| {
            talking(runtime, Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"jo").stall())
        }),
        ("reading a body without an end", |runtime| {
            let head = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
            talking(runtime, head.and_drip(vec![b' '; 10_000], Duration::from_millis(10)))
        }),
        ("waiting for another attempt", |runtime| {
            let server = ScriptedServer::always(Reply::nothing().close());
            let mut scene = waiting_for_an_attempt(|builder| builder, &server.url(), runtime);
            scene._kept.push(Box::new(server));
            scene
        }),
        ("waiting as long as the server asked", |runtime| {
            let server = ScriptedServer::always(Reply::new(503, &[("retry-after", "100000")], ""));
            let mut scene = waiting_for_an_attempt(|builder| builder, &server.url(), runtime);
            scene._kept.push(Box::new(server));
            scene
        }),
        ("waiting for a leader", |runtime| {
            waiting_for_an_attempt(|builder| builder.leader_retriever(Arc::new(NoLeader)), "h:1", runtime)
        }),
        ("looking for a leader", |runtime| {
            let (held, begun, release) = Held::new();
            let client = client(patient("h:1", runtime).leader_retriever(Arc::new(held)));
            let open = client.list_jobs().map(drop);
            begun.recv_timeout(HANG).unwrap();
            Scene { client, open: vec![open], interrupted: false, _kept: vec![Box::new(release)] }
        }),
        ("waiting for a token", |runtime| {
            let (held, begun, release) = Held::new();
            let client = client(patient("127.0.0.1:1", runtime).bearer_token_from(move || held.hold()));
            let open = client.list_jobs().map(drop);
            begun.recv_timeout(HANG).unwrap();
            Scene { client, open: vec![open], interrupted: false, _kept: vec![Box::new(release)] }
        }),
        ("waiting for a savepoint", |runtime| {
            let server =
                ScriptedServer::deciding(|request| match (&*request.method, request.json_or_null()) {
                    ("POST", body) => Reply::json(202, format!(r#"{{"request-id":{}}}"#, body["triggerId"])),
                    _ => Reply::json(200, r#"{"status":{"id":"IN_PROGRESS"}}"#),
                });
            let client = client(patient(&server.url(), runtime));
            let open = client.trigger_savepoint(JobId::random(), None, SavepointFormatType::Canonical);
            in_phase(&open, "polling");
            Scene { client, open: vec![open.map(drop)], interrupted: true, _kept: vec![Box::new(server)] }
        }),
        ("waiting for results", |runtime| {
            let server = ScriptedServer::deciding(|request| match request.path() {
                "/jobs/overview" => Reply::json(200, JOBS),
                path if path.ends_with("/status") => Reply::json(200, r#"{"status":"RUNNING"}"#),
                _ => Reply::json(200, r#"{"status":{"id":"IN_PROGRESS"}}"#),
            });
            let client = client(patient(&server.url(), runtime));
            let open: Vec<_> = (0..100).map(|_| client.job_result(JobId::random())).collect();
            in_phase(&open[0], "polling");
            let open = open.into_iter().map(|handle| handle.map(drop)).collect();
            Scene { client, open, interrupted: true, _kept: vec![Box::new(server)] }
        }),
        ("waiting until another upload is done", |runtime| {
            let (server, file) = (ScriptedServer::always(Reply::nothing().before_body().stall()), graph());
            let client = client(patient(&server.url(), runtime));
            let submit = || client.submit_job(ExecutionPlan::serialized(file.path())).map(drop);
            let open = vec![submit(), submit(), submit()];
            until("the upload", || (!server.lines().is_empty()).then_some(()));
            Scene { client, open, interrupted: true, _kept: vec![Box::new(server), Box::new(file)] }
        }),
    ]
}

#[track_caller]
fn assert_closed(what: &str, handle: Pending<()>) {
    match handle.wait_timeout(HANG) {
        Ok(Err(error)) => assert_eq!(error.kind(), ErrorKind::Closed, "{what}: {error}"),
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn whatever_a_client_is_doing_a_close_ends_it() {
    for (what, scene) in scenes() {
        let runtime = Runtime::builder().io_threads(1).build().unwrap();
        let Scene { client, open, interrupted, _kept } = scene(&runtime);
        client.close();
        assert_eq!(client.open_operations(), 0, "{what}");
        for handle in open {
            assert_closed(what, handle);
        }
        assert_closed(what, client.list_jobs().map(drop));
        if interrupted {
            // Its one request thread serves others: into a channel, since a thread that waits could help itself.
            let server = ScriptedServer::always(Reply::json(200, JOBS));
            let other = crate::support::client(eager(&server.url()).runtime(runtime));
            let jobs = other.list_jobs().into_receiver().recv_timeout(HANG);
            assert_eq!(jobs.unwrap_or_else(|_| panic!("{what}: the thread is not free")).unwrap(), []);
        }
    }
}

#[test]
fn a_close_reaches_those_who_wait() {
    for (what, scene) in scenes() {
        let runtime = Runtime::builder().io_threads(1).build().unwrap();
        let Scene { client, open, _kept, .. } = scene(&runtime);
        let (ended, ends) = crossbeam_channel::unbounded();
        let count = open.len();
        for handle in open {
            let ended = ended.clone();
            thread::spawn(move || ended.send(handle.wait()));
        }
        client.close();
        for _ in 0..count {
            let end = ends.recv_timeout(HANG).unwrap_or_else(|_| panic!("{what}: a wait hangs"));
            assert_eq!(end.unwrap_err().kind(), ErrorKind::Closed, "{what}");
        }
    }
}

#[test]
fn a_request_that_the_waiting_thread_sends_itself_is_interrupted_too() {
    let server = ScriptedServer::playing([Reply::json(200, JOBS), Reply::nothing().stall()]);
    let runtime = Runtime::builder().io_threads(1).build().unwrap();
    let client = client(patient(&server.url(), &runtime));
    // Only where a connection is free does a waiting thread send.
    client.list_jobs().wait().unwrap();
    let waiting = client.clone();
    let waiter = thread::spawn(move || waiting.list_jobs().wait());
    until("the second request", || (server.lines().len() == 2).then_some(()));
    client.close();
    until("the wait to end", || waiter.is_finished().then_some(()));
    assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_client_may_be_closed_twice_from_two_threads_and_from_its_own_functions() {
    for _ in 0..20 {
        let server = ScriptedServer::always(Reply::nothing().stall());
        let client = client(patient(&server.url(), &Runtime::shared()));
        let open = client.list_jobs();
        let start = Arc::new(Barrier::new(2));
        let closers = [(), ()].map(|()| {
            let (client, start) = (client.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                client.close();
                client.close();
            })
        });
        for closer in closers {
            until("a close to return", || closer.is_finished().then_some(()));
            closer.join().unwrap();
        }
        assert_closed("from two threads", open.map(drop));
    }

    let server = ScriptedServer::always(Reply::json(200, JOBS));
    let client = client(patient(&server.url(), &Runtime::shared()));
    let closing = client.clone();
    let after = client.list_jobs().then(move |jobs| {
        closing.close();
        closing.close();
        Ok(jobs)
    });
    // What it had before it closed is its own.
    assert_eq!(after.wait_timeout(HANG).unwrap().unwrap(), []);
    assert_closed("after a function of its own", client.list_jobs().map(drop));

    let slot: Arc<Mutex<Option<Client>>> = Arc::default();
    let hooked = Arc::clone(&slot);
    let failing = ScriptedServer::always(Reply::nothing().close());
    let client = crate::support::client(patient(&failing.url(), &Runtime::shared()).on_retry(move |_| {
        if let Some(client) = hooked.lock().unwrap().take() {
            client.close();
        }
    }));
    *slot.lock().unwrap() = Some(client.clone());
    assert_closed("from the hook of retries", client.list_jobs().map(drop));
}

#[test]
fn under_load_every_operation_ends_and_every_connection_goes() {
    let server = ScriptedServer::always(Reply::json(200, JOBS));
    let client = client(eager(&server.url()).max_attempts(1000));
    let (ended, ends) = crossbeam_channel::unbounded();
    const THREADS: usize = 8;
    for number in 0..THREADS {
        let (client, ended) = (client.clone(), ended.clone());
        thread::spawn(move || {
            let mut begun: Vec<Pending<_>> = Vec::new();
            let last = loop {
                // Some wait, some only collect.
                let handle = client.list_jobs();
                if number % 2 == 0 {
                    match handle.wait() {
                        Ok(_) => {}
                        Err(error) => break error,
                    }
                } else {
                    match handle.try_wait() {
                        Ok(Err(error)) => break error,
                        Ok(Ok(_)) => {}
                        Err(handle) => begun.push(handle),
                    }
                    while begun.len() > 100 {
                        if let Err(error) = begun.remove(0).wait() {
                            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                        }
                    }
                }
            };
            let all = Pending::all_settled(begun).wait().unwrap();
            let odd: Vec<_> = all
                .into_iter()
                .filter_map(Result::err)
                .filter(|error| error.kind() != ErrorKind::Closed)
                .collect();
            let _ = ended.send((last.kind(), odd));
        });
    }
    until("some requests", || (server.lines().len() > 500).then_some(()));
    let closing = client.clone();
    let second = thread::spawn(move || closing.close());
    client.close();
    second.join().unwrap();
    for _ in 0..THREADS {
        let (last, odd) = ends.recv_timeout(HANG).expect("every thread ends");
        assert_eq!(last, ErrorKind::Closed);
        assert!(odd.is_empty(), "{odd:?}");
    }
    assert_eq!(client.open_operations(), 0);
    until("the server to see every connection's end", || (server.open_connections() == 0).then_some(()));
}
