//! The folder that a cluster works in: its configuration, logs, temporary files, and what is known of its processes.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;

/// So much of a log's end is read.
const TAIL_BYTES: u64 = 64 * 1024;
/// So much of it is shown.
const TAIL_LINES: usize = 60;
/// So much is shown of what comes before the line that says most.
const LINES_BEFORE: usize = 20;

/// The folder of one cluster, for nobody but its owner.
#[derive(Clone, Debug)]
pub(super) struct WorkingFolder {
    path: PathBuf,
    /// It goes when the cluster does, since nobody asked for it.
    pub(super) temporary: bool,
}

impl WorkingFolder {
    /// Makes one below `parent`, or below the system's folder for temporary files.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`] if it cannot be made; [`ErrorKind::InvalidArgument`] for a path that Flink or Java would
    /// take for several.
    pub(super) fn create(parent: Option<&Path>) -> Result<Self> {
        let temporary = parent.is_none();
        let parent = parent.map_or_else(env::temp_dir, Path::to_owned);
        let failed = |error: &io::Error| {
            let message = format!("cannot make a folder for the cluster in {}: {error}", parent.display());
            Error::new(ErrorKind::LocalFile, message)
        };
        fs::create_dir_all(&parent).map_err(|error| failed(&error))?;
        // Without links and without "..": the processes and whoever finds the cluster later see the same path.
        let real = fs::canonicalize(&parent).map_err(|error| failed(&error))?;
        let name = JobId::random().to_string();
        let path = real.join(format!("flink-{}", &name[..12]));
        check(&path)?;
        private_folder(&path).map_err(|error| failed(&error))?;
        let folder = Self { path, temporary };
        for name in ["conf", "log", "run", "tmp"] {
            private_folder(&folder.path.join(name)).map_err(|error| failed(&error))?;
        }
        Ok(folder)
    }

    pub(super) fn existing(path: PathBuf, temporary: bool) -> Self {
        Self { path, temporary }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.path.join("log").join(format!("{process}.log"))
    }

    /// Writes a file that only its owner can read: there may be secrets in it.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`].
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.path.join(name);
        let written = private_file(&file).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            Error::new(ErrorKind::LocalFile, format!("cannot write {}: {error}", file.display()))
        })
    }

    /// Writes a file in one step: whoever reads it finds it whole or not at all.
    pub(super) fn publish(&self, name: &str, text: &str) -> Result<()> {
        let draft = format!("{name}.new");
        self.write(&draft, text)?;
        fs::rename(self.path.join(draft), self.path.join(name)).map_err(|error| {
            Error::new(
                ErrorKind::LocalFile,
                format!("cannot write {name} in {}: {error}", self.path.display()),
            )
        })
    }

    /// What a file says that a process writes in one step, once it is there.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        fs::read_to_string(self.path.join(name)).ok()?.trim().parse().ok()
    }

    /// The processes that have been started here, by name, with the ids that they had.
    pub(super) fn started(&self) -> Vec<(String, u32)> {
        let files = fs::read_dir(self.path.join("run")).into_iter().flatten().flatten();
        let names =
            files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".pid")?.to_owned()));
        let started = names.filter_map(|name| self.number(&format!("run/{name}.pid")).map(|pid| (name, pid)));
        started.collect()
    }

    /// The end of a process's log, of some thousand lines.
    pub(super) fn log_end(&self, process: &str) -> String {
        end_of(&self.log(process)).unwrap_or_default()
    }

    /// The last lines of a process's log.
    pub(super) fn log_tail(&self, process: &str) -> String {
        last_lines(&self.log_end(process), TAIL_LINES)
    }

    /// Keeps the folder when the cluster goes.
    pub(super) fn keep(&self) {
        if let Err(error) = File::create(self.path.join("run/keep")) {
            log::warn!("cannot keep {}: {error}", self.path.display());
        }
    }

    pub(super) fn remove_if_temporary(&self) {
        if self.temporary && !self.path.join("run/keep").exists() {
            self.remove();
        }
    }

    /// Removes it, if a cluster that ended well has not done so itself.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Of the parts that a path is split at: Java splits class paths at one, Flink lists of folders at both.
