//! What a client sends with every request besides what the request itself needs: headers, and who it is.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{HeaderName, HeaderValue};

use crate::error::{Error, ErrorKind, Result};
use crate::rest::bearer::Bearer;

/// The environment variable with headers for every request: `name:value`, one a line.
const HEADERS_VARIABLE: &str = "FLINK_REST_CLIENT_HEADERS";

/// Headers that can be sent.
pub(crate) type Checked = Vec<(HeaderName, HeaderValue)>;

/// Headers as they were given. `Debug` shows names only.
#[derive(Clone, Default)]
pub(crate) struct Headers {
    given: Vec<(String, String)>,
    authorization: Option<Authorization>,
}

/// Who the client says that it is, in the header of that name. There is one: what is set last wins.
#[derive(Clone)]
pub(crate) enum Authorization {
    Header(String),
    Basic { user: String, password: String },
    From(Arc<Bearer>),
}

impl Headers {
    pub(crate) fn add(&mut self, name: String, value: String) {
        if name.eq_ignore_ascii_case("authorization") {
            self.authorization = Some(Authorization::Header(value));
        } else {
            self.given.push((name, value));
        }
    }

    pub(crate) fn authorize(&mut self, authorization: Authorization) {
        self.authorization = Some(authorization);
    }

    /// Adds those of the environment variable.
    pub(crate) fn add_of_environment(&mut self) -> Result<()> {
        if let Ok(headers) = std::env::var(HEADERS_VARIABLE) {
            headers_of(&headers)?.into_iter().for_each(|(name, value)| self.add(name, value));
        }
        Ok(())
    }

    /// The headers to send as they are, and where the token comes from if that is asked for.
    pub(crate) fn ready(self) -> Result<(Checked, Option<Arc<Bearer>>)> {
        let given = self.given.iter().map(|(name, value)| header(name, value));
        let mut headers: Checked = given.collect::<Result<_>>()?;
        match self.authorization {
            Some(Authorization::From(bearer)) => return Ok((headers, Some(bearer))),
            Some(Authorization::Header(value)) => headers.push(header("authorization", &value)?),
            Some(Authorization::Basic { user, password }) => {
                headers.push(header("authorization", &basic(&user, &password)?)?);
            }
            None => {}
        }
        Ok((headers, None))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.given.iter().map(|(name, _)| name)).finish()
    }
}

/// A colon in the name would move the rest of it into the password.
fn basic(user: &str, password: &str) -> Result<String> {
    if user.contains(':') {
        return Err(Error::new(ErrorKind::Configuration, "the user's name for basic_auth has a colon in it"));
    }
    Ok(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// Headers of the environment variable. From a shell the line break between two often comes as `\n`, two characters.
fn headers_of(text: &str) -> Result<Vec<(String, String)>> {
    let text = text.replace("\\n", "\n");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once(':') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => Err(Error::new(
                ErrorKind::Configuration,
                format!("the environment variable {HEADERS_VARIABLE} has a line without a colon"),
            )
            .with_hint("write name:value, one a line")),
        })
        .collect()
}

/// A header, or an error that names it and never shows its value.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let refuse = |what: &str| {
        Error::new(ErrorKind::Configuration, format!("the header {name:?} cannot be sent: {what}"))
    };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("its name is none"))?;
    let reserved = ["host", "content-length", "transfer-encoding", "connection", "content-type", "expect"];
    if reserved.contains(&parsed.as_str()) {
        return Err(refuse("the client sets it itself"));
    }
    let mut value =
        HeaderValue::from_str(value).map_err(|_| refuse("its value has characters that no header has"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::config::RestClusterClientConfiguration;

    #[test]
    fn headers_are_checked_and_never_shown() {
        let build = |name: &str, value: &str| {
            RestClusterClientConfiguration::builder().address("h:1").header(name, value).build()
        };
        let shown = format!("{:?}", build("x-token", "hunter2").unwrap());
        assert!(shown.contains("x-token") && !shown.contains("hunter2"), "{shown}");
        for (name, value) in [("x y", "hunter2"), ("x", "hunter2\r\nhost: evil"), ("Host", "hunter2")] {
            let error = build(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:#?}").contains("hunter2"), "{error}");
        }
        assert_eq!(
            headers_of("Cookie:a=12:345\\nX: y\n\n").unwrap(),
            [("Cookie".to_owned(), "a=12:345".to_owned()), ("X".to_owned(), "y".to_owned())]
        );
        assert!(headers_of("no colon").is_err());
    }
}
