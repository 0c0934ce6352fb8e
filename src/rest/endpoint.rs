//! Flink's REST endpoints that this client uses: method, path, and what may be done when an answer is lost.

use std::fmt::{Display, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::classify::About;

/// One endpoint. Its path is a template: each `:name` takes the next argument.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    path: &'static str,
    pub(crate) replay: Replay,
    pub(crate) about: About,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Whether a request may be sent again after it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// It changes nothing, or the second time nothing more.
    Safe,
    /// Only its sender knows, by looking what the first attempt did.
    AskFirst,
}

use Method::{Delete, Get, Patch, Post, Put};
use Replay::{AskFirst, Safe};

const fn endpoint(method: Method, path: &'static str, replay: Replay, about: About) -> Endpoint {
    Endpoint { method, path, replay, about }
}

pub(crate) const SHUT_DOWN: Endpoint = endpoint(Delete, "/cluster", AskFirst, About::Cluster);
pub(crate) const DASHBOARD_CONFIG: Endpoint = endpoint(Get, "/config", Safe, About::Cluster);
pub(crate) const OVERVIEW: Endpoint = endpoint(Get, "/overview", Safe, About::Cluster);
pub(crate) const CLUSTER_CONFIG: Endpoint = endpoint(Get, "/jobmanager/config", Safe, About::Cluster);
pub(crate) const TASK_MANAGERS: Endpoint = endpoint(Get, "/taskmanagers", Safe, About::Cluster);
pub(crate) const TASK_MANAGER: Endpoint = endpoint(Get, "/taskmanagers/:taskmanagerid", Safe, About::Part);

pub(crate) const DATA_SETS: Endpoint = endpoint(Get, "/datasets", Safe, About::Cluster);
pub(crate) const DELETE_DATA_SET: Endpoint = endpoint(Delete, "/datasets/:datasetid", Safe, About::Part);
pub(crate) const DATA_SET_DELETION: Endpoint =
    endpoint(Get, "/datasets/delete/:triggerid", Safe, About::Operation);

pub(crate) const JARS: Endpoint = endpoint(Get, "/jars", Safe, About::Cluster);
pub(crate) const UPLOAD_JAR: Endpoint = endpoint(Post, "/jars/upload", AskFirst, About::Cluster);
pub(crate) const DELETE_JAR: Endpoint = endpoint(Delete, "/jars/:jarid", Safe, About::Jar);
pub(crate) const RUN_JAR: Endpoint = endpoint(Post, "/jars/:jarid/run", AskFirst, About::Jar);
pub(crate) const JAR_PLAN: Endpoint = endpoint(Post, "/jars/:jarid/plan", Safe, About::Jar);
pub(crate) const RUN_APPLICATION: Endpoint =
    endpoint(Post, "/jars/:jarid/run-application", AskFirst, About::Jar);

pub(crate) const JOBS: Endpoint = endpoint(Get, "/jobs/overview", Safe, About::Cluster);
pub(crate) const JOB_IDS: Endpoint = endpoint(Get, "/jobs", Safe, About::Cluster);
pub(crate) const SUBMIT: Endpoint = endpoint(Post, "/jobs", AskFirst, About::Cluster);
pub(crate) const JOB: Endpoint = endpoint(Get, "/jobs/:jobid", Safe, About::Job);
pub(crate) const JOB_STATUS: Endpoint = endpoint(Get, "/jobs/:jobid/status", Safe, About::Job);
pub(crate) const JOB_RESULT: Endpoint = endpoint(Get, "/jobs/:jobid/execution-result", Safe, About::Job);
/// A job that is cancelled or being cancelled already is a success.
pub(crate) const CANCEL: Endpoint = endpoint(Patch, "/jobs/:jobid?mode=cancel", Safe, About::Job);
pub(crate) const ACCUMULATORS: Endpoint =
    endpoint(Get, "/jobs/:jobid/accumulators?includeSerializedValue=true", Safe, About::Job);
