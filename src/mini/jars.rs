//! Uploaded jars: kept in a directory of the cluster's own, and read as far as their manifest.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::exception::JavaException;
use super::{wording, zip};
use crate::details::{JarEntry, JarInfo};
use crate::ids::TriggerId;

/// The smallest jar there is: an archive with nothing in it.
///
/// For tests. The programs of a [`MiniCluster`](super::MiniCluster) are registered, not uploaded, so any jar will do for
/// a tool that uploads one.
///
/// # Examples
/// ```
/// use flink_client::mini::{EMPTY_JAR, MiniCluster, MiniClusterConfiguration, MiniJob};
/// use flink_client::prelude::*;
/// use flink_client::{Error, ExecutionPlan};
///
/// let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
/// cluster.register_program("com.acme.Etl", |_program| MiniJob::new("etl").vertex("source", 1, |_task| Ok(())));
///
/// let jar = std::env::temp_dir().join(format!("stand-in-{}.jar", std::process::id()));
/// std::fs::write(&jar, EMPTY_JAR).map_err(Error::other)?;
/// let job = cluster.client().submit_job(ExecutionPlan::jar(&jar).entry_class("com.acme.Etl")).wait()?;
/// assert!(cluster.client().job_result(job).wait()?.is_success());
/// # std::fs::remove_file(&jar).map_err(Error::other)?;
/// # Ok::<(), Error>(())
/// ```
pub const EMPTY_JAR: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The directory of uploaded jars. It goes with the cluster, unless it was there before.
#[derive(Debug)]
pub(crate) struct Jars {
    directory: PathBuf,
    ours: bool,
}

impl Jars {
    /// Below `web.upload.dir`, else a new directory for temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(upload_directory: Option<&str>) -> io::Result<Self> {
        let (directory, ours) = match upload_directory {
            Some(directory) => (PathBuf::from(directory).join("flink-web-upload"), false),
            None => {
                let name = format!("flink-web-{}", TriggerId::random());
                (std::env::temp_dir().join(name).join("flink-web-upload"), true)
            }
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        // Jars are programs: nobody else may change or read them.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory)?;
        Ok(Self { directory: std::path::absolute(directory)?, ours })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Stores a jar, reading it to its end; the path that it now has. Its last component is the jar's id.
    ///
    /// What is in it is looked at when it is run, as in Flink.
    ///
    /// # Errors
    /// Flink's, if its name is not a jar's; an `IOException`, if it cannot be stored.
    pub(crate) fn store(&self, name: &str, content: &mut dyn Read) -> Result<PathBuf, JavaException> {
        let path = self.new_path(name)?;
        let stored = (|| {
            let mut file = File::create_new(&path)?;
            io::copy(content, &mut file)?;
            file.flush()
        })();
        if let Err(error) = stored {
            let _ = fs::remove_file(&path);
            return Err(JavaException::new("java.io.IOException", error.to_string()));
        }
        Ok(path)
    }

    /// Makes a file of this directory a jar, as [`store`](Self::store) does with what is read.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn adopt(&self, name: &str, file: &Path) -> Result<PathBuf, JavaException> {
        let path = self.new_path(name)?;
        match fs::rename(file, &path) {
            Ok(()) => Ok(path),
            Err(error) => Err(JavaException::new("java.io.IOException", error.to_string())),
        }
    }

    fn new_path(&self, name: &str) -> Result<PathBuf, JavaException> {
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        if !name.ends_with(".jar") || name.contains('\0') {
            return Err(wording::not_a_jar_name());
        }
        Ok(self.directory.join(format!("{}_{name}", uuid())))
    }

