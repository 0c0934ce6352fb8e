//! A request with its retries: where to, how often, how long between, and when not.
//!
//! Three questions decide about another attempt: is the failure one that passes (the network, leader election, an
//! overloaded server)? May the request have arrived? May it then be sent again? A request that may not
//! ([`Replay::AskFirst`]) comes back to the operation that knows how to look what the first attempt did; the count of
//! attempts goes on over both ([`Tries`]).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::classify;
use crate::error::{Error, ErrorFamily, ErrorKind, Result};
use crate::pending::operation::{self, Operating, Phase, Scope};
use crate::rest::answer::Answer;
use crate::rest::endpoint::{Endpoint, Replay};
use crate::rest::leader::{FixedAddress, LeaderRetriever};
use crate::rest::multipart::Multipart;
use crate::rest::transport::{Body, Received, Request, Sent, Transport};
use crate::rest::unread::Unread;
use crate::retry::WaitStrategy;
use crate::runtime::Core;

/// No server makes a client wait longer than this for its next attempt.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Attempts after the first at an address that is no longer the cluster's. Whoever has it now is sent what is meant for the
/// cluster, so nobody is waited for there.
const RETRIES_AT_AN_OLD_ADDRESS: u32 = 3;

/// What a failed attempt leads to; told to the hook of the configuration.
#[derive(Debug)]
#[non_exhaustive]
pub struct RetryEvent<'a> {
    /// The operation, as in `triggering a savepoint of job 5f…`.
    pub operation: &'a str,
    /// The number of the attempt that failed, from 1.
    pub attempt: u32,
    /// Why it failed; [`Error::request`] says what was sent where.
    pub error: &'a Error,
    /// How long until the next attempt.
    pub wait: Duration,
}

pub(crate) type RetryHook = Arc<dyn Fn(&RetryEvent<'_>) + Send + Sync>;

/// How often, and how long between.
pub(crate) struct RetryPolicy {
    /// Attempts after the first: `rest.retry.max-attempts`.
    pub(crate) max_attempts: u32,
    pub(crate) strategy: Arc<dyn WaitStrategy>,
    /// How long a cluster without a leader is waited for: `rest.await-leader-timeout`.
    pub(crate) await_leader: Duration,
    pub(crate) hook: Option<RetryHook>,
}

/// What all operations of one client share.
pub(crate) struct Api {
    pub(crate) core: Arc<Core>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) transport: Transport,
    pub(crate) leader: Arc<dyn LeaderRetriever>,
    pub(crate) retry: RetryPolicy,
    /// Between two looks at an operation that goes on in the cluster.
    pub(crate) poll: Arc<dyn WaitStrategy>,
    pub(crate) unread: Arc<Unread>,
}

/// One request of an operation.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) path: String,
    body: CallBody<'a>,
    patient: bool,
    /// What the answer is called if it is something else.
    expected: &'static str,
}

enum CallBody<'a> {
    None,
    Json(Vec<u8>),
    Multipart(&'a Multipart),
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        endpoint: &'static Endpoint,
        arguments: &[&dyn fmt::Display],
        expected: &'static str,
    ) -> Self {
        Self { endpoint, path: endpoint.path(arguments), body: CallBody::None, patient: false, expected }
    }

    /// A path of the caller's, for what is not modelled.
    pub(crate) fn at(endpoint: &'static Endpoint, path: String) -> Self {
        Self { endpoint, path, body: CallBody::None, patient: false, expected: "JSON" }
    }

    pub(crate) fn without_query(mut self) -> Self {
        if let Some(end) = self.path.find('?') {
            self.path.truncate(end);
        }
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        // The bodies of this crate are structs and maps with text keys, which always serialise.
        self.body = CallBody::Json(serde_json::to_vec(body).unwrap_or_default());
        self
    }

    pub(crate) fn multipart(mut self, body: &'a Multipart) -> Self {
        self.body = CallBody::Multipart(body);
        self
    }

    /// The server may run a program before it answers.
    pub(crate) fn patient(mut self) -> Self {
        self.patient = true;
        self
    }
}

