//! A network that loses the answer to a request which has taken effect.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use flink_client::mini::MiniClusterId;
use flink_client::{
    ClusterClient, ExponentialWaitStrategy, RestClusterClient, RestClusterClientConfiguration,
};

use super::{Rest, Target};

/// Stands between a client and the cluster.
pub(crate) struct Lossy {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Lossy {
    /// Loses the first answer to a request that begins with `line`, such as `POST /jobs `.
    pub(crate) fn losing(t: &dyn Target, line: &'static str) -> Self {
        let cluster = t.rest().web_interface_url();
        let authority =
            cluster.strip_prefix("http://").expect("a plain address").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        // Ends with the process; a connection ends with either of its sides.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&authority)) else { return };
                let seen = Arc::clone(&seen);
                thread::spawn(move || carry(client, server, line.as_bytes(), &seen));
            }
        });
        Self { url, requests }
    }

    /// A client that reaches the cluster through here, and waits no longer than it must between two attempts.
    pub(crate) fn client(&self) -> Rest {
        let configuration = RestClusterClientConfiguration::builder()
            .address(&self.url)
            .retry_strategy(ExponentialWaitStrategy::new(TICK, TICK, 1.0).unwrap())
            .build()
            .unwrap();
        RestClusterClient::new(configuration, MiniClusterId).unwrap()
    }

    /// How many requests with that line have come by.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

const TICK: std::time::Duration = std::time::Duration::from_millis(10);

/// Carries one connection. A request's head comes in one piece: the client writes it so.
fn carry(mut client: TcpStream, mut server: TcpStream, line: &[u8], requests: &AtomicUsize) {
    let lose = Arc::new(AtomicUsize::new(0));
    let losing = Arc::clone(&lose);
    let (Ok(mut answers), Ok(mut back)) = (server.try_clone(), client.try_clone()) else { return };
    let returning = thread::spawn(move || {
        let mut piece = [0; 16 * 1024];
        while let Ok(read @ 1..) = answers.read(&mut piece) {
            if losing.load(Ordering::SeqCst) > 0 || back.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
        let _ = answers.shutdown(Shutdown::Both);
    });
    let mut piece = [0; 16 * 1024];
    while let Ok(read @ 1..) = client.read(&mut piece) {
        if piece[..read].starts_with(line) && requests.fetch_add(1, Ordering::SeqCst) == 0 {
            lose.store(1, Ordering::SeqCst);
        }
        if server.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = returning.join();
}
