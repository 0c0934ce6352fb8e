//! Applications: a main program and the jobs that it ran.

use std::collections::BTreeMap;
use std::time::Duration;

use super::exception::JavaException;
use super::job::Job;
use crate::details::{ApplicationOverview, ApplicationState};
use crate::ids::{ApplicationId, JobId};
use crate::job::JobStatus;

#[derive(Default)]
pub(crate) struct Applications {
    known: BTreeMap<ApplicationId, Application>,
    numbered: u64,
}

pub(crate) struct Application {
    pub(crate) name: String,
    number: u64,
    state: ApplicationState,
    pub(crate) timestamps: BTreeMap<ApplicationState, i64>,
    /// With the state in which each has ended, if it has.
    pub(crate) jobs: BTreeMap<JobId, Option<JobStatus>>,
    main_is_done: bool,
    /// What `main` threw, and when.
    pub(crate) failure: Option<(JavaException, i64)>,
}

impl Applications {
    /// Whether the id was free.
    pub(crate) fn begin(&mut self, id: ApplicationId, name: String, main_is_done: bool, now: i64) -> bool {
        if self.known.contains_key(&id) {
            return false;
        }
        self.numbered += 1;
        let timestamps = [(ApplicationState::Created, now), (ApplicationState::Running, now)].into();
        let application = Application {
            name,
            number: self.numbered,
            state: ApplicationState::Running,
            timestamps,
            jobs: BTreeMap::new(),
            main_is_done,
            failure: None,
        };
        self.known.insert(id, application);
        true
    }

    pub(crate) fn add_job(&mut self, id: ApplicationId, job: JobId) {
        if let Some(application) = self.known.get_mut(&id) {
            application.jobs.insert(job, None);
        }
    }

    pub(crate) fn main_done(&mut self, id: ApplicationId, failure: Option<JavaException>, now: i64) {
        if let Some(application) = self.known.get_mut(&id) {
            application.main_is_done = true;
            application.failure = failure.map(|failure| (failure, now));
            application.settle(now);
        }
    }

    pub(crate) fn job_ended(&mut self, job: &Job, now: i64) {
        if let Some(application) = self.known.get_mut(&job.application) {
            application.jobs.insert(job.id, Some(job.status));
            application.settle(now);
        }
    }

    /// Forgets what the job store has forgotten.
    pub(crate) fn forget(&mut self, id: ApplicationId) {
        if self.known.get(&id).is_some_and(|application| application.state.is_terminal()) {
            self.known.remove(&id);
        }
    }

    pub(crate) fn get(&self, id: ApplicationId) -> Option<&Application> {
        self.known.get(&id)
    }

    /// The jobs that have not ended, of an application that has not; it is being cancelled from now on.
    pub(crate) fn cancel(&mut self, id: ApplicationId, now: i64) -> Option<Vec<JobId>> {
        let application = self.known.get_mut(&id).filter(|application| !application.state.is_terminal())?;
        application.enter(ApplicationState::Canceling, now);
        let open =
            application.jobs.iter().filter(|(_, ended)| ended.is_none()).map(|(job, _)| *job).collect();
        application.settle(now);
        Some(open)
    }

    /// The newest first.
    pub(crate) fn list(
        &self,
        now: i64,
        status_of: impl Fn(JobId) -> Option<JobStatus>,
    ) -> Vec<ApplicationOverview> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(|(_, application)| std::cmp::Reverse(application.number));
        known.into_iter().map(|(id, application)| application.overview(*id, now, &status_of)).collect()
    }
}

impl Application {
    fn enter(&mut self, state: ApplicationState, now: i64) {
        self.state = state;
        self.timestamps.insert(state, now);
    }

    fn settle(&mut self, now: i64) {
        if self.state.is_terminal() || !self.main_is_done || self.jobs.values().any(Option::is_none) {
            return;
        }
        let ended = |status| self.jobs.values().any(|job| *job == Some(status));
        if self.state == ApplicationState::Canceling || ended(JobStatus::Canceled) {
            self.timestamps.entry(ApplicationState::Canceling).or_insert(now);
            self.enter(ApplicationState::Canceled, now);
        } else if self.failure.is_some() || ended(JobStatus::Failed) {
            self.timestamps.insert(ApplicationState::Failing, now);
            self.enter(ApplicationState::Failed, now);
        } else {
            self.enter(ApplicationState::Finished, now);
        }
    }

    pub(crate) fn overview(
        &self,
        id: ApplicationId,
        now: i64,
        status_of: impl Fn(JobId) -> Option<JobStatus>,
    ) -> ApplicationOverview {
        let start_time = self.timestamps.get(&ApplicationState::Running).copied().unwrap_or_default();
        let end_time = self.state.is_terminal().then(|| self.timestamps.get(&self.state).copied()).flatten();
        let lasted = end_time.unwrap_or(now) - start_time;
        let mut jobs = BTreeMap::new();
        for status in self.jobs.iter().filter_map(|(job, ended)| ended.or_else(|| status_of(*job))) {
            *jobs.entry(status).or_default() += 1;
        }
        ApplicationOverview {
            id,
            name: self.name.clone(),
            status: self.state,
            start_time,
            end_time,
            duration: Duration::from_millis(lasted.try_into().unwrap_or(0)),
            jobs,
        }
    }
}