/// The attempts of one request, or of several that together do one thing.
#[derive(Debug)]
pub(crate) struct Tries {
    attempts: u32,
    /// Those that the limit of attempts is for: not the ones that met a server that cannot serve now.
    counted: u32,
    began: Instant,
    last_took: Duration,
    unavailable_since: Option<Instant>,
    /// An attempt may have arrived whose answer never came.
    perhaps_sent: bool,
    /// Where such attempts went.
    sent_to: Vec<String>,
    /// Where the last attempt went.
    address: Option<String>,
    /// With or after that attempt the cluster was seen without a leader, nobody was at its address, or there was
    /// another address: whoever took it may be gone, with what it remembered.
    leader_changed: bool,
    /// The server forgot an operation that these attempts had started.
    lost: bool,
}

impl Tries {
    pub(crate) fn new() -> Self {
        Self {
            attempts: 0,
            counted: 0,
            began: Instant::now(),
            last_took: Duration::ZERO,
            unavailable_since: None,
            perhaps_sent: false,
            sent_to: Vec::new(),
            address: None,
            leader_changed: false,
            lost: false,
        }
    }

    /// Those of a look at what these did.
    fn of_a_look(&self) -> Self {
        Self { perhaps_sent: self.perhaps_sent, sent_to: self.sent_to.clone(), ..Self::new() }
    }

    pub(crate) fn was_lost(&self) -> bool {
        self.lost
    }

    /// The operation that was started may or may not have been done: as if its answer had been lost.
    pub(crate) fn note_lost(&mut self) {
        self.lost = true;
        self.perhaps_sent = true;
    }

    pub(crate) fn perhaps_sent(&self) -> bool {
        self.perhaps_sent
    }

    /// Where the last attempt went.
    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Where attempts went that may have arrived, other than where the last one went.
    pub(crate) fn perhaps_elsewhere(&self) -> impl Iterator<Item = &str> {
        self.sent_to.iter().map(String::as_str).filter(|to| self.address() != Some(to))
    }

    pub(crate) fn leader_changed(&self) -> bool {
        self.leader_changed
    }

    /// Whether there are attempts that may have arrived, and all of them went where the last one went.
    pub(crate) fn perhaps_only_here(&self) -> bool {
        self.perhaps_sent && self.address().is_some() && self.perhaps_elsewhere().next().is_none()
    }

    /// How long the last attempt took, whatever came before it.
    pub(crate) fn last_took(&self) -> Duration {
        self.last_took
    }

    /// How long ago the first attempt began.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether `error` leaves open what an earlier or this attempt did. What the server says of the job or the
    /// request is an answer; what the network or a gateway says is none.
    fn leaves_open(&self, error: &Error) -> bool {
        let answered = error.kind().family() == ErrorFamily::Job
            || matches!(
                error.kind(),
                ErrorKind::InvalidRequest | ErrorKind::Unsupported | ErrorKind::NoResources
            );
        self.perhaps_sent && !answered
    }

    /// The error of a request that changes something, when it is given up: says so if it may have taken effect.
    pub(crate) fn give_up(&self, error: Error) -> Error {
        if self.leaves_open(&error) {
            unknown("it is not known whether this took effect", error)
                .with_attempts(self.attempts, self.began.elapsed())
        } else {
            error
        }
    }

    /// [`give_up`](Self::give_up) for a request that is done when it is answered: an exception of the server's that no
    /// kind describes is its answer.
    pub(crate) fn give_up_unanswered(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Server if !error.server_errors().is_empty() => error,
            _ => self.give_up(error),
        }
    }

    fn note(&mut self, failed: &Failed) {
        let error = &failed.error;
        if error.kind() == ErrorKind::Unavailable {
            self.unavailable_since.get_or_insert_with(Instant::now);
        } else {
            self.unavailable_since = None;
            self.counted += 1;
        }
        if failed.sent == Sent::Perhaps {
            self.perhaps_sent = true;
            self.sent_to.extend(failed.address.clone().filter(|address| !self.sent_to.contains(address)));
        }
        // Without an address there was nobody to send to.
        let nobody =
            is_without_leader(error) || error.kind() == ErrorKind::Connect || failed.address.is_none();
        self.leader_changed |= self.perhaps_sent && nobody;
    }

    /// An attempt goes to this address.
    fn note_address(&mut self, address: &str) {
        self.leader_changed |= self.sent_to.iter().any(|to| to != address);
    }
}

