//! `multipart/form-data`, read as it comes: no part is ever in memory as a whole.

use std::io::{self, Read};

/// The parts of a body, one after the other.
pub(super) struct Multipart<R> {
    reader: R,
    /// What ends a part's content: a line end, two dashes and the boundary.
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    /// What of the buffer has been handed out.
    start: usize,
    reader_ended: bool,
}

/// What a part says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// Only files have one.
    pub(super) file_name: Option<String>,
}

#[derive(Debug)]
pub(super) enum Fault {
    /// The connection's, or that of whoever takes the content.
    Io(io::Error),
    Malformed,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        // A body that is no chunks is as little a form as one that is cut.
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Malformed,
            _ => Self::Io(error),
        }
    }
}

const BUFFER: usize = 64 << 10;
const MOST_IN_PART_HEAD: usize = 16 << 10;
const MOST_FIELDS: usize = 32;
/// RFC 2046.
const MOST_IN_BOUNDARY: usize = 70;

impl<R: Read> Multipart<R> {
    /// Of a body whose `Content-Type` is `content_type`: `None` if that is something else.
    ///
    /// # Errors
    /// It is a form without a boundary.
    pub(super) fn of(reader: R, content_type: &str) -> Option<Result<Self, Fault>> {
        let mut parameters = parameters(content_type);
        if !parameters.next()?.0.eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
        let boundary = boundary.map(|(_, boundary)| boundary).unwrap_or_default();
        if boundary.is_empty() || boundary.len() > MOST_IN_BOUNDARY || boundary.contains(['\r', '\n']) {
            return Some(Err(Fault::Malformed));
        }
        Some(Ok(Self {
            reader,
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // A body may begin with its first boundary: this is the line end before it.
            buffer: b"\r\n".to_vec(),
            start: 0,
            reader_ended: false,
        }))
    }

