//! Reads an answer: as what was asked for, or as what went wrong.
//!
//! Between a client and Flink there may be proxies, gateways and login pages, which answer with any status and any
//! body. An answer is only taken for what its status and its body say together.

use std::borrow::Cow;
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::classify::{self, About};
use crate::error::{Error, ErrorKind, OneLine, Result};
use crate::rest::retry_after::retry_after;

/// How much of a body that is not understood is shown.
const EXCERPT: usize = 200;

/// How much of a page is looked at: enough for the head of any.
const PAGE: usize = 64 * 1024;

/// An answer as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// Whether the connection is encrypted: a redirect to `https` of one that is not says that it should be.
    pub(crate) https: bool,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) location: Option<&'a str>,
    pub(crate) retry_after: Option<&'a str>,
    /// In what the body is packed, which nobody asked for: then it is left out.
    pub(crate) encoding: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// An answer of this status and body, without headers.
    #[cfg(test)]
    pub(crate) fn new(status: u16, body: &'a [u8]) -> Self {
        Self {
            status,
            https: false,
            content_type: None,
            location: None,
            retry_after: None,
            encoding: None,
            body,
        }
    }

    /// The body as a `T`, which is called `expected` where it is none.
    ///
    /// # Errors
    /// What [`server_error`](Self::server_error) says, for every status but 2xx and for a 2xx with `errors`; else
    /// [`ErrorKind::Decode`], or [`ErrorKind::Authentication`] for a login page.
    pub(crate) fn read<T: DeserializeOwned>(&self, about: About, expected: &str) -> Result<T> {
        if !(200..300).contains(&self.status) || self.begins_with_errors() {
            return Err(self.server_error(about));
        }
        if let Some(encoding) = self.encoding {
            return Err(self.packed(expected, encoding));
        }
        self.parse().map_err(|error| match self.errors() {
            Some(errors) => classify::server_errors(about, self.status, errors),
            None => self.decode_error(expected, error),
        })
    }

    /// What went wrong, in an answer that is no success.
    #[cold]
    pub(crate) fn server_error(&self, about: About) -> Error {
        let error = match (self.status, self.errors()) {
            (300..=399, _) => self.redirected(),
            (status, Some(errors)) => classify::server_errors(about, status, errors),
            _ => self.foreign(about),
        };
        let retry_after = self.retry_after.and_then(|value| retry_after(value, SystemTime::now()));
        error.with_status(self.status).with_retry_after(retry_after)
    }

    /// The error of a body that is not what the endpoint answers.
    #[cold]
    pub(crate) fn decode_error(&self, expected: &str, error: serde_json::Error) -> Error {
        if self.is_login_page() {
            return login_page(&self.shown()).with_status(self.status);
        }
        let message = if self.body.trim_ascii().is_empty() {
            format!("expected {expected}, got an empty body")
        } else if self.page().is_some() {
            format!("expected {expected}, got {}", self.shown())
        } else {
            format!("expected {expected}, but {error}: {}", self.shown())
        };
        let decode = Error::new(ErrorKind::Decode, message).with_status(self.status).with_source(error);
        match self.page() {
            Some(_) => {
                decode.with_hint("check that the address, with its path prefix, is that of Flink's REST API")
            }
            None => decode,
        }
    }

    #[cold]
    fn packed(&self, expected: &str, encoding: &str) -> Error {
        let encoding = cut(encoding, EXCERPT);
        let message = format!("expected {expected}, got it packed in {encoding:?}, which was not asked for");
        Error::new(ErrorKind::Decode, message)
            .with_status(self.status)
            .with_hint("something between this client and Flink compresses unasked: turn that off")
    }

    /// Long lists are read a quarter faster when their characters are checked at once, not name by name.
    fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        match std::str::from_utf8(self.body) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(self.body),
        }
    }

    /// Flink puts nothing before `errors`, and only errors have it. A look at the beginning costs nothing, and is
    /// needed where a type accepts any object.
    fn begins_with_errors(&self) -> bool {
        let object = self.body.trim_ascii_start().strip_prefix(b"{");
        object.is_some_and(|members| members.trim_ascii_start().starts_with(b"\"errors\""))
    }

    fn errors(&self) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct ErrorResponse {
            errors: Vec<String>,
        }

        Some(self.parse::<ErrorResponse>().ok()?.errors)
    }

    /// The error of an answer that Flink has not given, or not in its own form.
    fn foreign(&self, about: About) -> Error {
        let kind = classify::by_status(about, self.status);
        if self.is_login_page() {
            return login_page(&self.shown());
        }
        if self.status == 400 && NOT_TLS.iter().any(|text| contains(lossy_head(self.body), text)) {
            return Error::new(ErrorKind::Tls, "the server speaks TLS and was asked without")
                .with_hint(USE_HTTPS);
        }
        let (kind, text) = match kind {
            // Flink itself answers every 404 in JSON, so this one says nothing about jobs.
            _ if self.status == 404 => (ErrorKind::Unsupported, "nothing of Flink's is there".into()),
            ErrorKind::Authentication => (kind, "the server wants other credentials".into()),
            ErrorKind::TooLarge => (kind, "the request is larger than the server takes".into()),
            ErrorKind::Unavailable if self.status == 429 => (kind, "the server is asked too often".into()),
            ErrorKind::Unavailable => (kind, "the server cannot serve now".into()),
            _ => (kind, Cow::Owned(format!("the server answered with status {}", self.status))),
        };
        let message = match self.body.trim_ascii().is_empty() {
            true => text,
            false => format!("{text}: {}", self.shown()).into(),
        };
        let nothing = crate::trace::Cause { class: "", message: "" };
        let error = Error::new(kind, message);
        match classify::hint(kind, &nothing) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn redirected(&self) -> Error {
        let Some(location) = self.location.map(str::trim).filter(|location| !location.is_empty()) else {
            return Error::new(ErrorKind::Redirected, "the server redirects, but does not say where to");
        };
        // What follows may be a token, or the address that the login leads back to.
        let target = location.split(['?', '#']).next().unwrap_or_default();
        let target = without_user(&cut(target, EXCERPT)).into_owned();
        if leads_to_login(target.as_str()) {
            return login_page(&format!("a redirect to {target}"));
        }
        if !self.https && starts_with_ignoring_case(&target, "https://") {
            return Error::new(ErrorKind::Tls, format!("the server wants TLS: it redirects to {target}"))
                .with_hint(USE_HTTPS);
        }
        Error::new(ErrorKind::Redirected, format!("the server redirects to {target}"))
            .with_hint("redirects are not followed; give that address if it is the cluster's")
    }

    /// The body if it is a page for people.
    fn page(&self) -> Option<&str> {
        let body = self.body.trim_ascii_start();
        let head = lossy_head(body);
        let html = self.content_type.is_some_and(|kind| starts_with_ignoring_case(kind.trim(), "text/html"))
            || head.starts_with('<');
        html.then_some(head).filter(|head| !head.is_empty())
    }

    fn is_login_page(&self) -> bool {
        self.page().is_some_and(|page| {
            let title = title(page).unwrap_or_default();
            ["type=\"password\"", "type='password'", "type=password"].iter().any(|sign| contains(page, sign))
                || ["log in", "login", "sign in", "sign-in", "signin", "single sign"]
                    .iter()
                    .any(|sign| contains(title, sign))
        })
    }

    /// The body in a line's length.
    fn shown(&self) -> String {
        if let Some(page) = self.page() {
            return match title(page).map(str::trim).filter(|title| !title.is_empty()) {
                Some(title) => format!("an HTML page titled {:?}", cut(&OneLine(title).to_string(), EXCERPT)),
                None => "an HTML page".into(),
            };
        }
        // Gateways have errors of their own, with a sentence somewhere.
        if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(self.body) {
            let text = ["message", "error_description", "detail", "error"]
                .iter()
                .find_map(|name| object.get(*name).and_then(serde_json::Value::as_str));
            if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                return cut(&OneLine(text).to_string(), EXCERPT);
            }
        }
        let end = self.body.len().min(4 * EXCERPT);
        let text = String::from_utf8_lossy(&self.body[..end]);
        format!("{:?}", cut(&OneLine(&text).to_string(), EXCERPT))
    }
}

