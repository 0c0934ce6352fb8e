//! Which Java runs Flink.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Flink 1.19 to 2.3 run on nothing older (1.x did on 8, but not with the options that newer ones need).
const LEAST_VERSION: u32 = 11;

const EXECUTABLE: &str = if cfg!(windows) { "java.exe" } else { "java" };

/// Where to look. The first that is set decides: one that is set and wrong is an error, and not passed over.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// A folder, and what named it.
    pub(super) configured: Option<(PathBuf, String)>,
    pub(super) java_home: Option<OsString>,
    pub(super) path: Option<OsString>,
}

impl Places {
    /// `configured`, then the environment.
    pub(super) fn new(configured: Option<(PathBuf, String)>) -> Self {
        Self { configured, java_home: env::var_os("JAVA_HOME"), path: env::var_os("PATH") }
    }

    /// The Java to use; [`Java::check`] says whether it will do.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], saying where was looked.
    pub(super) fn find(&self) -> Result<Java> {
        if let Some((home, source)) = &self.configured {
            return in_home(home, source);
        }
        if let Some(home) = self.java_home.as_ref().filter(|home| !home.is_empty()) {
            return in_home(Path::new(home), "JAVA_HOME");
        }
        let folders = self.path.iter().flat_map(env::split_paths);
        let found = folders.map(|folder| folder.join(EXECUTABLE)).find(|java| java.is_file());
        let Some(java) = found else {
            return Err(Error::new(
                ErrorKind::Configuration,
                "no Java: env.java.home and JAVA_HOME are not set, and there is no java in PATH",
            )
            .with_hint("install a Java 11 or newer, or set JAVA_HOME to its folder"));
        };
        // Behind the usual links is a folder that says of what version it is.
        let real = fs::canonicalize(&java).unwrap_or(java);
        let home = real.parent().and_then(Path::parent).map(Path::to_owned);
        let source = format!("{} in PATH", real.display());
        Ok(Java { version: home.as_deref().and_then(released), executable: real, source })
    }
}

fn in_home(home: &Path, source: &str) -> Result<Java> {
    let executable = home.join("bin").join(EXECUTABLE);
    if !executable.is_file() {
        let message = format!(
            "{source} is {}, and there is no {}",
            home.display(),
            Path::new("bin").join(EXECUTABLE).display()
        );
        return Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("it is to be the folder of a Java 11 or newer, the one that has the folder bin"));
    }
    // A relative one would be looked for in another folder by the processes.
    let executable = std::path::absolute(&executable).unwrap_or(executable);
    Ok(Java { executable, version: released(home), source: format!("{source} = {}", home.display()) })
}

#[derive(Debug)]
pub(super) struct Java {
    pub(super) executable: PathBuf,
    /// What its folder says; `None` if it says nothing, so that it has to be asked.
    pub(super) version: Option<String>,
    /// What led to it.
    source: String,
}

impl Java {
    /// # Errors
    /// [`ErrorKind::Configuration`], saying what was found and where, if it is too old for Flink.
    pub(super) fn check(&self, version: &str) -> Result<()> {
        let told = match feature_of(version) {
            Some(feature) if feature >= LEAST_VERSION => return Ok(()),
            Some(_) => format!("is Java {version}"),
            None => format!("says that its version is {version:?}"),
        };
        let message =
            format!("the Java found ({}) {told}, but Flink needs {LEAST_VERSION} or newer", self.source);
        Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("set JAVA_HOME to the folder of another, or env.java.home in the configuration"))
    }

    /// The version in what `java -version` prints.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] if there is none.
    pub(super) fn version_in(&self, printed: &str) -> Result<String> {
        // Other lines may come before: of options that it picked up from the environment.
        let line = printed.lines().find(|line| line.contains(" version \""));
        let version = line.and_then(|line| line.split('"').nth(1));
        version.map(str::to_owned).ok_or_else(|| {
            let message =
                format!("the Java found ({}) does not say its version: {:?}", self.source, printed.trim());
            Error::new(ErrorKind::Process, message)
        })
    }
}

