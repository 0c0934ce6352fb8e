//! Waits for jobs to end: one look at the cluster a round, however many jobs are waited for.
//!
//! Each operation that waits for a job holds a [`Turn`]. One driver, running as long as there are turns, asks the
//! cluster which of their jobs have ended, with one `GET /jobs/overview` for all of them, and gives those a turn to
//! fetch their result. A single job is not looked for in a list of ten thousand: it gets its turn every round, and
//! its own request is the look: for its result first, which may be there, then for its state, which the result of a job
//! that runs does not tell.
//!
//! # The protocol
//! Turns, driver and its waker are under one mutex. A turn enters before it is first awaited and leaves when it is
//! dropped; the last one to leave takes the driver's handle out, and dropping that stops the polling.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::error::Result;
use crate::ids::JobId;
use crate::job::JobStatus;
use crate::pending::Pending;
use crate::pending::operation::{self, Operating, Phase};
use crate::rest::endpoint;
use crate::rest::request::{Api, Call, Tries};
use crate::retry::spared;
use crate::runtime::Runtime;
use crate::sync::{Mutex, lock};

#[derive(Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    turns: HashMap<JobId, Vec<Waiting>>,
    numbered: u64,
    count: usize,
    driver: Option<Pending<()>>,
    driver_waker: Option<Waker>,
    /// Looks since the last turn entered: the youngest decides how soon the next one is.
    looks: u32,
}

struct Waiting {
    number: u64,
    due: bool,
    /// What the list of all jobs says of its job, if that is why it is due.
    listed: Option<JobStatus>,
    waker: Option<Waker>,
    /// Told what is seen of its job.
    operating: Option<Arc<Operating>>,
}

/// One operation's wait for a job. Await [`next`](Self::next) for each look.
pub(crate) struct Turn {
    watch: Arc<Watch>,
    job_id: JobId,
    number: u64,
}

impl Watch {
    /// Enters a wait for `job_id`, and starts the driver if it is the first.
    pub(crate) fn enter(self: &Arc<Self>, api: &Arc<Api>, runtime: &Runtime, job_id: JobId) -> Turn {
        let mut state = lock(&self.state);
        state.numbered += 1;
        state.count += 1;
        state.looks = 0;
        let number = state.numbered;
        state.turns.entry(job_id).or_default().push(Waiting {
            number,
            due: false,
            listed: None,
            waker: None,
            operating: None,
        });
        let waker = state.driver_waker.take();
        if state.driver.is_none() {
            let operating = Arc::new(Operating::new("watching jobs").reading());
            let driver = drive(Arc::clone(self), Arc::clone(api), Arc::clone(&operating));
            state.driver = Some(operation::start(runtime, Some(&api.scope), operating, driver));
        }
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Turn { watch: Arc::clone(self), job_id, number }
    }

    /// Tells those that wait what a list of all jobs says of theirs.
    fn tell(&self, jobs: &HashMap<JobId, JobStatus>) {
        let state = lock(&self.state);
        for (job_id, waiting) in &state.turns {
            let Some(status) = jobs.get(job_id) else { continue };
            for operating in waiting.iter().filter_map(|waiting| waiting.operating.as_ref()) {
                operating.saw(*status);
                operating.enter(Phase::Polling);
            }
        }
    }

