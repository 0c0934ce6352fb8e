//! Results that this client has not read yet: a cluster that is shut down waits for them.
//!
//! Flink answers `DELETE /cluster` at once, but its REST endpoint stays until the result of every operation that was
//! triggered has been read, or has expired (`rest.async.store-duration`, 5 min). A detached savepoint whose status
//! nobody asks for, or a handle that was dropped, would so keep the whole cluster.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::de::IgnoredAny;

use crate::error::{ErrorFamily, Result};
use crate::pending::operation::{self, Operating};
use crate::rest::endpoint;
use crate::rest::operation::{AsynchronousOperationResult, QueueStatusId};
use crate::rest::request::{Api, Call, Tries};
use crate::sync::{Mutex, lock};

/// Beyond this the oldest are forgotten; they have most likely expired.
const MOST: usize = 1000;

/// The paths under which results are waiting.
#[derive(Debug, Default)]
pub(crate) struct Unread(Mutex<VecDeque<String>>);

impl Unread {
    pub(crate) fn note(&self, path: String) {
        let mut paths = lock(&self.0);
        if !paths.contains(&path) {
            if paths.len() == MOST {
                paths.pop_front();
            }
            paths.push_back(path);
        }
    }

    pub(crate) fn forget(&self, path: &str) {
        lock(&self.0).retain(|one| one != path);
    }

    fn take(&self) -> VecDeque<String> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl Api {
    /// Reads every result that is there; gives the paths of those that are still to be read: of operations that go on,
    /// and all from the first one on that the network kept from being read. Each is asked for once: what cannot be read
    /// must not keep the caller.
    pub(crate) fn read_unread(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut paths = self.unread.take().into_iter();
        while let Some(path) = paths.next() {
            let call = Call::at(&endpoint::ANY, path.clone());
            match self.once::<AsynchronousOperationResult<IgnoredAny>>(&call) {
                Ok(answer) if answer.status.id == QueueStatusId::InProgress => left.push(path),
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind().family(), ErrorFamily::Connection | ErrorFamily::Timeout) =>
                {
                    left.push(path);
                    left.extend(paths);
                    break;
                }
                Err(_) => {}
            }
        }
        left
    }

    /// Reads the results that a cluster which is shutting down still waits to be read, when they are there.
    pub(crate) fn read_later(self: &Arc<Self>, paths: Vec<String>) {
        if paths.is_empty() {
            return;
        }
        let api = Arc::new(self.independent());
        let operating = Arc::new(Operating::new("reading results so that the cluster can end").reading());
        let named = Arc::clone(&operating);
        operation::detach(&self.core, operating, async move {
            for path in paths {
                api.read_when_done(&named, path).await;
            }
            Ok(())
        });
    }

    async fn read_when_done(&self, operating: &Operating, path: String) {
        let call = Call::at(&endpoint::ANY, path);
        let mut looks = 0;
        while let Ok(answer) = self.once::<AsynchronousOperationResult<IgnoredAny>>(&call)
            && answer.status.id == QueueStatusId::InProgress
        {
            self.between_looks(operating, &mut looks).await;
        }
    }

    fn once<T: serde::de::DeserializeOwned>(&self, call: &Call<'_>) -> Result<T> {
        self.attempt(call, &mut Tries::new()).map_err(|(_, failed)| failed.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_kept_once_and_the_oldest_go_first() {
        let unread = Unread::default();
        for number in 0..=MOST {
            unread.note(number.to_string());
            unread.note(number.to_string());
        }
        unread.forget("7");
        let paths = unread.take();
        assert_eq!((paths.len(), &*paths[0]), (MOST - 1, "1"));
        assert!(!paths.contains(&"7".to_owned()));
        assert!(unread.take().is_empty());
    }
}
