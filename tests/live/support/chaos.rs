//! A network that loses things: a proxy before a real Flink that harms some of the requests, and counts them all.
//!
//! What befalls the n-th request follows from the seed alone. Which request is the n-th depends on the threads that
//! send them, so a run cannot be repeated to the letter; what has to hold holds for every order.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What befalls a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It goes through, and its answer too.
    Spared,
    /// The connection breaks before anything reached Flink.
    LostBefore,
    /// Flink has answered, and nothing of the answer arrives.
    AnswerLost,
    /// The connection breaks while Flink is still at it.
    CutWhileServing,
    /// A part of the answer arrives: half its head, or half its body.
    CutInAnswer,
    /// It arrives late, and is answered.
    Delayed,
    /// Flink's words of a leader election, without asking it.
    LeaderElection,
    /// A gateway's 503 in its own words, without asking Flink.
    GatewayBefore,
    /// Flink has answered, and a gateway answers 502, 503 or 504 instead.
    GatewayAfter,
}

const HARMS: [Fate; 8] = [
    Fate::LostBefore,
    Fate::AnswerLost,
    Fate::CutWhileServing,
    Fate::CutInAnswer,
    Fate::Delayed,
    Fate::LeaderElection,
    Fate::GatewayBefore,
    Fate::GatewayAfter,
];

/// The requests that came by, by method and path (ids left out), and what befell them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toll {
    pub(crate) requests: BTreeMap<String, u64>,
    pub(crate) fates: BTreeMap<Fate, u64>,
}

impl Toll {
    pub(crate) fn all(&self) -> u64 {
        self.requests.values().sum()
    }

    /// The share that something befell.
    pub(crate) fn harmed(&self) -> f64 {
        let spared = self.fates.get(&Fate::Spared).copied().unwrap_or_default();
        1.0 - spared as f64 / self.all().max(1) as f64
    }
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} requests, {:.1} % harmed: {:?}", self.all(), 100.0 * self.harmed(), self.fates)?;
        self.requests.iter().try_for_each(|(request, count)| writeln!(f, "{count:7}  {request}"))
    }
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct ChaosProxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    flink: u16,
    seed: u64,
    /// The share of requests that are harmed, of 2^64.
    rate: AtomicU64,
    numbered: AtomicU64,
    toll: Mutex<Toll>,
    ended: AtomicBool,
}

impl ChaosProxy {
    /// Stands before the Flink on this port of the loopback and harms this share of the requests.
    pub(crate) fn before(flink: u16, seed: u64, rate: f64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let shared = Arc::new(Shared {
            flink,
            seed,
            rate: AtomicU64::new(share(rate)),
            numbered: AtomicU64::new(0),
            toll: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&accepting);
                // An error is a connection that one of its ends gave up.
                thread::spawn(move || drop(shared.serve(client)));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From here on harms this share of the requests.
    pub(crate) fn set_rate(&self, rate: f64) {
        self.shared.rate.store(share(rate), Ordering::SeqCst);
    }

    /// What has come by.
    pub(crate) fn toll(&self) -> Toll {
        self.shared.toll.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The thread that accepts looks at the flag when somebody comes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn share(rate: f64) -> u64 {
    (rate.clamp(0.0, 1.0) * u64::MAX as f64) as u64
}

/// A message of HTTP/1.1: its head with the empty line, and its body.
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Message {
    /// The next one, or none at the end of the connection.
    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        loop {
            let begun = head.len();
            if from.read_until(b'\n', &mut head)? == 0 {
                return if begun == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if head[begun..] == *b"\r\n" {
                break;
            }
        }
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        assert!(!text.contains("transfer-encoding"), "a message of unknown length: {text}");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Ok(0), |length| length.trim().parse())
            .map_err(io::Error::other)?;
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Some(Self { head, body }))
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        to.write_all(&self.body)
    }

    /// Its first line without ids, query and version.
    fn name(&self) -> String {
        let line = String::from_utf8_lossy(&self.head);
        let mut words = line.split_ascii_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = path.split('?').next().unwrap_or_default();
        let segments: Vec<&str> = path
            .split('/')
            .map(|segment| if segment.len() >= 32 || segment.ends_with(".jar") { ":id" } else { segment })
            .collect();
        format!("{method} {}", segments.join("/"))
    }
}

impl Shared {
    /// The next request's number and fate, and what further choices it has.
    fn fate(&self) -> (Fate, u64) {
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        let drawn = mix(self.seed ^ mix(number));
        let choice = mix(drawn);
        if drawn >= self.rate.load(Ordering::SeqCst) {
            return (Fate::Spared, choice);
        }
        (HARMS[(choice % HARMS.len() as u64) as usize], choice >> 8)
    }

    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let mut answers = client.try_clone()?;
        let mut requests = BufReader::new(client);
        let mut flink = None;
        while let Some(request) = Message::read(&mut requests)? {
            let (fate, choice) = self.fate();
            {
                let mut toll = self.toll.lock().unwrap_or_else(PoisonError::into_inner);
                *toll.requests.entry(request.name()).or_default() += 1;
                *toll.fates.entry(fate).or_default() += 1;
            }
            match fate {
                Fate::Spared => self.ask(&mut flink, &request)?.write(&mut answers)?,
                Fate::Delayed => {
                    thread::sleep(Duration::from_millis(20 + choice % 280));
                    self.ask(&mut flink, &request)?.write(&mut answers)?;
                }
                Fate::LostBefore => return answers.shutdown(Shutdown::Both),
                Fate::AnswerLost => {
                    self.ask(&mut flink, &request)?;
                    return answers.shutdown(Shutdown::Both);
                }
                Fate::CutWhileServing => {
                    let mut flink = self.connect()?;
                    request.write(&mut flink)?;
                    answers.shutdown(Shutdown::Both)?;
                    // Kept until Flink has answered: one that hangs up is another harm than this.
                    return io::copy(&mut flink.take(1), &mut io::sink()).map(drop);
                }
                Fate::CutInAnswer => {
                    let answer = self.ask(&mut flink, &request)?;
                    if choice % 2 == 0 || answer.body.is_empty() {
                        answers.write_all(&answer.head[..answer.head.len() / 2])?;
                    } else {
                        answers.write_all(&answer.head)?;
                        answers.write_all(&answer.body[..answer.body.len() / 2])?;
                    }
                    return answers.shutdown(Shutdown::Both);
                }
                Fate::LeaderElection => write_answer(
                    &mut answers,
                    503,
                    r#"{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}"#,
                )?,
                Fate::GatewayBefore => write_answer(&mut answers, 503, "no healthy upstream")?,
                Fate::GatewayAfter => {
                    self.ask(&mut flink, &request)?;
                    let status = [502, 503, 504][(choice % 3) as usize];
                    write_answer(&mut answers, status, "<html><title>Bad day</title></html>")?;
                }
            }
        }
        Ok(())
    }

    /// Flink's answer.
    fn ask(&self, flink: &mut Option<BufReader<TcpStream>>, request: &Message) -> io::Result<Message> {
        let mut connection = match flink.take() {
            Some(connection) => connection,
            None => BufReader::new(self.connect()?),
        };
        request.write(connection.get_mut())?;
        let answer = Message::read(&mut connection)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        *flink = Some(connection);
        Ok(answer)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.flink))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

fn write_answer(to: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} Harmed\r\nContent-Length: {}\r\n\r\n", body.len());
    to.write_all(&[head.as_bytes(), body.as_bytes()].concat())
}

/// Spreads a number over all bits (the finaliser of SplitMix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