pub(crate) const USE_HTTPS: &str = "use an https address, or set security.ssl.rest.enabled";

/// What servers answer that speak TLS and were asked without.
const NOT_TLS: [&str; 2] = ["plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server"];

fn login_page(what: &str) -> Error {
    Error::new(ErrorKind::Authentication, format!("a login stands before the server: {what}"))
        .with_hint("give the credentials that it asks for, as a header")
}

/// The readable beginning of a body.
fn lossy_head(body: &[u8]) -> &str {
    let head = &body[..body.len().min(PAGE)];
    match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    }
}

fn title(page: &str) -> Option<&str> {
    let start = find(page, "<title")?;
    let text = &page[start..];
    let text = &text[text.find('>')? + 1..];
    Some(&text[..find(text, "</title").unwrap_or(text.len())])
}

fn leads_to_login(target: &str) -> bool {
    let words = target.split(|c: char| !c.is_ascii_alphanumeric());
    words.into_iter().any(|word| LOGIN_WORDS.iter().any(|login| word.eq_ignore_ascii_case(login)))
}

const LOGIN_WORDS: [&str; 14] = [
    "login",
    "signin",
    "logon",
    "auth",
    "authorize",
    "authenticate",
    "oauth",
    "oauth2",
    "openid",
    "oidc",
    "saml",
    "saml2",
    "sso",
    "cas",
];

