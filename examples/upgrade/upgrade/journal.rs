//! What was decided and what is done, in a file that survives this program.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flink_client::{JobId, TriggerId};
use serde::{Deserialize, Serialize};

use super::Program;

/// The ids under which everything is done, chosen before anything is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) old_job: JobId,
    pub(crate) old: Program,
    pub(crate) new: Program,
    pub(crate) savepoints: Option<String>,
    pub(crate) stop: TriggerId,
    pub(crate) new_job: JobId,
    /// The old program again, if it comes to that.
    pub(crate) again_job: JobId,
    /// In milliseconds since 1970.
    pub(crate) begun: u64,
}

/// How far it is. Each state says what is *done*; what comes next may be under way, or done and not written down yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum State {
    /// The ids are chosen; the old job is to be stopped.
    Planned,
    /// It has ended; the new job is to be started.
    Stopped { savepoint: String },
    /// The new job does not run; it is to go, and the old program to be started again.
    RollingBack { savepoint: String, reason: String },
    /// The new job runs.
    Upgraded { savepoint: String },
    /// The old program runs again.
    RolledBack { savepoint: String, reason: String },
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    plan: Plan,
    #[serde(flatten)]
    state: State,
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: PathBuf,
    content: Content,
}

impl Journal {
    /// The journal of an upgrade that was begun before.
    pub(crate) fn open(file: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let content = serde_json::from_str(&text).map_err(io::Error::from)?;
        Ok(Some(Self { file: file.to_owned(), content }))
    }

    /// Chooses the ids, and writes them down.
    pub(crate) fn begin(
        file: &Path,
        old_job: JobId,
        old: Program,
        new: Program,
        savepoints: Option<String>,
    ) -> io::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let plan = Plan {
            old_job,
            old,
            new,
            savepoints,
            stop: TriggerId::random(),
            new_job: JobId::random(),
            again_job: JobId::random(),
            begun: now.as_millis() as u64,
        };
        let journal = Self { file: file.to_owned(), content: Content { plan, state: State::Planned } };
        journal.write()?;
        Ok(journal)
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.content.plan
    }

    pub(crate) fn state(&self) -> &State {
        &self.content.state
    }

    /// Writes down what is done now. When this returns it is on the disk.
    pub(crate) fn enter(&mut self, state: State) -> io::Result<()> {
        self.content.state = state;
        self.write()
    }

    /// Forgets an upgrade that has changed nothing.
    pub(crate) fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.file)
    }

    /// In one step: at any moment the file has the old state or the new one.
    fn write(&self) -> io::Result<()> {
        let draft = self.file.with_extension("draft");
        let mut file = File::create(&draft)?;
        file.write_all(serde_json::to_string_pretty(&self.content)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.file)?;
        // The new name is as durable as its folder.
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        match File::open(folder.unwrap_or(Path::new("."))) {
            Ok(folder) => folder.sync_all(),
            // Not every system opens folders.
            Err(_) => Ok(()),
        }
    }
}
