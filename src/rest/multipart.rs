//! A `multipart/form-data` body that is streamed, with its length known beforehand.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::plan::UploadProgress;

/// The parts of a body, and where their contents come from. Nothing is opened before it is sent.
pub(crate) struct Multipart {
    boundary: String,
    parts: Vec<Part>,
    progress: Option<UploadProgress>,
}

struct Part {
    head: String,
    content: Content,
}

enum Content {
    Text(String),
    File(PathBuf),
}

impl Multipart {
    pub(crate) fn new() -> Self {
        // 128 random bits: no content can hold the boundary by accident or on purpose.
        let boundary = format!("flink-client-{}", crate::ids::JobId::random());
        Self { boundary, parts: Vec::new(), progress: None }
    }

    pub(crate) fn on_progress(mut self, progress: Option<UploadProgress>) -> Self {
        self.progress = progress;
        self
    }

    /// A field without a file name, in JSON.
    pub(crate) fn json(mut self, name: &str, json: String) -> Self {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
            self.boundary,
            quoted(name)
        );
        self.parts.push(Part { head, content: Content::Text(json) });
        self
    }

    /// A file under the name `file_name`, whatever it is called here.
    pub(crate) fn file(mut self, name: &str, file_name: &str, content_type: &str, path: &Path) -> Self {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {content_type}\r\n\r\n",
            self.boundary,
            quoted(name),
            quoted(file_name)
        );
        self.parts.push(Part { head, content: Content::File(path.to_owned()) });
        self
    }

    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Opens the files and gives the whole body with its exact length.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`], naming the file.
    pub(crate) fn open(&self) -> Result<Body> {
        let mut pieces: Vec<Box<dyn Read + Send>> = Vec::with_capacity(2 * self.parts.len() + 1);
        let mut length = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let head = if number == 0 { part.head.clone() } else { format!("\r\n{}", part.head) };
            length += head.len() as u64;
            pieces.push(Box::new(Cursor::new(head)));
            match &part.content {
                Content::Text(text) => {
                    length += text.len() as u64;
                    pieces.push(Box::new(Cursor::new(text.clone())));
                }
                Content::File(path) => {
                    let (file, size) = open(path)?;
                    length += size;
                    pieces.push(Box::new(Exactly { file, left: size, path: path.clone() }));
                }
            }
        }
        let end = format!("\r\n--{}--\r\n", self.boundary);
        length += end.len() as u64;
        pieces.push(Box::new(Cursor::new(end)));
        pieces.reverse();
        Ok(Body { pieces, length, sent: 0, progress: self.progress.clone() })
    }
}

/// A file to be sent, and its length.
///
/// # Errors
/// [`ErrorKind::LocalFile`], naming it.
pub(crate) fn open(path: &Path) -> Result<(File, u64)> {
    let cannot = |error: io::Error| {
        Error::new(ErrorKind::LocalFile, format!("cannot read {}: {error}", path.display()))
            .with_source(error)
    };
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(Error::new(
            ErrorKind::LocalFile,
            format!("{} is a directory, not a file", path.display()),
        ));
    }
    Ok((file, metadata.len()))
}

/// A name between quotes as browsers write it: quotes, line breaks and other control characters escaped, so that no
/// name can end the quotes, the header or the part.
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => quoted.push_str("%22"),
            '\\' => quoted.push_str("%5C"),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    quoted.push_str(&format!("%{byte:02X}"));
                }
            }
            c => quoted.push(c),
        }
    }
    quoted
}

/// The body as it is sent.
pub(crate) struct Body {
    /// The next one is last.
    pieces: Vec<Box<dyn Read + Send>>,
    length: u64,
    sent: u64,
    progress: Option<UploadProgress>,
}

impl Body {
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.last_mut() {
            let read = piece.read(buffer)?;
            if read > 0 {
                self.sent += read as u64;
                if let Some(progress) = &self.progress {
                    progress(self.sent, self.length);
                }
                return Ok(read);
            }
            self.pieces.pop();
        }
        Ok(0)
    }
}

/// A file as long as it was when its length was announced. One that shrinks meanwhile is an error: the server would
/// wait for the rest for ever. What grows is cut.
struct Exactly {
    file: File,
    left: u64,
    path: PathBuf,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.file.read(&mut buffer[..most]).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot read {}: {error}", self.path.display()))
        })?;
        if read == 0 && most > 0 {
            let message = format!("{} became shorter while it was sent", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    fn jar(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn body_is_as_long_as_announced_and_reports_its_progress() {
        let file = jar(&[7; 100_000]);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reported = Arc::clone(&seen);
        let multipart = Multipart::new()
            .json("request", "{}".into())
            .file("jarfile", "a.jar", "application/x-java-archive", file.path())
            .on_progress(Some(Arc::new(move |sent, all| reported.lock().unwrap().push((sent, all)))));
        let mut body = multipart.open().unwrap();
        let length = body.length();
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, length);
        assert_eq!(seen.lock().unwrap().last(), Some(&(length, length)));
        let text = String::from_utf8_lossy(&bytes);
        let boundary = multipart.content_type().split_once("boundary=").unwrap().1.to_owned();
        assert!(
            text.starts_with(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"request\"\r\n"
            ))
        );
        assert!(text.contains(&format!("\r\n\r\n{{}}\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"a.jar\"\r\n")));
        assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_before_anything_is_sent() {
        for path in ["/nowhere/at.jar", "/"] {
            let multipart = Multipart::new().file("jarfile", "a.jar", "x/y", Path::new(path));
            let error = multipart.open().err().unwrap();
            assert_eq!(error.kind(), ErrorKind::LocalFile);
            assert!(error.to_string().contains(path), "{error}");
        }
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_sent_is_an_error() {
        let file = jar(&[7; 1000]);
        let multipart = Multipart::new().file("jarfile", "a.jar", "x/y", file.path());
        let mut body = multipart.open().unwrap();
        file.as_file().set_len(10).unwrap();
        let error = body.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("became shorter"), "{error}");
    }

    proptest! {
        #[test]
        fn no_name_can_end_its_quotes_or_its_header(name in ".*") {
            let quoted = quoted(&name);
            prop_assert!(!quoted.contains(['"', '\\']) && !quoted.chars().any(char::is_control));
        }
    }
}
