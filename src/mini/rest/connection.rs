//! One connection: requests are read and answered, one after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::body::Body;
use super::endpoint::{Answered, Endpoint, Request};
use super::head::{self, Framing, Head, Next};
use super::reply::Reply;
use super::server::Connection;
use super::upload::{self, Received};
use crate::runtime::timer::after;

/// Serves a connection to its end.
pub(super) fn serve(connection: &Connection, endpoint: &Endpoint) {
    // What goes wrong here is the other side's, or the network's, and ends the connection: nobody else is told.
    if let Err(error) = requests(connection, endpoint) {
        log::debug!("a connection to the mini cluster ends: {error}");
    }
}

fn requests(connection: &Connection, endpoint: &Endpoint) -> io::Result<()> {
    let stream = &*connection.stream;
    stream.set_nodelay(true)?;
    let limits = &endpoint.limits;
    let mut reader = BufReader::with_capacity(16 << 10, Paced::new(stream));
    let mut writer = Paced::new(stream);
    // Others may wait for the thread of one that has not asked yet.
    let mut silence = limits.idle.min(limits.patience);
    let mut answered = false;
    while connection.idle(answered) {
        reader.get_mut().allow(silence);
        if reader.fill_buf()?.is_empty() {
            return Ok(());
        }
        connection.busy();
        reader.get_mut().allow(limits.patience);
        let goes_on = match head::next(&mut reader)? {
            Next::Head(head) => exchange(connection, endpoint, &mut reader, &mut writer, &head)?,
            Next::End => return Ok(()),
            Next::Malformed => malformed(endpoint, &mut writer)?,
        };
        if !goes_on {
            return linger(stream);
        }
        (answered, silence) = (true, limits.idle);
    }
    Ok(())
}

/// Reads the rest of a request and answers it; whether the connection goes on.
fn exchange(
    connection: &Connection,
    endpoint: &Endpoint,
    reader: &mut BufReader<Paced<'_>>,
    writer: &mut Paced<'_>,
    head: &Head,
) -> io::Result<bool> {
    let limits = &endpoint.limits;
    let is_upload = upload::is_upload(head);
    let most = if is_upload { limits.upload } else { limits.content };
    let fits = !matches!(head.framing, Framing::Length(length) if length > most);
    writer.allow(limits.patience);
    if fits && head.expects_continue && head.framing != Framing::Length(0) {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = Body::new(reader, head.framing);
    let received = if !fits {
        Err(Reply::too_large())
    } else if is_upload {
        upload::receive(&mut body, head, endpoint)?
    } else {
        let mut bytes = Vec::new();
        match (&mut body).take(most.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(read) if read as u64 > most => Err(Reply::too_large()),
            Ok(_) => Ok(Received::Plain(bytes)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return malformed(endpoint, writer),
            Err(error) => return Err(error),
        }
    };
    let Answered { reply, ends_cluster } = match received {
        Ok(received) => {
            let gave_up = || connection.is_closing();
            endpoint.answer(Request {
                method: &head.method,
                target: &head.target,
                received,
                gave_up: &gave_up,
            })
        }
        Err(reply) => Answered { reply, ends_cluster: false },
    };
    // Who was not told to go on sends no body; what comes instead is the next request, or the body: nobody knows.
    let in_step = fits || !head.expects_continue;
    let goes_on = head.keep_alive && in_step && !ends_cluster && !connection.is_closing();
    writer.allow(limits.patience);
    reply.write(writer, &endpoint.origin, goes_on, head.method != "HEAD")?;
    if ends_cluster {
        endpoint.dispatcher.shut_down_when_told();
    }
    if !in_step {
        return Ok(false);
    }
    // Who is still sending reads the answer only then.
    match io::copy(&mut (&mut body).take(limits.upload), &mut io::sink()) {
        Ok(_) => Ok(goes_on && body.has_ended()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}

fn malformed(endpoint: &Endpoint, writer: &mut Paced<'_>) -> io::Result<bool> {
    writer.allow(endpoint.limits.patience);
    Reply::malformed().write(writer, &endpoint.origin, false, true)?;
    Ok(false)
}

/// Ends a connection so that the last answer arrives: closing it with bytes unread would throw away what the other side
/// has not read yet. So it is told that nothing more comes, and has a moment to end its own side.
fn linger(stream: &TcpStream) -> io::Result<()> {
    const MOMENT: Duration = Duration::from_millis(500);
    const MOST: u64 = 256 << 10;
    stream.shutdown(Shutdown::Write)?;
    let mut rest = Paced::new(stream);
    rest.allow(MOMENT);
    io::copy(&mut rest.take(MOST), &mut io::sink())?;
    Ok(())
}

/// One direction of a connection whose other side has to keep up a pace: some time, and more for each byte.
pub(super) struct Paced<'a> {
    stream: &'a TcpStream,
    due: Instant,
}

/// 64 KiB a second is slow for loopback and quick for anybody who means to hold a thread.
const TIME_FOR_A_BYTE: Duration = Duration::from_nanos(1_000_000_000 / (64 << 10));

impl<'a> Paced<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, due: Instant::now() }
    }

    /// From now on there is so much time.
    fn allow(&mut self, time: Duration) {
        self.due = after(time);
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.due.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn moved(&mut self, bytes: usize) {
        let more = TIME_FOR_A_BYTE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        // What is due at the end of all time is not due later.
        self.due = self.due.checked_add(more).unwrap_or(self.due);
    }
}

impl Read for Paced<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        let read = self.stream.read(buffer)?;
        self.moved(read);
        Ok(read)
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        let written = self.stream.write(buffer)?;
        self.moved(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
