//! The body of a request: as many bytes as its head said, or chunks.

use std::io::{self, BufRead, Read};

use super::head::Framing;

/// Reads a body to its end and no further.
pub(super) struct Body<'a, R> {
    reader: &'a mut R,
    at: At,
}

#[derive(Clone, Copy)]
enum At {
    /// Within bytes that are the body's: so many are left.
    Content {
        left: u64,
        chunked: bool,
    },
    /// Before the size of a chunk.
    Size {
        first: bool,
    },
    End,
}

/// A line with a chunk's size, or after the last chunk, is not longer than this.
const MOST_IN_LINE: usize = 8 << 10;
const MOST_TRAILERS: usize = 64;

impl<'a, R: BufRead> Body<'a, R> {
    pub(super) fn new(reader: &'a mut R, framing: Framing) -> Self {
        let at = match framing {
            Framing::Length(0) => At::End,
            Framing::Length(left) => At::Content { left, chunked: false },
            Framing::Chunked => At::Size { first: true },
        };
        Self { reader, at }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.at, At::End)
    }

    fn size(&mut self, first: bool) -> io::Result<()> {
        if !first && !line(self.reader)?.is_empty() {
            return Err(malformed("a chunk is longer than it said"));
        }
        let line = line(self.reader)?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let well = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let size = u64::from_str_radix(text, 16).ok().filter(|_| well);
        self.at = match size.ok_or_else(|| malformed("a chunk has no size"))? {
            0 => {
                self.trailers()?;
                At::End
            }
            left => At::Content { left, chunked: true },
        };
        Ok(())
    }

    fn trailers(&mut self) -> io::Result<()> {
        for _ in 0..MOST_TRAILERS {
            if line(self.reader)?.is_empty() {
                return Ok(());
            }
        }
        Err(malformed("there are too many trailers"))
    }
}

impl<R: BufRead> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let At::Size { first } = self.at {
            self.size(first)?;
        }
        let At::Content { left, chunked } = self.at else { return Ok(0) };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at = match left - read as u64 {
            0 if chunked => At::Size { first: false },
            0 => At::End,
            left => At::Content { left, chunked },
        };
        Ok(read)
    }
}

/// A line without its end.
fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(MOST_IN_LINE as u64).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(malformed("a line has no end"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, and what is left behind it.
    fn read(bytes: &[u8], framing: Framing) -> io::Result<(String, String)> {
        let mut reader = io::BufReader::with_capacity(3, bytes);
        let (mut body, mut rest) = (String::new(), String::new());
        Body::new(&mut reader, framing).read_to_string(&mut body)?;
        reader.read_to_string(&mut rest)?;
        Ok((body, rest))
    }

    #[test]
    fn a_body_ends_where_its_head_or_its_last_chunk_says() {
        let well = |body: &str| (body.to_owned(), "next".to_owned());
        assert_eq!(read(b"{\"a\":1}next", Framing::Length(7)).unwrap(), well("{\"a\":1}"));
        assert_eq!(read(b"next", Framing::Length(0)).unwrap(), well(""));
        let chunks = b"4;a=b\r\n{\"a\"\r\n03\r\n:1}\r\n0\r\nX: y\r\n\r\nnext";
        assert_eq!(read(chunks, Framing::Chunked).unwrap(), well("{\"a\":1}"));
        assert_eq!(read(b"0\n\nnext", Framing::Chunked).unwrap(), well(""));
    }

    #[test]
    fn a_body_that_is_cut_or_is_no_chunks_is_an_error() {
        let kind = |bytes: &[u8], framing| read(bytes, framing).unwrap_err().kind();
        assert_eq!(kind(b"{", Framing::Length(2)), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(b"5\r\nabc", Framing::Chunked), io::ErrorKind::UnexpectedEof);
        for chunks in [
            "",
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\na",
            "1\r\nab\r\n0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "0\r\na",
        ] {
            assert_eq!(kind(chunks.as_bytes(), Framing::Chunked), io::ErrorKind::InvalidData, "{chunks:?}");
        }
        let endless = "1".repeat(MOST_IN_LINE + 1);
        assert_eq!(kind(endless.as_bytes(), Framing::Chunked), io::ErrorKind::InvalidData);
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(MOST_TRAILERS + 1));
        assert_eq!(kind(trailers.as_bytes(), Framing::Chunked), io::ErrorKind::InvalidData);
    }
}