/// `error` kept the outcome of something from being known. What ended the client itself stays what it is.
pub(crate) fn unknown(what: &str, error: Error) -> Error {
    if matches!(error.kind(), ErrorKind::Closed | ErrorKind::Cancelled | ErrorKind::OutcomeUnknown) {
        return error;
    }
    let mut unknown = Error::new(ErrorKind::OutcomeUnknown, format!("{what}: {}", error.message()))
        .with_hint("look before it is done again");
    if let Some(job_id) = error.job_id() {
        unknown = unknown.with_job_id(job_id);
    }
    unknown.with_source(error)
}

/// Why an attempt failed.
pub(crate) struct Failed {
    pub(crate) error: Error,
    sent: Sent,
    lasting: bool,
    /// Where the attempt went.
    address: Option<String>,
}

impl Api {
    /// The same towards this address alone, which may no longer be the cluster's: with few attempts, else as
    /// [`independent`](Self::independent).
    pub(crate) fn at(&self, address: &str) -> Self {
        let leader = Arc::new(FixedAddress::of_base(address.to_owned()));
        let mut api = Self { leader, ..self.independent() };
        api.retry.max_attempts = api.retry.max_attempts.min(RETRIES_AT_AN_OLD_ADDRESS);
        api
    }

    /// The same towards the same server, by connections of its own, without the hook, and outside of any scope.
    pub(crate) fn independent(&self) -> Self {
        let retry = RetryPolicy {
            max_attempts: self.retry.max_attempts,
            strategy: Arc::clone(&self.retry.strategy),
            await_leader: self.retry.await_leader,
            hook: None,
        };
        Self {
            core: Arc::clone(&self.core),
            scope: Arc::default(),
            transport: self.transport.independent(),
            leader: Arc::clone(&self.leader),
            retry,
            poll: Arc::clone(&self.poll),
            unread: Arc::clone(&self.unread),
        }
    }

    /// Sends until there is an answer, and reads it as a `T`. A read-only request, or one that may be repeated.
    pub(crate) async fn get<T: DeserializeOwned>(&self, operating: &Operating, call: Call<'_>) -> Result<T> {
        let mut tries = Tries::new();
        self.call(operating, &mut tries, &call).await.map_err(|error| {
            if call.endpoint.method == crate::rest::endpoint::Method::Get {
                error
            } else {
                tries.give_up_unanswered(error)
            }
        })
    }