    /// The newest first.
    pub(crate) fn list(&self) -> Vec<JarInfo> {
        let mut jars: Vec<_> = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let id = entry.file_name().into_string().ok()?;
                let name = self::name(&id);
                if name.len() == id.len() || !name.ends_with(".jar") {
                    return None;
                }
                let uploaded = entry.metadata().ok()?.modified().ok()?;
                let uploaded = uploaded.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
                let entries = zip::main_class(&entry.path()).ok().flatten();
                let entries = entries.into_iter().map(|name| JarEntry { name, description: None });
                Some(JarInfo {
                    name: name.to_owned(),
                    uploaded: uploaded.try_into().unwrap_or(i64::MAX),
                    entries: entries.collect(),
                    id,
                })
            })
            .collect();
        jars.sort_by(|a, b| (b.uploaded, &b.id).cmp(&(a.uploaded, &a.id)));
        jars
    }

    /// # Errors
    /// Flink's, if there is no such jar.
    pub(crate) fn delete(&self, id: &str) -> Result<(), JavaException> {
        let missing = || wording::jar_to_delete_not_found(id, &self.directory.to_string_lossy());
        let path = self.path(id).ok_or_else(missing)?;
        fs::remove_file(path).map_err(|error| JavaException::new("java.io.IOException", error.to_string()))
    }

    /// The file of a jar, by its id: a name in this directory and nothing else.
    fn path(&self, id: &str) -> Option<PathBuf> {
        let plain = !id.is_empty() && !id.contains(['/', '\\', '\0']) && id != "." && id != "..";
        Some(self.directory.join(id)).filter(|path| plain && path.is_file())
    }

    /// The class that a run of the jar begins with.
    ///
    /// # Errors
    /// Flink's: there is no such jar, it is none, or names no class and none is given.
    pub(crate) fn entry_class(&self, id: &str, given: Option<&str>) -> Result<String, JavaException> {
        let path = self.path(id).ok_or_else(|| {
            // Flink shows the path that it looked at.
            wording::jar_not_found(&self.directory.join(id).to_string_lossy())
        })?;
        entry_class(&path, given)
    }

    pub(crate) fn remove_all(&self) {
        if self.ours {
            let whole = self.directory.parent().unwrap_or(&self.directory);
            if let Err(error) = fs::remove_dir_all(whole) {
                log::debug!("the mini cluster leaves {}: {error}", whole.display());
            }
        }
    }
}

/// What the file was called when it was uploaded: what follows the id's own part.
pub(crate) fn name(id: &str) -> &str {
    id.split_once('_').map_or(id, |(_, name)| name)
}

pub(crate) fn entry_class(path: &Path, given: Option<&str>) -> Result<String, JavaException> {
    let named = zip::main_class(path)
        .map_err(|error| wording::jar_unreadable(&path.to_string_lossy(), &error.to_string()))?;
    given.map(str::to_owned).filter(|class| !class.is_empty()).or(named).ok_or_else(wording::no_entry_class)
}

/// A random id in the form that Java writes.
fn uuid() -> String {
    let hex = TriggerId::random().to_string();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jar_is_stored_listed_and_deleted_and_goes_with_the_cluster() {
        let jars = Jars::open(None).unwrap();
        let path = jars.store("../../a/etl.jar", &mut &b"no jar at all"[..]).unwrap();
        assert_eq!(path.parent(), Some(jars.directory()));
        let id = path.file_name().unwrap().to_str().unwrap();
        let listed = jars.list();
        assert_eq!((listed[0].id.as_str(), listed[0].name.as_str()), (id, "etl.jar"));
        assert!(listed[0].entries.is_empty());
        assert!(jars.entry_class(id, None).unwrap_err().is_or_has("java.util.zip.ZipException"));
        jars.delete(id).unwrap();
        let gone = jars.delete(id).unwrap_err();
        assert!(gone.to_string().contains(&format!("File {id} does not exist in ")), "{gone}");
        jars.remove_all();
        assert!(!jars.directory().parent().unwrap().exists());
    }

    #[test]
    fn an_id_cannot_leave_the_directory() {
        let jars = Jars::open(None).unwrap();
        fs::write(jars.directory().parent().unwrap().join("outside.jar"), "").unwrap();
        for id in ["../outside.jar", "..", ".", "", "a/../../outside.jar", "a\0.jar"] {
            assert!(jars.delete(id).is_err() && jars.entry_class(id, Some("A")).is_err(), "{id:?}");
        }
        assert!(jars.store("etl.zip", &mut &b""[..]).is_err());
        jars.remove_all();
    }
}
