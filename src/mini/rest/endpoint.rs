//! From a request to its answer.

use serde_json::Value;

use super::call::{Call, Members};
use super::reply::{Refusal, Reply};
use super::routes::{self, Route};
use super::server::Limits;
use super::upload::{Form, Received};
use crate::mini::dispatcher::Dispatcher;

/// What all requests to a cluster have in common.
pub(crate) struct Endpoint {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) limits: Limits,
    /// Where the API is, as answers show it.
    pub(crate) url: String,
    /// Whose pages may read the answers (`web.access-control-allow-origin`).
    pub(crate) origin: String,
    pub(crate) settings: super::RestSettings,
}

pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) received: Received,
    /// Whether the answer is not wanted any more.
    pub(super) gave_up: &'a dyn Fn() -> bool,
}

pub(super) struct Answered {
    pub(super) reply: Reply,
    /// Once it is on its way.
    pub(super) ends_cluster: bool,
}

impl From<Reply> for Answered {
    fn from(reply: Reply) -> Self {
        Self { reply, ends_cluster: false }
    }
}

impl Endpoint {
    pub(super) fn is_flink_2(&self) -> bool {
        self.dispatcher.settings().is_flink_2()
    }

    pub(super) fn answer(&self, request: Request<'_>) -> Answered {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        let path = decoded(path);
        let segments: Vec<_> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decoded_part).collect();
        if request.method == "GET"
            && path.starts_with('/')
            && matches!(&segments[..], [] | [_])
            && segments.first().is_none_or(|file| file == "index.html")
        {
            return Reply::page(include_str!("index.html")).into();
        }
        let found = path.starts_with('/').then(|| routes::find(request.method, &segments, self)).flatten();
        let Some((route, arguments)) = found else { return Reply::not_found(request.method, &path).into() };
        if !self.dispatcher.is_open() {
            return Reply::from(Refusal::Unavailable).into();
        }
        let query = pairs(query);
        let reply = self.call(route, arguments, query, request.received, request.gave_up);
        match reply {
            Ok(body) => {
                Answered { reply: Reply::json(route.status, &body), ends_cluster: route.ends_cluster }
            }
            Err(refusal) => Reply::from(refusal).into(),
        }
    }

    fn call(
        &self,
        route: &Route,
        arguments: Vec<(&'static str, String)>,
        query: Vec<(String, String)>,
        received: Received,
        gave_up: &dyn Fn() -> bool,
    ) -> Result<Value, Refusal> {
        let (body, files) = match received {
            Received::Plain(bytes) => (bytes, Vec::new()),
            Received::Form(Form { request, files }) => (request, files),
        };
        if !files.is_empty() && !route.takes_files {
            return Err(Refusal::rest(400, "File uploads not allowed."));
        }
        let body = Members::read(route.format, &body)?;
        (route.handler)(&Call { endpoint: self, arguments, query, body, files, gave_up })
    }
}

/// A path as a whole.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A part of a path, for the second time, or of a query: a plus is a blank.
fn decoded_part(text: &str) -> String {
    decoded(&text.replace('+', " "))
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split(['&', ';']).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded_part(name), decoded_part(value))
        })
        .collect()
}