    /// A look at what the attempts of `tries` did. If the cluster changes its leader meanwhile, that counts for these
    /// too: what is not to be seen then may have been done all the same.
    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        operating: &Operating,
        tries: &mut Tries,
        call: Call<'_>,
    ) -> Result<T> {
        let mut looks = tries.of_a_look();
        let seen = self.call(operating, &mut looks, &call).await;
        tries.leader_changed |= looks.leader_changed;
        seen
    }

    /// Sends until there is an answer, and reads it as a `T`.
    ///
    /// # Errors
    /// What the server says; or the last failure when there are no more attempts. For [`Replay::AskFirst`] also every
    /// failure from the first on after which the request may have arrived: then [`Tries::perhaps_sent`] is true, and
    /// [`pause`](Self::pause) decides whether there is another attempt.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        operating: &Operating,
        tries: &mut Tries,
        call: &Call<'_>,
    ) -> Result<T> {
        loop {
            // For the attempt alone: a pause uploads nothing.
            let slot = match call.body {
                CallBody::Multipart(_) => Some(self.core.uploads().enter().await),
                CallBody::None | CallBody::Json(_) => None,
            };
            operating.enter(Phase::Sending);
            let (request, failed) = match self.attempt(call, tries) {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            drop(slot);
            tries.note(&failed);
            if self.scope.is_closed() {
                // Of two threads that close, one may cut connections while the other still completes operations.
                return Err(operation::closed());
            }
            let error = match failed.error.kind() {
                // It never came to a request.
                ErrorKind::LocalFile => failed.error,
                _ => failed.error.with_request(&request).with_attempts(tries.attempts, tries.began.elapsed()),
            };
            let replay = call.endpoint.replay == Replay::Safe || !tries.perhaps_sent;
            if !passes(&error) || failed.lasting || !replay {
                return Err(error);
            }
            self.pause(operating, tries, error).await?;
        }
    }

    /// One attempt, on this thread, to its end.
    pub(crate) fn attempt<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        tries: &mut Tries,
    ) -> Result<T, (String, Failed)> {
        tries.attempts += 1;
        let base = match self.leader.leader_address() {
            Ok(base) => base,
            Err(error) => {
                let failed = Failed { error, sent: Sent::No, lasting: false, address: None };
                return Err(("looking up the leader".into(), failed));
            }
        };
        tries.note_address(&base);
        let url = format!("{base}{}", call.path);
        let request = Request {
            method: call.endpoint.method,
            url: &url,
            body: match &call.body {
                CallBody::None => Body::None,
                CallBody::Json(json) => Body::Json(json),
                CallBody::Multipart(multipart) => Body::Multipart(multipart),
            },
            patient: call.patient,
        };
        let began = Instant::now();
        let sent = self.transport.send(&request);
        tries.last_took = began.elapsed();
        tries.address = Some(base);
        let (error, sent, lasting) = match sent {
            Ok(received) => match read(call, &received) {
                Ok(value) => return Ok(value),
                Err((error, sent)) => (error, sent, false),
            },
            Err(failure) => (failure.error, failure.sent, failure.lasting),
        };
        if matches!(error.kind(), ErrorKind::Connect | ErrorKind::Unavailable | ErrorKind::Timeout) {
            self.leader.address_failed(tries.address().unwrap_or_default());
        }
        let failed = Failed { error, sent, lasting, address: tries.address.clone() };
        Err((format!("{} {url}", call.endpoint.method.as_str()), failed))
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// `error`, if there is none.
    pub(crate) async fn pause(&self, operating: &Operating, tries: &mut Tries, error: Error) -> Result<()> {
        let more = match tries.unavailable_since {
            // Without a leader it is not the attempts that count but the time.
            Some(since) => since.elapsed() < self.retry.await_leader,
            None => tries.counted <= self.retry.max_attempts,
        };
        if !more || !passes(&error) || self.scope.is_closed() {
            return Err(error);
        }
        let planned = self.retry.strategy.wait_time(tries.attempts);
        let wait = error.retry_after().map_or(planned, |asked| asked.min(LONGEST_RETRY_AFTER).max(planned));
        log::warn!("{}: attempt {} failed, next in {wait:.1?}: {error}", operating.name, tries.attempts);
        if let Some(hook) = &self.retry.hook {
            hook(&RetryEvent { operation: &operating.name, attempt: tries.attempts, error: &error, wait });
        }
        operating.enter(Phase::Waiting);
        self.core.sleep(wait).await;
        Ok(())
    }

    /// Waits before the next look at an operation that goes on in the cluster. How often is not limited here: the
    /// caller limits.
    pub(crate) async fn between_looks(&self, operating: &Operating, looks: &mut u32) {
        *looks = looks.saturating_add(1);
        operating.enter(Phase::Polling);
        self.core.sleep(self.poll.wait_time(*looks)).await;
    }
}

/// Whether the failure is one that passes by itself.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect | ErrorKind::ConnectionLost | ErrorKind::Unavailable | ErrorKind::Timeout
    )
}

/// Whether the cluster itself says that nobody leads, in its own words. A gateway that is too busy, or that gave up
/// waiting, says nothing of the kind, though some put it in the same form.
fn is_without_leader(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable
        && !matches!(error.status(), Some(502 | 504))
        && classify::says_unavailable(error.server_errors())
}

fn read<T: DeserializeOwned>(call: &Call<'_>, received: &Received) -> Result<T, (Error, Sent)> {
    let answer: Answer<'_> = received.answer();
    answer.read(call.endpoint.about, call.expected).map_err(|error| {
        let sent = match (error.kind(), answer.status) {
            // Flink that says it cannot serve has done nothing, with one exception. A gateway may have lost its
            // server, or have given up waiting for it, with any of these.
            (ErrorKind::Unavailable, 429) => Sent::No,
            (ErrorKind::Unavailable, _) if is_without_leader(&error) && !lost_while_serving(&error) => {
                Sent::No
            }
            (ErrorKind::Unavailable | ErrorKind::Timeout, _) => Sent::Perhaps,
            (ErrorKind::Decode | ErrorKind::Server | ErrorKind::TooLarge, 200..=299 | 500..) => Sent::Perhaps,
            _ => Sent::No,
        };
        (error, sent)
    })
}

/// Leadership that was lost while the request was served. What a leader was not reached by, or refused because it does
/// not lead, it has not begun; but a program may have done much before it met with that.
fn lost_while_serving(error: &Error) -> bool {
    error.exception_class().is_some_and(|class| class.ends_with("LeadershipLostException"))
        || classify::says_program_failed(error.server_errors())
}