fn check(path: &Path) -> Result<()> {
    let Some(text) = path.to_str() else {
        let message = format!("the cluster's folder {} is not Unicode, which Java needs", path.display());
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    };
    match text.find([':', ',', '\n']) {
        Some(at) if cfg!(unix) => {
            let message = format!(
                "the cluster's folder {text:?} has {:?} in it, which Flink takes for the end of a path",
                &text[at..=at]
            );
            Err(Error::new(ErrorKind::InvalidArgument, message)
                .with_hint("give another folder as `working_directory`"))
        }
        _ => Ok(()),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn end_of(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(most)..].join("\n")
}

/// The line that says most, and the last lines: with that one, even if Flink printed all of its threads after it.
pub(super) fn tell(end: &str) -> (Option<&str>, String) {
    let mut before = end.len();
    let telling = telling_line(end).inspect(|line| before = end.find(*line).unwrap_or(before));
    let since = end[before..].lines().count() + LINES_BEFORE;
    (telling, last_lines(end, since.clamp(TAIL_LINES, 10 * TAIL_LINES)))
}

/// The last cause of an exception, or else an error, or else the last line.
fn telling_line(end: &str) -> Option<&str> {
    let lines = || end.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .find(|line| line.starts_with("Caused by: "))
        .or_else(|| lines().find(|line| line.contains("Exception: ") || line.contains("Error: ")))
        .or_else(|| lines().find(|line| line.contains(" ERROR ") || line.contains(" FATAL ")))
        .or_else(|| lines().next())
}

/// Arguments in the form of a file that `java @FILE` reads: quoted whole, since anything may be in them.
pub(super) fn argument_file(arguments: &[String]) -> String {
    let mut text = String::new();
    for argument in arguments {
        text.push('"');
        for c in argument.chars() {
            match c {
                '"' | '\\' => {
                    let _ = write!(text, "\\{c}");
                }
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                c => text.push(c),
            }
        }
        text.push_str("\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_has_a_private_folder_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let first = WorkingFolder::create(Some(&parent.path().join("a/b"))).unwrap();
        let second = WorkingFolder::create(Some(&parent.path().join("a/b"))).unwrap();
        assert_ne!(first.path(), second.path());
        first.write("conf/config.yaml", "password: hunter2").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            for (path, mode) in
                [(first.path().to_owned(), 0o700), (first.path().join("conf/config.yaml"), 0o600)]
            {
                assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
            }
        }
        first.remove_if_temporary();
        assert!(first.path().exists(), "somebody asked for it");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_flink_would_take_for_two_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["a,b", "a:b"] {
            let error = WorkingFolder::create(Some(&parent.path().join(name))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(name), "{error}");
        }
        fs::write(parent.path().join("file"), "").unwrap();
        let error = WorkingFolder::create(Some(&parent.path().join("file"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalFile);
    }

    #[test]
    fn a_temporary_folder_goes_unless_it_is_to_be_kept() {
        let gone = WorkingFolder::create(None).unwrap();
        gone.remove_if_temporary();
        assert!(!gone.path().exists());
        let kept = WorkingFolder::create(None).unwrap();
        kept.keep();
        kept.remove_if_temporary();
        assert!(kept.path().exists());
        fs::remove_dir_all(kept.path()).unwrap();
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines_however_long_it_is() {
        let folder = WorkingFolder::create(None).unwrap();
        assert_eq!(folder.log_tail("jobmanager"), "");
        let lines: String = (0..20_000).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "line {line}");
            text
        });
        folder.write("log/jobmanager.log", &lines).unwrap();
        let tail = folder.log_tail("jobmanager");
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.starts_with("line 19940\n") && tail.ends_with("line 19999"), "{tail}");
        folder.remove_if_temporary();
    }

    #[test]
    fn the_line_that_says_most_is_the_root_cause() {
        let tail = "22:04 ERROR Terminating.\norg.apache.FlinkException: Failed.\n\tat a.B\nCaused by: x.Y: no\n\tat c\n\n";
        assert_eq!(telling_line(tail), Some("Caused by: x.Y: no"));
        assert_eq!(
            telling_line("Error: Could not find main class\nmore\n"),
            Some("Error: Could not find main class")
        );
        assert_eq!(telling_line("a\n22:04 ERROR no\nb"), Some("22:04 ERROR no"));
        assert_eq!(telling_line("a\nb\n \n"), Some("b"));
        assert_eq!(telling_line("\n"), None);
    }

    #[test]
    fn the_cause_is_shown_even_if_all_threads_were_printed_after_it() {
        let threads = "\tat a.B.c(D.java:1)\n".repeat(200);
        let end = format!("first\n{}Caused by: x.Y: too late\n{threads}last\n", "before\n".repeat(100));
        let (telling, tail) = tell(&end);
        assert_eq!(telling, Some("Caused by: x.Y: too late"));
        assert!(tail.starts_with("before\n") && tail.ends_with("\nlast"), "{tail}");
        assert_eq!(tail.lines().count(), LINES_BEFORE + 202);
        let (telling, tail) = tell("one\ntwo\n");
        assert_eq!((telling, &*tail), (Some("two"), "one\ntwo"));
        assert_eq!(tell(""), (None, String::new()));
    }

    #[test]
    fn arguments_are_quoted_whole() {
        let arguments = ["-Dk=a b", "#no comment", "say \"hi\" to C:\\x", "two\nlines"].map(str::to_owned);
        assert_eq!(
            argument_file(&arguments),
            "\"-Dk=a b\"\n\"#no comment\"\n\"say \\\"hi\\\" to C:\\\\x\"\n\"two\\nlines\"\n"
        );
    }
}
