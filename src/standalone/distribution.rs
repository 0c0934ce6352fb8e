//! Where Flink's jars are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// A Flink of some version: the class path of its processes, and what goes beside it.
#[derive(Debug)]
pub(super) struct Distribution {
    pub(super) home: PathBuf,
    /// Such as `2.3.0`.
    pub(super) version: String,
    /// Every jar; Flink's own is the last, as its start scripts have it.
    pub(super) jars: Vec<PathBuf>,
    pub(super) plugins: Option<PathBuf>,
}

/// Below a home, in this order: the usual layout (a tarball's, or that of PyPI's package), the jars themselves, and what
/// PyPI's packages are unpacked to.
const LAYOUTS: [&str; 4] = ["lib", "", "pyflink/lib", "deps/lib"];

impl Distribution {
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no Flink, or more than one; [`ErrorKind::Unsupported`] for one that does
    /// not read a `config.yaml`; [`ErrorKind::LocalFile`] if the folder cannot be read.
    pub(super) fn find(home: &Path) -> Result<Self> {
        let home = fs::canonicalize(home).map_err(|error| unreadable(home, &error))?;
        for layout in LAYOUTS {
            let folder = if layout.is_empty() { home.clone() } else { home.join(layout) };
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let mut jars = Vec::new();
            for entry in entries {
                let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
                if path.extension().is_some_and(|extension| extension == "jar") {
                    jars.push(path);
                }
            }
            jars.sort();
            let mut flinks = jars.iter().filter_map(|jar| Some((version_of(jar)?, jar.clone())));
            let Some((version, flink)) = flinks.next() else { continue };
            if let Some((other, _)) = flinks.next() {
                let message = format!("{} has Flink {version} and Flink {other} in it", folder.display());
                return Err(Error::new(ErrorKind::Configuration, message).with_hint("remove one of them"));
            }
            jars.retain(|jar| *jar != flink);
            jars.push(flink);
            check(&version)?;
            let root = if layout.is_empty() { &folder } else { folder.parent().unwrap_or(&folder) };
            let plugins = Some(root.join("plugins")).filter(|plugins| plugins.is_dir());
            return Ok(Self { home: root.to_owned(), version, jars, plugins });
        }
        let message = format!(
            "no Flink in {}: there is no flink-dist-….jar in it or in its folder lib",
            home.display()
        );
        Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("FLINK_HOME is the folder of an unpacked Flink, or one with all of its jars"))
    }
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::LocalFile,
        format!("cannot read the folder of Flink, {}: {error}", folder.display()),
    )
    .with_hint("FLINK_HOME is the folder of an unpacked Flink, or one with all of its jars")
}

/// `2.3.0` of `flink-dist-2.3.0.jar`, `1.14.6` of `flink-dist_2.12-1.14.6.jar`.
fn version_of(jar: &Path) -> Option<String> {
    let name = jar.file_name()?.to_str()?.strip_suffix(".jar")?.strip_prefix("flink-dist")?;
    let (scala, version) = name.split_once('-')?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    ((scala.is_empty() || scala.starts_with('_')) && is_version).then(|| version.to_owned())
}

/// Flink reads `config.yaml` since 1.19.
fn check(version: &str) -> Result<()> {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (1, 19) => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            format!("this library starts Flink 1.19 and newer, and this is Flink {version}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(jars: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for jar in jars {
            let jar = folder.path().join(jar);
            fs::create_dir_all(jar.parent().unwrap()).unwrap();
            fs::write(jar, "").unwrap();
        }
        folder
    }

    fn names(distribution: &Distribution) -> Vec<&str> {
        distribution.jars.iter().map(|jar| jar.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn every_layout_is_found_and_flinks_own_jar_comes_last() {
        for layout in ["lib/", "", "pyflink/lib/", "deps/lib/"] {
            let jars = ["flink-dist-2.3.0.jar", "log4j-core.jar", "flink-cep-2.3.0.jar", "README.txt"];
            let jars = jars.map(|jar| format!("{layout}{jar}"));
            let folder = folder_of(&jars.each_ref().map(String::as_str));
            let distribution = Distribution::find(folder.path()).unwrap();
            assert_eq!(distribution.version, "2.3.0");
            assert_eq!(
                names(&distribution),
                ["flink-cep-2.3.0.jar", "log4j-core.jar", "flink-dist-2.3.0.jar"]
            );
            assert_eq!(distribution.plugins, None);
        }
    }

    #[test]
    fn plugins_beside_the_jars_are_found() {
        let folder = folder_of(&["lib/flink-dist-1.20.5.jar", "plugins/metrics-jmx/metrics.jar"]);
        let distribution = Distribution::find(folder.path()).unwrap();
        let home = fs::canonicalize(folder.path()).unwrap();
        assert_eq!(distribution.plugins, Some(home.join("plugins")));
        assert_eq!(distribution.home, home);
    }

    #[test]
    fn a_folder_without_flink_or_with_two_is_refused() {
        let error = Distribution::find(folder_of(&["lib/log4j-core.jar"]).path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("no flink-dist-….jar"), "{error}");
        let two = folder_of(&["lib/flink-dist-1.20.5.jar", "lib/flink-dist-2.3.0.jar"]);
        let error = Distribution::find(two.path()).unwrap_err();
        assert!(error.to_string().contains("has Flink 1.20.5 and Flink 2.3.0 in it"), "{error}");
        let error = Distribution::find(Path::new("/no/such/folder")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalFile);
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }

    #[test]
    fn a_flink_that_reads_no_config_yaml_is_unsupported() {
        for (jar, version) in [("flink-dist-1.18.1.jar", "1.18.1"), ("flink-dist_2.12-1.14.6.jar", "1.14.6")]
        {
            let error = Distribution::find(folder_of(&[jar]).path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(&format!("Flink {version}")), "{error}");
        }
        Distribution::find(folder_of(&["flink-dist-1.19.0.jar"]).path()).unwrap();
        Distribution::find(folder_of(&["flink-dist-2.3-SNAPSHOT.jar"]).path()).unwrap();
    }
}
