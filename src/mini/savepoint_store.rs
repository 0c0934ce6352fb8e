//! Checkpoints and savepoints in files: written whole or not at all, read with suspicion.
//!
//! A savepoint is a directory with one file, `_metadata`. It is written to a directory of another name beside it, synced
//! to disk, and renamed, so that a crash leaves a whole one or none that anybody would take for one.

use std::collections::BTreeMap;
use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::exception::JavaException;
use super::task::StateSnapshot;
use crate::ids::JobId;
use crate::savepoint::SavepointFormatType;

/// A checkpoint or savepoint: all state of a job at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) checkpoint: u64,
    pub(crate) job: JobId,
    pub(crate) savepoint: Option<SavepointFormatType>,
    /// By uid.
    pub(crate) operators: BTreeMap<String, OperatorSnapshot>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OperatorSnapshot {
    pub(crate) max_parallelism: u32,
    /// For each task its states, by name.
    pub(crate) tasks: Vec<BTreeMap<String, StateSnapshot>>,
}

impl OperatorSnapshot {
    pub(crate) fn has_state(&self) -> bool {
        self.tasks.iter().any(|task| task.values().any(|state| !state.elements.is_empty()))
    }
}

/// Flink's own first four bytes; what follows is not Flink's, and says so by its version.
const MAGIC: u32 = 0x4960_672d;
const VERSION: u32 = 0x6d69_6e69;
const METADATA: &str = "_metadata";

fn io(error: &io::Error) -> JavaException {
    JavaException::new("java.io.IOException", error.to_string())
}

/// The local path of a URI or plain path, without `..`.
///
/// # Errors
/// Flink's, if it has another scheme than `file`, or none that can be a path.
pub(crate) fn local_path(location: &str) -> Result<PathBuf, JavaException> {
    let path = match location.split_once(':') {
        Some(("file", rest)) => match rest.strip_prefix("//") {
            // No host, or this one.
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => rest,
        },
        Some((scheme, rest)) if is_scheme(scheme) && !rest.starts_with('\\') => {
            return Err(JavaException::new(
                "org.apache.flink.core.fs.UnsupportedFileSystemSchemeException",
                format!(
                    "Could not find a file system implementation for scheme '{scheme}'. The scheme is not directly \
                     supported by Flink and no Hadoop file system to support this scheme could be loaded."
                ),
            ));
        }
        _ => location,
    };
    let path = Path::new(path);
    if path.as_os_str().is_empty() || path.as_os_str().to_string_lossy().contains('\0') {
        return Err(JavaException::new(
            "java.lang.IllegalArgumentException",
            format!("Checkpoint/savepoint path '{location}' is not a valid file URI."),
        ));
    }
    std::path::absolute(path).map(|path| normal(&path)).map_err(|error| io(&error))
}

/// Without `..`, by the text alone, as Flink reads paths. What is made on the way to a path is then above it, and never
/// what the path leaves again.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => _ = normal.pop(),
            other => normal.push(other),
        }
    }
    normal
}

/// A drive letter is none.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// As Flink writes it: one slash.
pub(crate) fn uri(path: &Path) -> String {
    let text: String = path
        .components()
        .map(|component| match component {
            Component::RootDir => String::new(),
            other => format!("/{}", other.as_os_str().to_string_lossy()),
        })
        .collect();
    format!("file:{}", if text.is_empty() { "/" } else { &text })
}

/// Makes the directory that a savepoint or checkpoint is going to be in, and its parents.
///
/// # Errors
/// Flink's text, and nothing of the reason, as Flink.
pub(crate) fn make_location(directory: &Path, name: &str) -> Result<PathBuf, JavaException> {
    let location = directory.join(name);
    let made = fs::create_dir_all(directory).and_then(|()| {
        // Whether anything can be written there shows only by trying.
        let trial = working_directory(&location);
        fs::create_dir(&trial)?;
        fs::remove_dir(&trial)
    });
    match made {
        Ok(()) => Ok(location),
        Err(error) => {
            log::debug!("no savepoint directory at {}: {error}", directory.display());
            let text = format!("Failed to create savepoint directory at {}", uri(directory));
            Err(JavaException::new("java.io.IOException", text))
        }
    }
}