    /// Goes to the next part, skipping what is left of the one before: `None` after the last.
    ///
    /// # Errors
    /// The body is no form, or the connection fails.
    pub(super) fn next(&mut self) -> Result<Option<Part>, Fault> {
        self.content(|_| Ok(()))?;
        self.start += self.delimiter.len();
        loop {
            match &self.buffer[self.start..] {
                [b'-', b'-', ..] => return Ok(None),
                [b'\r', b'\n', ..] => break,
                // Blanks may follow a boundary.
                [b' ' | b'\t', ..] => self.start += 1,
                [] | [b'-' | b'\r'] => self.more()?,
                _ => return Err(Fault::Malformed),
            }
        }
        self.start += 2;
        loop {
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            match httparse::parse_headers(&self.buffer[self.start..], &mut fields) {
                Ok(httparse::Status::Complete((length, fields))) => {
                    let part = part(fields).ok_or(Fault::Malformed)?;
                    self.start += length;
                    return Ok(Some(part));
                }
                Ok(httparse::Status::Partial) if self.buffer.len() - self.start <= MOST_IN_PART_HEAD => {
                    self.more()?;
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    /// Hands the content of the current part to `take`, piece by piece.
    ///
    /// # Errors
    /// Those of `take`; the body ends within the part, or the connection fails.
    pub(super) fn content(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), Fault> {
        loop {
            let rest = &self.buffer[self.start..];
            if let Some(length) = find(rest, &self.delimiter) {
                let content = &rest[..length];
                if !content.is_empty() {
                    take(content).map_err(Fault::Io)?;
                }
                self.start += length;
                return Ok(());
            }
            // The end may be the beginning of a delimiter.
            let sure = rest.len().saturating_sub(self.delimiter.len() - 1);
            if sure > 0 {
                take(&rest[..sure]).map_err(Fault::Io)?;
                self.start += sure;
            }
            self.more()?;
        }
    }

    /// Reads the rest of the body, which means nothing.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        io::copy(&mut self.reader, &mut io::sink())?;
        Ok(())
    }

    fn more(&mut self) -> Result<(), Fault> {
        if self.reader_ended {
            return Err(Fault::Malformed);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + BUFFER, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(before + read.as_ref().map_or(0, |read| *read));
        self.reader_ended = read? == 0;
        if self.reader_ended { Err(Fault::Malformed) } else { Ok(()) }
    }
}

fn find(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|byte| *byte == delimiter[0])?;
        if bytes[at..].starts_with(delimiter) {
            return Some(at);
        }
        from = at + 1;
    }
}

fn part(fields: &[httparse::Header<'_>]) -> Option<Part> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case("content-disposition"))?;
    let disposition = String::from_utf8_lossy(field.value);
    let mut parameters = parameters(&disposition);
    if !parameters.next()?.0.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file_name) = (None, None);
    for (parameter, value) in parameters {
        if parameter.eq_ignore_ascii_case("name") {
            name = Some(value);
        } else if parameter.eq_ignore_ascii_case("filename") && file_name.is_none() {
            file_name = Some(value);
        } else if parameter.eq_ignore_ascii_case("filename*") {
            // RFC 5987: a character set, a language, and the name with its bytes escaped.
            let escaped = value.splitn(3, '\'').nth(2)?;
            file_name = Some(percent_encoding::percent_decode_str(escaped).decode_utf8_lossy().into_owned());
        }
    }
    Some(Part { name: name?, file_name })
}

/// A value and its parameters: `form-data; name="a"`. The value has no second half.
fn parameters(text: &str) -> impl Iterator<Item = (String, String)> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let name_ends = rest.find([';', '=']).unwrap_or(rest.len());
        let name = rest[..name_ends].trim().to_owned();
        rest = &rest[name_ends..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            match after.strip_prefix('"') {
                Some(quoted) => {
                    let mut characters = quoted.char_indices();
                    let mut ends = quoted.len();
                    while let Some((at, character)) = characters.next() {
                        match character {
                            '"' => {
                                ends = at + 1;
                                break;
                            }
                            // Browsers and curl escape quotes and backslashes, and nothing else.
                            '\\' if quoted[at + 1..].starts_with(['"', '\\']) => {
                                value.extend(characters.next().map(|(_, escaped)| escaped));
                            }
                            other => value.push(other),
                        }
                    }
                    rest = &quoted[ends..];
                }
                None => {
                    let ends = after.find(';').unwrap_or(after.len());
                    value.push_str(after[..ends].trim());
                    rest = &after[ends..];
                }
            }
        }
        let next = rest.find(';').map_or(rest.len(), |at| at + 1);
        rest = rest[next..].trim_start();
        Some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out a few bytes at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.clamp(1, buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    type Parts = Vec<(String, Option<String>, Vec<u8>)>;

    fn read(body: &[u8], boundary: &str, drip: usize) -> Result<Parts, Fault> {
        let content_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let mut multipart = Multipart::of(Dripping(body, drip), &content_type).unwrap()?;
        let mut parts = Vec::new();
        while let Some(part) = multipart.next()? {
            let mut content = Vec::new();
            multipart.content(|piece| {
                content.extend_from_slice(piece);
                Ok(())
            })?;
            parts.push((part.name, part.file_name, content));
        }
        multipart.finish()?;
        Ok(parts)
    }

    fn form(parts: &Parts, boundary: &str) -> Vec<u8> {
        let mut body = b"a preamble".to_vec();
        for (name, file_name, content) in parts {
            let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let file_name = file_name
                .as_ref()
                .map(|name| format!("; filename=\"{}\"", escaped(name)))
                .unwrap_or_default();
            body.extend(
                format!(
                    "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file_name}\r\n\r\n",
                    escaped(name)
                )
                .bytes(),
            );
            body.extend(content);
        }
        body.extend(format!("\r\n--{boundary}--\r\nan epilogue").bytes());
        body
    }

    #[test]
    fn parts_have_names_and_files_file_names() {
        let body =
            b"--x\r\ncontent-disposition: form-data; filename=\"../../\\\"e vil\\\".jar\"; name=jarfile\r\n\
            Content-Type: application/java-archive\r\n\r\nPK\r\n--x \r\n\
            Content-Disposition: form-data; name=\"request\"\r\n\r\n\r\n--x\r\n\
            Content-Disposition: form-data; name=a; filename=x; filename*=utf-8''%C3%A9.jar\r\n\r\n\r\n--x--";
        let parts = read(body, "x", 1).unwrap();
        let parts: Vec<_> = parts.iter().map(|(n, f, c)| (n.as_str(), f.as_deref(), c.as_slice())).collect();
        assert_eq!(
            parts,
            [
                ("jarfile", Some("../../\"e vil\".jar"), &b"PK"[..]),
                ("request", None, b""),
                ("a", Some("é.jar"), b"")
            ]
        );
    }

    #[test]
    fn other_content_is_no_form_and_one_without_a_boundary_is_malformed() {
        let of = |content_type: &str| Multipart::of(&b""[..], content_type);
        assert!(of("application/json").is_none() && of("").is_none());
        for content_type in
            ["multipart/form-data", "multipart/form-data; boundary=", "Multipart/Form-Data; boundary=\"\""]
        {
            assert!(matches!(of(content_type), Some(Err(Fault::Malformed))), "{content_type}");
        }
        let long = format!("multipart/form-data; boundary={}", "b".repeat(MOST_IN_BOUNDARY + 1));
        assert!(matches!(of(&long), Some(Err(_))));
    }

    #[test]
    fn a_form_that_is_cut_is_malformed_wherever_it_is_cut() {
        let body = form(&vec![("a".into(), Some("b.jar".into()), b"content".to_vec())], "x");
        let whole = body.len() - "\r\nan epilogue".len();
        for length in 0..whole {
            assert!(matches!(read(&body[..length], "x", 5), Err(Fault::Malformed)), "{length}");
        }
        assert!(read(&body[..whole], "x", 5).is_ok());
    }

    #[test]
    fn a_head_without_an_end_is_not_read_for_ever() {
        let body = [b"--x\r\nA: ".to_vec(), vec![b'a'; 1 << 20]].concat();
        let content_type = "multipart/form-data; boundary=x";
        let mut multipart = Multipart::of(&body[..], content_type).unwrap().unwrap();
        assert!(matches!(multipart.next(), Err(Fault::Malformed)));
        assert!(multipart.buffer.len() <= MOST_IN_PART_HEAD + 2 * BUFFER);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_put_in_a_form_comes_out_again(
            parts in prop::collection::vec(
                ("[a-z\\\\\" ;=é]{1,9}", prop::option::of("[a-z./\\\\\" ;=é]{1,20}"), prop::collection::vec(
                    prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'x'), any::<u8>()], 0..300)),
                0..4),
            drip in 1_usize..400,
        ) {
            let boundary = "xBoundaryThatNoContentHas";
            prop_assert_eq!(read(&form(&parts, boundary), boundary, drip).unwrap(), parts);
        }

        #[test]
        fn no_bytes_are_a_panic(
            body in prop::collection::vec(
                prop_oneof![
                    any::<u8>().prop_map(|byte| vec![byte]),
                    Just(b"\r\n--x".to_vec()), Just(b"--".to_vec()), Just(b"\r\n".to_vec()),
                    Just(b"Content-Disposition: form-data; name=\"".to_vec()),
                ], 0..60),
            content_type in ".{0,40}",
            drip in 1_usize..50,
        ) {
            let body = body.concat();
            let _ = read(&body, "x", drip);
            if let Some(Ok(mut multipart)) = Multipart::of(&body[..], &content_type) {
                let _ = multipart.next();
            }
            let _ = parameters(&content_type).count();
        }
    }
}
