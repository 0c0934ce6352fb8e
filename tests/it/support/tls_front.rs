//! TLS before a server that has none.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::{Authority, Identity, ScriptedServer};

/// Takes connections with TLS on a free port of loopback, and passes what comes through them to a server, until it is
/// dropped.
#[derive(Debug)]
pub(crate) struct TlsFront {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    config: Arc<ServerConfig>,
    behind: u16,
    connections: AtomicUsize,
    open: Mutex<Vec<Weak<TcpStream>>>,
    serving: Mutex<Vec<JoinHandle<()>>>,
    stopped: AtomicBool,
}

impl TlsFront {
    /// `clients`: who has to have signed a client's certificate, if it needs one.
    pub(crate) fn before(
        server: &ScriptedServer,
        identity: &Identity,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions of TLS");
        let config = match clients {
            Some(authority) => config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(authority.roots(), provider)
                    .build()
                    .expect("roots"),
            ),
            None => config.with_no_client_auth(),
        };
        let config =
            config.with_single_cert(vec![identity.certificate.clone()], identity.key()).expect("an identity");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let shared = Arc::new(Shared {
            config: Arc::new(config),
            behind: server.port(),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            serving: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept(&listener))
        };
        Self { address, shared, accepting: Some(accepting) }
    }

    /// `https://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were accepted so far, whatever became of them.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Ends every connection that is open now without a word of TLS.
    pub(crate) fn cut_connections(&self) {
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in open.iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.cut_connections();
        let serving =
            std::mem::take(&mut *self.shared.serving.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in serving {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            self.connections.fetch_add(1, Ordering::SeqCst);
            let _ = stream.set_nodelay(true);
            let stream = Arc::new(stream);
            self.keep(&stream);
            let shared = Arc::clone(self);
            let serving = thread::spawn(move || {
                // A client that goes away is none of the server's business.
                let _ = shared.serve(&stream);
            });
            self.serving.lock().unwrap_or_else(PoisonError::into_inner).push(serving);
        }
    }

    fn keep(&self, stream: &Arc<TcpStream>) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(stream));
    }

    fn serve(&self, client: &Arc<TcpStream>) -> io::Result<()> {
        let mut tls = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        if let Err(error) = tls.complete_io(&mut &**client) {
            refuse(client);
            return Err(error);
        }
        let server = Arc::new(TcpStream::connect(("127.0.0.1", self.behind))?);
        self.keep(&server);
        let tls = Arc::new(Mutex::new(tls));
        let back = {
            let (tls, client, server) = (Arc::clone(&tls), Arc::clone(client), Arc::clone(&server));
            thread::spawn(move || {
                let _ = answers(&tls, &client, &server);
                let _ = client.shutdown(Shutdown::Write);
            })
        };
        let there = requests(&tls, client, &server);
        let _ = server.shutdown(Shutdown::Write);
        if there.is_err() {
            refuse(client);
        }
        let _ = back.join();
        there
    }
}

/// What the alert says has been sent. It is heard for certain if nothing that the client has sent stays unread.
fn refuse(mut client: &TcpStream) {
    let _ = client.shutdown(Shutdown::Write);
    let _ = io::copy(&mut client, &mut io::sink());
}

fn requests(tls: &Mutex<ServerConnection>, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
    let mut encrypted = vec![0; 64 * 1024];
    let mut plain = vec![0; 64 * 1024];
    // What came with the end of the handshake is there already.
    let mut count = 0;
    loop {
        let mut rest = &encrypted[..count];
        loop {
            let read = {
                let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
                if !rest.is_empty() {
                    tls.read_tls(&mut rest)?;
                }
                let processed = tls.process_new_packets();
                while tls.wants_write() {
                    tls.write_tls(&mut client)?;
                }
                processed.map_err(io::Error::other)?;
                match tls.reader().read(&mut plain) {
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                    Err(error) => return Err(error),
                }
            };
            if read == 0 && rest.is_empty() {
                break;
            }
            server.write_all(&plain[..read])?;
        }
        count = client.read(&mut encrypted)?;
        if count == 0 {
            return Ok(());
        }
    }
}

fn answers(tls: &Mutex<ServerConnection>, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
    let mut plain = vec![0; 16 * 1024];
    loop {
        let count = server.read(&mut plain)?;
        let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 {
            tls.send_close_notify();
        } else {
            tls.writer().write_all(&plain[..count])?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut client)?;
        }
        if count == 0 {
            return Ok(());
        }
    }
}