pub(crate) const JOB_CONFIG: Endpoint = endpoint(Get, "/jobs/:jobid/config", Safe, About::Job);
pub(crate) const JOB_PLAN: Endpoint = endpoint(Get, "/jobs/:jobid/plan", Safe, About::Job);
pub(crate) const EXCEPTIONS: Endpoint = endpoint(Get, "/jobs/:jobid/exceptions", Safe, About::Job);
pub(crate) const VERTEX: Endpoint = endpoint(Get, "/jobs/:jobid/vertices/:vertexid", Safe, About::Part);
pub(crate) const VERTEX_ACCUMULATORS: Endpoint =
    endpoint(Get, "/jobs/:jobid/vertices/:vertexid/accumulators", Safe, About::Part);
pub(crate) const REQUIREMENTS: Endpoint =
    endpoint(Get, "/jobs/:jobid/resource-requirements", Safe, About::Job);
pub(crate) const SET_REQUIREMENTS: Endpoint =
    endpoint(Put, "/jobs/:jobid/resource-requirements", Safe, About::Job);
pub(crate) const COORDINATE: Endpoint =
    endpoint(Post, "/jobs/:jobid/coordinators/:operatorid", AskFirst, About::Part);
pub(crate) const HEARTBEAT: Endpoint = endpoint(Patch, "/jobs/:jobid/clientHeartbeat", Safe, About::Job);

pub(crate) const CLUSTER_METRICS: Endpoint =
    endpoint(Get, "/jobmanager/metrics?get=:names", Safe, About::Cluster);
pub(crate) const JOB_METRICS: Endpoint = endpoint(Get, "/jobs/:jobid/metrics?get=:names", Safe, About::Job);
pub(crate) const VERTEX_METRICS: Endpoint =
    endpoint(Get, "/jobs/:jobid/vertices/:vertexid/metrics?get=:names", Safe, About::Part);
pub(crate) const TASK_MANAGER_METRICS: Endpoint =
    endpoint(Get, "/taskmanagers/:taskmanagerid/metrics?get=:names", Safe, About::Part);

pub(crate) const SAVEPOINT: Endpoint = endpoint(Post, "/jobs/:jobid/savepoints", AskFirst, About::Job);
pub(crate) const STOP: Endpoint = endpoint(Post, "/jobs/:jobid/stop", AskFirst, About::Job);
pub(crate) const SAVEPOINT_STATUS: Endpoint =
    endpoint(Get, "/jobs/:jobid/savepoints/:triggerid", Safe, About::Operation);
pub(crate) const DISPOSE: Endpoint = endpoint(Post, "/savepoint-disposal", AskFirst, About::Cluster);
pub(crate) const DISPOSAL_STATUS: Endpoint =
    endpoint(Get, "/savepoint-disposal/:triggerid", Safe, About::Operation);
pub(crate) const CHECKPOINT: Endpoint = endpoint(Post, "/jobs/:jobid/checkpoints", AskFirst, About::Job);
pub(crate) const CHECKPOINT_STATUS: Endpoint =
    endpoint(Get, "/jobs/:jobid/checkpoints/:triggerid", Safe, About::Operation);
pub(crate) const CHECKPOINTS: Endpoint = endpoint(Get, "/jobs/:jobid/checkpoints", Safe, About::Job);
pub(crate) const CHECKPOINT_DETAILS: Endpoint =
    endpoint(Get, "/jobs/:jobid/checkpoints/details/:checkpointid", Safe, About::Part);
pub(crate) const CHECKPOINT_CONFIG: Endpoint =
    endpoint(Get, "/jobs/:jobid/checkpoints/config", Safe, About::Job);

pub(crate) const APPLICATIONS: Endpoint = endpoint(Get, "/applications/overview", Safe, About::Cluster);
pub(crate) const APPLICATION: Endpoint = endpoint(Get, "/applications/:applicationid", Safe, About::Part);
pub(crate) const APPLICATION_EXCEPTIONS: Endpoint =
    endpoint(Get, "/applications/:applicationid/exceptions", Safe, About::Part);
