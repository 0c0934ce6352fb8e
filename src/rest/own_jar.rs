//! A jar that is in the cluster for one submission: wherever lost answers left copies of it, they are removed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::ids::TriggerId;
use crate::pending::operation::{self, Operating};
use crate::plan::UploadProgress;
use crate::rest::request::{Api, Tries};
use crate::rest::submit::Name;

/// A jar of ours in the cluster, under a name that nobody else has, which is removed however its use ends.
pub(super) struct OwnJar {
    api: Arc<Api>,
    name: String,
    there: There,
    /// Where it was uploaded to: each JobManager has jars of its own.
    place: Option<String>,
}

/// What is there of a jar.
enum There {
    Nothing,
    One(String),
    /// An answer was lost, or has not come yet: any number, to be found by the name.
    Perhaps,
}

impl OwnJar {
    /// One that is not there yet.
    pub(super) fn new(api: &Arc<Api>, path: &Path) -> Self {
        Self { api: Arc::clone(api), name: unique_name(path), there: There::Nothing, place: None }
    }

    /// Puts it there, anew if it has been before: a JobManager that goes takes its jars with it.
    pub(super) async fn upload(
        &mut self,
        operating: &Operating,
        path: &Path,
        progress: Option<UploadProgress>,
    ) -> Result<String> {
        // Whatever ends this before it knows more has to look.
        let before = std::mem::replace(&mut self.there, There::Perhaps);
        let mut tries = Tries::new();
        let uploaded = self.api.upload(operating, &mut tries, path, &self.name, Name::Own, progress).await;
        let place = tries.address().map(str::to_owned);
        let mut doubtful = tries.perhaps_sent();
        for elsewhere in tries.perhaps_elsewhere() {
            self.remove_at(elsewhere.to_owned(), There::Perhaps);
        }
        match std::mem::replace(&mut self.place, place) {
            Some(old) if self.place.as_ref() != Some(&old) => self.remove_at(old, before),
            _ => doubtful |= matches!(before, There::Perhaps),
        }
        if !doubtful {
            self.there = uploaded.as_ref().map_or(There::Nothing, |id| There::One(id.clone()));
        }
        uploaded
    }

    /// Removes, in the background, what is there at an address that is no longer the cluster's.
    fn remove_at(&self, place: String, there: There) {
        drop(Self { api: Arc::clone(&self.api), name: self.name.clone(), there, place: Some(place) });
    }

    /// What a close of the client leaves undone here is done when this is dropped.
    pub(super) async fn remove(mut self, operating: &Operating) {
        if let (Some(place), Ok(leader)) = (&self.place, self.api.leader.leader_address())
            && *place != leader
        {
            // JobManagers that share a folder for jars have it here as well.
            let (place, there) = (place.clone(), std::mem::replace(&mut self.there, There::Perhaps));
            self.remove_at(place, there);
            self.place = Some(leader);
        }
        let removed = self.there.remove(&self.api, operating, &self.name).await;
        if removed.is_err() && self.api.scope.is_closed() {
            return;
        }
        self.there = There::Nothing;
        // The job has been submitted, or its own error is what counts.
        if let Err(error) = removed {
            log::warn!("the jar {} may stay in the cluster: {error}", self.name);
        }
    }
}

impl There {
    async fn remove(&self, api: &Api, operating: &Operating, name: &str) -> Result<()> {
        let jars = match self {
            Self::Nothing => BTreeSet::new(),
            Self::One(id) => BTreeSet::from([id.clone()]),
            Self::Perhaps => api.jars_named(operating, name).await?,
        };
        for id in jars {
            api.delete_jar(operating, &id).await?;
        }
        Ok(())
    }
}

impl Drop for OwnJar {
    /// The submission was cut off, by a close or a panic. The jar is removed by connections of its own, since those of
    /// the client may be gone.
    fn drop(&mut self) {
        let there = std::mem::replace(&mut self.there, There::Nothing);
        if matches!(there, There::Nothing) {
            return;
        }
        let api = self.place.as_ref().map_or_else(|| self.api.independent(), |place| self.api.at(place));
        let name = std::mem::take(&mut self.name);
        let operating = Arc::new(Operating::new(format!("removing the jar {name}")));
        let named = Arc::clone(&operating);
        operation::detach(&self.api.core, operating, async move { there.remove(&api, &named, &name).await });
    }
}

/// The file's name with 128 random bits in it.
fn unique_name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    // The server keeps a name only as far as it likes, and this one has to be found again.
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let stem: String = stem.chars().map(safe).take(100).collect();
    format!("{stem}-{}.jar", TriggerId::random())
}
