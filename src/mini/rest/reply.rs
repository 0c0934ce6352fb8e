//! What is answered, and how it stands on the wire.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::mini::exception::JavaException;
use crate::mini::wording;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    /// Whether pages of other origins may read it. Flink forgets that for some.
    shared: bool,
}

/// Why a request gets another answer than it asked for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// With the exception's trace as it is.
    Refused(u16, JavaException),
    /// Something went wrong within: 500.
    Failed(JavaException),
    /// No leader, or none any more.
    Unavailable,
}

impl Refusal {
    pub(super) fn rest(status: u16, message: impl Into<String>) -> Self {
        Self::Refused(status, JavaException::new(wording::REST_HANDLER, message))
    }

    /// For what Flink's dispatcher answers: `status` if it is worded for REST already; else what went wrong there is
    /// not found, or an error within.
    pub(super) fn of(status: u16, exception: JavaException) -> Self {
        match exception.class() {
            wording::REST_HANDLER => Self::Refused(status, exception),
            wording::NOT_FOUND => Self::Refused(404, exception),
            _ => Self::Failed(exception),
        }
    }
}

const JSON: &str = "application/json; charset=UTF-8";

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: Some(JSON),
            body: serde_json::to_vec(body).unwrap_or_default(),
            shared: true,
        }
    }

    pub(super) fn page(html: &str) -> Self {
        Self { status: 200, content_type: Some("text/html"), body: html.into(), shared: false }
    }

    /// The request is longer than is taken.
    pub(super) fn too_large() -> Self {
        Self { status: 413, content_type: None, body: Vec::new(), shared: false }
    }

    fn sentence(status: u16, text: impl Into<String>) -> Self {
        Self::json(status, &json!({ "errors": [text.into()] }))
    }

    /// What is not a path is taken for a file of the web interface, if it is asked for with GET.
    pub(super) fn not_found(method: &str, path: &str) -> Self {
        match method {
            "GET" => Self::sentence(404, format!("Unable to load requested file {path}.")).unshared(),
            _ => Self::sentence(404, format!("Not found: {path}")),
        }
    }

    /// Of what is no HTTP, Netty makes a request for this path.
    pub(super) fn malformed() -> Self {
        Self::not_found("GET", "/bad-request")
    }

    pub(super) fn bad_upload(status: u16, text: impl Into<String>) -> Self {
        Self::sentence(status, text).unshared()
    }

    fn unshared(mut self) -> Self {
        self.shared = false;
        self
    }

    /// Writes it whole; `kept`: more requests are answered on this connection.
    pub(super) fn write(
        &self,
        to: &mut impl Write,
        origin: &str,
        kept: bool,
        with_body: bool,
    ) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(256 + self.body.len());
        write!(bytes, "HTTP/1.1 {} {}\r\n", self.status, reason(self.status))?;
        if let Some(content_type) = self.content_type {
            write!(bytes, "content-type: {content_type}\r\n")?;
        }
        if self.shared {
            write!(bytes, "access-control-allow-origin: {origin}\r\n")?;
        }
        // The one answer that is not made by Flink but by Netty says nothing of it.
        if kept && self.status != 413 {
            bytes.extend(b"connection: keep-alive\r\n");
        }
        write!(bytes, "content-length: {}\r\n\r\n", self.body.len())?;
        if with_body {
            bytes.extend(&self.body);
        }
        to.write_all(&bytes)?;
        to.flush()
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(status, exception) => Self::sentence(status, exception.stack_trace()),
            Refusal::Failed(exception) => {
                let shown = format!(
                    "<Exception on server side:\n{}\nEnd of exception on server side>",
                    exception.stack_trace()
                );
                Self::json(500, &json!({ "errors": ["Internal server error.", shown] }))
            }
            Refusal::Unavailable => Self::sentence(
                503,
                "Service temporarily unavailable due to an ongoing leader election. Please refresh.",
            ),
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