    /// Gives a turn to all that wait for a job: those that have ended by this list and those that are not in it, or all.
    fn call(&self, list: Option<&HashMap<JobId, JobStatus>>) {
        let mut wakers = Vec::new();
        let mut state = lock(&self.state);
        for (job_id, waiting) in &mut state.turns {
            let listed = list.and_then(|list| list.get(job_id)).copied();
            if listed.is_some_and(|status| !status.is_terminal()) {
                continue;
            }
            for waiting in waiting {
                waiting.due = true;
                waiting.listed = listed;
                wakers.extend(waiting.waker.take());
            }
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Turn {
    /// Completes when it is worth looking at the job, for this operation; with the job's state, if a list of all jobs has
    /// just told it.
    pub(crate) fn next<'a>(
        &'a mut self,
        operating: &'a Arc<Operating>,
    ) -> impl Future<Output = Option<JobStatus>> + Send + 'a {
        Next(self, operating)
    }
}

struct Next<'a>(&'a Turn, &'a Arc<Operating>);

impl Future for Next<'_> {
    type Output = Option<JobStatus>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<JobStatus>> {
        let Self(Turn { watch, job_id, number }, operating) = &*self;
        let mut state = lock(&watch.state);
        let waiting =
            state.turns.get_mut(job_id).into_iter().flatten().find(|waiting| waiting.number == *number);
        let Some(waiting) = waiting else {
            return Poll::Ready(None);
        };
        if std::mem::take(&mut waiting.due) {
            return Poll::Ready(waiting.listed.take());
        }
        let old = waiting.waker.replace(context.waker().clone());
        waiting.operating.get_or_insert_with(|| Arc::clone(operating));
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.watch.state);
        let mut left = None;
        if let Some(waiting) = state.turns.get_mut(&self.job_id) {
            if let Some(index) = waiting.iter().position(|waiting| waiting.number == self.number) {
                left = Some(waiting.swap_remove(index));
            }
            if waiting.is_empty() {
                state.turns.remove(&self.job_id);
            }
        }
        state.count -= usize::from(left.is_some());
        let driver = if state.count == 0 { state.driver.take() } else { None };
        let waker = if driver.is_some() { state.driver_waker.take() } else { None };
        drop(state);
        // Dropping the handle is what stops the driver, which may hold the last of this very watch.
        drop((left, driver, waker));
    }
}

/// One round's list: only what decides.
#[derive(Deserialize)]
struct Overview {
    jobs: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    jid: JobId,
    state: JobStatus,
}

async fn drive(watch: Arc<Watch>, api: Arc<Api>, operating: Arc<Operating>) -> Result<()> {
    let mut last_list = Duration::ZERO;
    loop {
        let jobs = lock(&watch.state).turns.len();
        if jobs == 1 {
            last_list = Duration::ZERO;
            watch.call(None);
        } else if jobs > 1 {
            let mut tries = Tries::new();
            let call = Call::new(&endpoint::JOBS, &[], "a list of jobs");
            match api.call::<Overview>(&operating, &mut tries, &call).await {
                Ok(overview) => {
                    // Not what attempts before it took, and the pauses between: a failover is no work of the cluster's.
                    last_list = tries.last_took();
                    // What is not in the list is unknown, and its own request will say so.
                    let running: HashMap<JobId, JobStatus> =
                        overview.jobs.into_iter().map(|job| (job.jid, job.state)).collect();
                    watch.tell(&running);
                    // One that is SUSPENDED is waited for as long as its own wait allows.
                    watch.call(Some(&running));
                }
                // Each request for a result has its own retries and says its own error.
                Err(_) => {
                    last_list = Duration::ZERO;
                    watch.call(None);
                }
            }
        }
        operating.enter(Phase::Polling);
        pause(&watch, &api, last_list).await;
    }
}

/// Until the next round. A turn that enters meanwhile shortens the wait, for what counts is the youngest; but never
/// below what listing all jobs takes several times over.
async fn pause(watch: &Watch, api: &Api, last_list: Duration) {
    let began = Instant::now();
    let mut looks = {
        let mut state = lock(&watch.state);
        state.looks = state.looks.saturating_add(1);
        state.looks
    };
    loop {
        let wait = api.poll.wait_time(looks).max(spared(last_list));
        let mut sleep = api.core.sleep(wait.saturating_sub(began.elapsed()));
        let younger = std::future::poll_fn(|context| {
            let mut state = lock(&watch.state);
            if state.looks < looks {
                state.looks += 1;
                return Poll::Ready(Some(state.looks));
            }
            let old = state.driver_waker.replace(context.waker().clone());
            drop(state);
            drop(old);
            Pin::new(&mut sleep).poll(context).map(|()| None)
        })
        .await;
        match younger {
            Some(younger) => looks = younger,
            None => return,
        }
    }
}