fn working_directory(location: &Path) -> PathBuf {
    let name = location.file_name().unwrap_or_default().to_string_lossy();
    location.with_file_name(format!(".{name}.part"))
}

/// Writes a snapshot to `location`; its length.
///
/// # Errors
/// An `IOException`. Nothing is left at `location` then.
pub(crate) fn write(location: &Path, snapshot: &Snapshot) -> Result<u64, JavaException> {
    let bytes = encode(snapshot)?;
    let working = working_directory(location);
    let written = (|| {
        fs::create_dir(&working)?;
        let mut file = File::create_new(working.join(METADATA))?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        sync_directory(&working)?;
        fs::rename(&working, location)?;
        // The rename itself is durable when the parent is.
        location.parent().map_or(Ok(()), sync_directory)
    })();
    match written {
        Ok(()) => Ok(bytes.len() as u64),
        Err(error) => {
            let _ = fs::remove_file(working.join(METADATA));
            let _ = fs::remove_dir(&working);
            Err(io(&error))
        }
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Other systems cannot open a directory; their renames are journalled.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, JavaException> {
    let body = serde_json::to_vec(snapshot)
        .map_err(|error| JavaException::new("java.io.IOException", error.to_string()))?;
    let mut bytes = Vec::with_capacity(body.len() + 24);
    bytes.extend_from_slice(&MAGIC.to_be_bytes());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&checksum(&body));
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn checksum(body: &[u8]) -> [u8; 16] {
    super::hash::murmur3(body)
}

/// Reads the snapshot that a savepoint's path names: its directory or its file.
///
/// # Errors
/// Flink's: there is nothing, it has no metadata, or it is no savepoint or a damaged one.
pub(crate) fn read(location: &str) -> Result<Snapshot, JavaException> {
    let file = metadata_file(location)?;
    decode(&file)
}

fn metadata_file(location: &str) -> Result<PathBuf, JavaException> {
    let not_found = |text: String| JavaException::new("java.io.FileNotFoundException", text);
    let path = local_path(location)?;
    let kind = fs::metadata(&path).map(|found| found.file_type());
    if kind.as_ref().is_ok_and(FileType::is_file) {
        return Ok(path);
    }
    // Nothing else is opened: a named pipe would wait for who writes to it.
    if !kind.is_ok_and(|kind| kind.is_dir()) {
        return Err(not_found(format!(
            "Cannot find checkpoint or savepoint file/directory '{location}' on file system 'file'."
        )));
    }
    let file = path.join(METADATA);
    if file.is_file() {
        return Ok(file);
    }
    Err(not_found(format!(
        "Cannot find meta data file '{METADATA}' in directory '{location}'. Please try to load the \
         checkpoint/savepoint directly from the metadata file instead of the directory."
    )))
}

fn decode(path: &Path) -> Result<Snapshot, JavaException> {
    let mut file = File::open(path).map_err(|error| io(&error))?;
    let mut head = [0; 32];
    if let Err(error) = file.read_exact(&mut head) {
        return Err(match error.kind() {
            ErrorKind::UnexpectedEof => not_a_savepoint(0),
            _ => io(&error),
        });
    }
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if word(0) != MAGIC {
        return Err(not_a_savepoint(word(0)));
    }
    if word(4) != VERSION {
        return Err(JavaException::new(
            "java.lang.IllegalArgumentException",
            format!("No savepoint serializer for savepoint version {}.", word(4)),
        ));
    }
    let damaged = || JavaException::new("java.io.IOException", "The savepoint file has been corrupted.");
    let length = u64::from(word(8)) << 32 | u64::from(word(12));
    // The file's own length bounds what is read, whatever the head says.
    let mut body = Vec::new();
    file.read_to_end(&mut body).map_err(|error| io(&error))?;
    if body.len() as u64 != length || checksum(&body) != head[16..32] {
        return Err(damaged());
    }
    serde_json::from_slice(&body).map_err(|_| damaged())
}

fn not_a_savepoint(magic: u32) -> JavaException {
    JavaException::new(
        "java.io.IOException",
        format!(
            "Unexpected magic number {magic}. This can have multiple reasons: (1) You are trying to load a Flink \
             1.0 savepoint, which is not supported by this version of Flink. (2) The file you were pointing to is \
             not a savepoint at all. (3) The savepoint file has been corrupted."
        ),
    )
}

/// Removes a savepoint. Only what is one is touched.
///
/// # Errors
/// As [`read`], or the files cannot be removed.
pub(crate) fn dispose(location: &str) -> Result<(), JavaException> {
    let file = metadata_file(location)?;
    decode(&file)?;
    fs::remove_file(&file).map_err(|error| io(&error))?;
    if let Some(directory) = file.parent() {
        // Something else may be in it, which is not ours.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mini::task::StateKind;

    fn snapshot() -> Snapshot {
        let state = StateSnapshot { kind: StateKind::List, elements: vec![serde_json::json!([1, "a"])] };
        let tasks = vec![BTreeMap::from([("list".to_owned(), state)]), BTreeMap::new()];
        Snapshot {
            checkpoint: 7,
            job: JobId::from_bytes([3; 16]),
            savepoint: Some(SavepointFormatType::Native),
            operators: BTreeMap::from([("uid".into(), OperatorSnapshot { max_parallelism: 128, tasks })]),
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_written_is_read_back_by_directory_and_by_file() {
        let directory = tempfile::tempdir().unwrap();
        let location = make_location(&directory.path().join("deep/er"), "savepoint-1").unwrap();
        write(&location, &snapshot()).unwrap();
        assert_eq!(names(location.parent().unwrap()), ["savepoint-1"]);
        assert_eq!(read(&uri(&location)).unwrap(), snapshot());
        assert_eq!(read(&location.join(METADATA).to_string_lossy()).unwrap(), snapshot());
        dispose(&uri(&location)).unwrap();
        assert!(!location.exists());
        let gone = dispose(&uri(&location)).unwrap_err();
        assert_eq!(gone.class(), "java.io.FileNotFoundException");
        assert!(
            gone.to_string().contains("Cannot find checkpoint or savepoint file/directory 'file:/"),
            "{gone}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_neither_a_file_nor_a_directory_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&socket, Path::new("/dev/null")] {
            for refused in [read(&uri(path)).unwrap_err(), dispose(&uri(path)).unwrap_err()] {
                assert_eq!(refused.class(), "java.io.FileNotFoundException", "{refused}");
            }
        }
        assert!(socket.exists());
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let location = make_location(directory.path(), "savepoint-1").unwrap();
        fs::create_dir(&location).unwrap();
        fs::write(location.join("occupied"), "").unwrap();
        assert!(write(&location, &snapshot()).is_err());
        assert_eq!(names(directory.path()), ["savepoint-1"]);
        assert_eq!(names(&location), ["occupied"]);
    }

    #[test]
    fn every_damaged_byte_and_every_length_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let location = make_location(directory.path(), "savepoint-1").unwrap();
        write(&location, &snapshot()).unwrap();
        let file = location.join(METADATA);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            fs::write(&file, &bytes).unwrap();
            assert!(read(&uri(&location)).is_err(), "byte {at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert!(read(&uri(&location)).is_err(), "length {at}");
            assert!(dispose(&uri(&location)).is_err(), "what is no savepoint is not removed");
        }
        fs::write(&file, "not a savepoint at all, whatever its name says").unwrap();
        let refused = read(&uri(&location)).unwrap_err();
        assert!(refused.to_string().contains("not a savepoint at all"), "{refused}");
    }

    #[test]
    fn paths_are_uris_or_plain_and_other_schemes_are_refused() {
        for text in ["file:/a/b", "file:///a/b", "file://localhost/a/b", "/a/b"] {
            assert_eq!(uri(&local_path(text).unwrap()), "file:/a/b", "{text}");
        }
        let s3 = local_path("s3://bucket/a").unwrap_err();
        assert!(s3.to_string().contains("scheme 's3'"), "{s3}");
        assert!(local_path("").is_err());
        let refused = make_location(Path::new("/proc/nowhere"), "savepoint-1").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "java.io.IOException: Failed to create savepoint directory at file:/proc/nowhere"
        );
    }
}