pub(crate) const CANCEL_APPLICATION: Endpoint =
    endpoint(Post, "/applications/:applicationid/cancel", Safe, About::Part);

/// All but what RFC 3986 calls unreserved, so that no argument can end a segment or a value.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// For a path of the caller's.
pub(crate) const ANY: Endpoint = endpoint(Get, "", Safe, About::Cluster);

impl Endpoint {
    /// The path with `arguments` in the places of its `:name`s, escaped.
    ///
    /// A segment that is `.` or `..` would be resolved away by a proxy; both are escaped too, as far as an address
    /// can: their dots stand as `%2E`.
    ///
    /// Flink's router decodes the path as a whole, splits it, and decodes each segment again, as if it were a query. So
    /// what would be something else after the first time is escaped twice: a slash, a question mark, a percent sign,
    /// a plus.
    pub(crate) fn path(&self, arguments: &[&dyn Display]) -> String {
        let mut path = String::with_capacity(self.path.len() + 40 * arguments.len());
        let mut arguments = arguments.iter();
        let mut pieces = self.path.split(':');
        path.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            if let Some(argument) = arguments.next() {
                let is_value = path.contains('?');
                push_escaped(&mut path, &argument.to_string(), is_value);
            }
            let name_ends = piece.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(piece.len());
            path.push_str(&piece[name_ends..]);
        }
        debug_assert!(arguments.next().is_none(), "{} takes fewer arguments", self.path);
        path
    }
}

fn push_escaped(path: &mut String, argument: &str, is_value: bool) {
    if argument.chars().all(|c| c == '.') {
        path.push_str(&"%2E".repeat(argument.len()));
        return;
    }
    for piece in argument.split_inclusive(DECODED_TWICE) {
        let twice = piece.ends_with(DECODED_TWICE) && !is_value;
        let (once, twice) = piece.split_at(piece.len() - usize::from(twice));
        let _ = write!(path, "{}", utf8_percent_encode(once, RESERVED));
        for escaped in utf8_percent_encode(twice, RESERVED) {
            let _ = write!(path, "{}", utf8_percent_encode(escaped, RESERVED));
        }
    }
}

const DECODED_TWICE: [char; 4] = ['/', '?', '%', '+'];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_take_the_places_of_the_names() {
        assert_eq!(SAVEPOINT_STATUS.path(&[&"1f", &"2e"]), "/jobs/1f/savepoints/2e");
        assert_eq!(CANCEL.path(&[&"1f"]), "/jobs/1f?mode=cancel");
        assert_eq!(VERTEX_METRICS.path(&[&1, &2, &"a.b,c d"]), "/jobs/1/vertices/2/metrics?get=a.b%2Cc%20d");
        assert_eq!(OVERVIEW.path(&[]), "/overview");
        assert_eq!(DELETE_JAR.path(&[&".."]), "/jars/%2E%2E");
        assert_eq!(DELETE_JAR.path(&[&"1+1 is/100%"]), "/jars/1%252B1%20is%252F100%2525");
        assert_eq!(JOB_METRICS.path(&[&1, &"1+1 is/100%"]), "/jobs/1/metrics?get=1%2B1%20is%2F100%25");
    }

    proptest! {
        #[test]
        fn no_argument_can_leave_its_place(argument in ".*") {
            let path = DELETE_JAR.path(&[&argument]);
            let escaped = path.strip_prefix("/jars/").unwrap();
            prop_assert!(escaped.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert!(escaped != "." && escaped != "..");
            // As Flink's router does, and the second time as a query, in which a plus is a space.
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
            let whole = decode(escaped);
            prop_assert!(!whole.contains(['/', '?']));
            prop_assert_eq!(decode(&whole.replace('+', " ")), argument);
        }
    }
}