/// What the file `release` in a Java's folder says.
fn released(home: &Path) -> Option<String> {
    let text = fs::read_to_string(home.join("release")).ok()?;
    let value = text.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
    Some(value.trim_matches('"').to_owned())
}

/// 17 of `17.0.15`, 8 of `1.8.0_392`, 25 of `25-ea`.
fn feature_of(version: &str) -> Option<u32> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    match numbers.next()?? {
        1 => numbers.next()?,
        feature => Some(feature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A folder that looks like a Java's.
    fn home(release: Option<&str>) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        fs::write(home.path().join("bin").join(EXECUTABLE), "").unwrap();
        if let Some(release) = release {
            fs::write(home.path().join("release"), release).unwrap();
        }
        home
    }

    fn configured(home: &Path) -> Option<(PathBuf, String)> {
        Some((home.to_owned(), "env.java.home".to_owned()))
    }

    #[test]
    fn the_configuration_comes_before_java_home_and_that_before_path() {
        let [first, second, third] = [11, 17, 21]
            .map(|version| home(Some(&format!("IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"{version}.0.1\"\n"))));
        let mut places = Places {
            configured: configured(first.path()),
            java_home: Some(second.path().into()),
            path: Some(third.path().join("bin").into()),
        };
        for expected in ["11.0.1", "17.0.1", "21.0.1"] {
            let java = places.find().unwrap();
            let version = java.version.as_deref().unwrap();
            assert_eq!(version, expected, "{java:?}");
            java.check(version).unwrap();
            match places.configured.take() {
                Some(_) => {}
                None => places.java_home = None,
            }
        }
    }

    #[test]
    fn a_place_that_is_set_and_wrong_is_an_error_that_names_it() {
        let (empty, good) = (tempfile::tempdir().unwrap(), home(None));
        let places = Places {
            configured: None,
            java_home: Some(empty.path().into()),
            path: Some(good.path().join("bin").into()),
        };
        let error = places.find().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("JAVA_HOME is {}, and there is no ", empty.path().display())),
            "{text}"
        );

        let places = Places { configured: configured(Path::new("/nowhere")), ..places };
        assert!(places.find().unwrap_err().to_string().starts_with("env.java.home is /nowhere"));
    }

    #[test]
    fn no_java_at_all_says_where_was_looked() {
        let empty = tempfile::tempdir().unwrap();
        let error = Places { path: Some(empty.path().into()), ..Places::default() }.find().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        for place in ["env.java.home", "JAVA_HOME", "PATH"] {
            assert!(error.to_string().contains(place), "{error}");
        }
    }

    #[test]
    fn a_java_that_is_too_old_is_refused_with_what_was_found() {
        let old = home(Some("JAVA_VERSION=\"1.8.0_392\"\n"));
        let java = Places { configured: configured(old.path()), ..Places::default() }.find().unwrap();
        let error = java.check(java.version.as_deref().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let text = error.to_string();
        assert!(text.contains(&format!("env.java.home = {}", old.path().display())), "{text}");
        assert!(text.contains("is Java 1.8.0_392, but Flink needs 11 or newer"), "{text}");
    }

    #[test]
    fn versions_are_read_in_all_their_forms() {
        for (version, feature) in [
            ("17.0.15", Some(17)),
            ("1.8.0_392", Some(8)),
            ("11", Some(11)),
            ("25-ea", Some(25)),
            ("", None),
            ("next", None),
            ("1", None),
        ] {
            assert_eq!(feature_of(version), feature, "{version}");
        }
        let java = Places { configured: configured(home(None).path()), ..Places::default() };
        assert!(java.find().is_err(), "the folder is gone");
        let folder = home(None);
        let java = Places { configured: configured(folder.path()), ..Places::default() }.find().unwrap();
        assert_eq!(java.version, None);
        let printed =
            "Picked up JAVA_TOOL_OPTIONS: -Dversion=\"9\"\nopenjdk version \"17.0.15\" 2025-04-15\nmore\n";
        assert_eq!(java.version_in(printed).unwrap(), "17.0.15");
        assert_eq!(java.version_in("no such option").unwrap_err().kind(), ErrorKind::Process);
    }
}