/// An address may hold a password.
fn without_user(target: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = target.split_once("://") else { return target.into() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]).into(),
        None => target.into(),
    }
}

fn find(text: &str, part: &str) -> Option<usize> {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    text.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part))
}

fn contains(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::job::JobStatusMessage;
    use crate::rest::messages::{EmptyResponse, JobStatusInfo, JobsOverview, TriggerResponse};

    const FLINK: &[u8] =
        br#"{"errors":["org.apache.flink.runtime.rest.NotFoundException: Job 01 not found"]}"#;

    fn page(title: &str, body: &str) -> Vec<u8> {
        format!("<!DOCTYPE html>\n<html><head><TITLE>{title}</TITLE></head><body>{body}</body></html>")
            .into_bytes()
    }

    fn status_error(answer: Answer<'_>) -> Error {
        answer.read::<JobStatusInfo>(About::Job, "a job's status").unwrap_err()
    }

    #[test]
    fn a_success_with_errors_is_an_error_and_a_failure_that_looks_like_success_too() {
        assert!(Answer::new(202, b"{}").read::<EmptyResponse>(About::Job, "nothing").is_ok());
        let spaced: &[u8] = b" {\n \"errors\": [\"it failed\"]}";
        for body in [FLINK, spaced] {
            let error = Answer::new(200, body).read::<EmptyResponse>(About::Job, "nothing").unwrap_err();
            assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(200)));
        }
        let late = Answer::new(200, br#"{"status":null,"errors":["it failed"]}"#);
        assert_eq!(status_error(late).to_string(), "it failed (HTTP 200)");
        let error = status_error(Answer::new(500, br#"{"status":"RUNNING"}"#));
        assert_eq!(error.kind(), ErrorKind::Server);
        assert!(error.to_string().contains("status 500"), "{error}");
    }

    #[test]
    fn an_undecodable_body_is_shown_with_what_was_expected_and_where_it_goes_wrong() {
        let empty = status_error(Answer::new(200, b" "));
        assert_eq!(empty.to_string(), "expected a job's status, got an empty body (HTTP 200)");
        let unknown = status_error(Answer::new(200, br#"{"status":"HIBERNATING"}"#));
        assert_eq!(unknown.kind(), ErrorKind::Decode);
        assert!(unknown.to_string().contains("\"HIBERNATING\" is not a job status"), "{unknown}");
        assert!(std::error::Error::source(&unknown).is_some());
        let long = status_error(Answer::new(200, &[b'x'; 100_000]));
        assert!(long.to_string().len() < 500, "{long}");
        let broken =
            Answer::new(202, br#"{"request-id":"12"}"#).read::<TriggerResponse>(About::Job, "a trigger id");
        assert!(broken.unwrap_err().to_string().contains("32 hexadecimal digits"));
    }

    #[test]
    fn login_pages_are_authentication_with_any_status() {
        let form = page("Welcome", "<form><INPUT TYPE=\"password\"></form>");
        let titled = page("Sign in - Acme", "");
        for body in [&form, &titled] {
            for status in [200, 203, 400, 401, 403, 404, 500, 503] {
                let error = status_error(Answer::new(status, body));
                assert_eq!((error.kind(), error.status()), (ErrorKind::Authentication, Some(status)));
            }
        }
        for location in [
            "/login?next=%2Fjobs",
            "https://sso.acme.com/auth/realms/x?state=secret",
            "https://idp/saml2/idp",
        ] {
            let error = status_error(Answer { location: Some(location), ..Answer::new(302, b"") });
            assert_eq!(error.kind(), ErrorKind::Authentication, "{location}");
            assert!(!error.to_string().contains("secret"));
        }
        for status in [401, 403, 407, 511] {
            assert_eq!(status_error(Answer::new(status, b"")).kind(), ErrorKind::Authentication);
            assert_eq!(status_error(Answer::new(status, FLINK)).kind(), ErrorKind::Authentication);
        }
    }

    #[test]
    fn a_redirect_to_tls_says_so_and_any_other_names_its_target_without_secrets() {
        let to = |https, location| status_error(Answer { location, https, ..Answer::new(301, b"") });
        let tls = to(false, Some("https://localhost:8081/jobs"));
        assert_eq!(tls.kind(), ErrorKind::Tls);
        assert!(tls.to_string().contains("https://localhost:8081/jobs"), "{tls}");
        let moved = to(true, Some("https://user:password@other:8081/jobs?token=secret#x"));
        assert_eq!(moved.kind(), ErrorKind::Redirected);
        assert!(
            moved.to_string().starts_with("the server redirects to https://other:8081/jobs (HTTP 301)"),
            "{moved}"
        );
        assert_eq!(to(false, None).kind(), ErrorKind::Redirected);
        assert_eq!(to(false, Some("/authors/1")).kind(), ErrorKind::Redirected);
    }

    #[test]
    fn pages_and_bodies_of_proxies_are_told_from_flinks_answers() {
        let proxy = page("Bad\n Gateway", "nginx");
        for (status, kind) in [
            (200, ErrorKind::Decode),
            (400, ErrorKind::InvalidRequest),
            (404, ErrorKind::Unsupported),
            (405, ErrorKind::Unsupported),
            (408, ErrorKind::Timeout),
            (413, ErrorKind::TooLarge),
            (429, ErrorKind::Unavailable),
            (500, ErrorKind::Server),
            (502, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (504, ErrorKind::Unavailable),
        ] {
            let error = status_error(Answer::new(status, &proxy));
            assert_eq!(error.kind(), kind, "{status}");
            assert!(error.to_string().contains("an HTML page titled \"Bad Gateway\""), "{error}");
        }
        let tls = page("400 The plain HTTP request was sent to HTTPS port", "");
        assert_eq!(status_error(Answer::new(400, &tls)).kind(), ErrorKind::Tls);
        let gateway = status_error(Answer::new(503, br#"{"timestamp":1,"message":"no healthy\nupstream"}"#));
        assert_eq!(gateway.to_string(), "the server cannot serve now: no healthy upstream (HTTP 503)");
        let too_large = status_error(Answer::new(413, b""));
        assert!(too_large.to_string().contains("rest.server.max-content-length"), "{too_large}");
    }

    #[test]
    fn a_server_that_asks_to_wait_is_heard() {
        let answer = Answer { retry_after: Some("7"), ..Answer::new(503, b"busy") };
        assert_eq!(status_error(answer).retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn job_lists_ignore_what_is_new_and_survive_what_is_missing() {
        let body = br#"{"jobs":[{"jid":"00000000000000000000000000000001","name":null,"start-time":5,"state":"CREATED","new":[1,{"x":2}],"tasks":{"napping":3}}],"more":true}"#;
        let list: JobsOverview = Answer::new(200, body).read(About::Cluster, "the jobs").unwrap();
        let expected = JobStatusMessage::new(
            "00000000000000000000000000000001".parse().unwrap(),
            "",
            crate::JobStatus::Created,
            5,
        );
        assert_eq!(list.jobs, [expected]);
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_every_error_is_one_line(
            status in 100u16..1000,
            body in proptest::collection::vec(any::<u8>(), 0..200),
            text in "(<title>|</title>|<|>|\\{|\"errors\"|:|\\[|\"|\\]|\\}|Caused by: |\tat |\n|login|\\PC){0,40}",
            location in proptest::option::of("(https?://)?[a-z@:/?#]{0,20}"),
            https in any::<bool>(),
        ) {
            for body in [body.as_slice(), text.as_bytes(), format!("{{\"errors\":[{text:?}]}}").as_bytes()] {
                let answer = Answer { location: location.as_deref(), https, ..Answer::new(status, body) };
                for about in [About::Cluster, About::Job, About::Operation, About::Jar, About::Part] {
                    if let Err(error) = answer.read::<JobsOverview>(about, "the jobs") {
                        let line = error.to_string();
                        prop_assert!(!line.contains(['\n', '\r']), "{line}");
                        prop_assert!(line.len() < 8_000);
                    }
                }
            }
        }
    }
}
