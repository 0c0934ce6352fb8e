//! Configuration files: `config.yaml` and the line format of `flink-conf.yaml`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::Configuration;
use super::origin::Origin;
use crate::error::{Error, ErrorKind, Result};

/// The name since Flink 1.19.
const STANDARD: &str = "config.yaml";
/// The name, and another format, before; read up to 1.20.
const LEGACY: &str = "flink-conf.yaml";

/// Reads the configuration file of `directory`.
pub(super) fn read_directory(directory: &Path) -> Result<Configuration> {
    let (standard, legacy) = (directory.join(STANDARD), directory.join(LEGACY));
    match (is_there(&standard)?, is_there(&legacy)?) {
        (true, true) => {
            log::warn!("{}: read; {STANDARD} beside it is ignored, as Flink 1.x does", legacy.display());
            read_file(&legacy)
        }
        (false, true) => read_file(&legacy),
        (true, false) => read_file(&standard),
        (false, false) => Err(Error::new(
            ErrorKind::LocalFile,
            format!("{}: there is neither {STANDARD} nor {LEGACY} in it", directory.display()),
        )
        .with_hint("give the conf directory of a Flink distribution")),
    }
}

/// Reads one file, in the format that its name says.
pub(super) fn read_file(path: &Path) -> Result<Configuration> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = line_of(error.as_bytes(), error.utf8_error().valid_up_to());
        Error::new(ErrorKind::Configuration, format!("{}:{line}: not UTF-8", path.display()))
            .with_source(error.utf8_error())
    })?;
    let path: Arc<Path> = path.into();
    if path.file_name().is_some_and(|name| name == LEGACY) {
        Ok(from_lines(&path, &text))
    } else {
        from_yaml(&path, &text)
    }
}

fn is_there(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, format!("{}: cannot be read: {error}", path.display()))
        .with_source(error)
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    1 + bytes.iter().take(offset).filter(|byte| **byte == b'\n').count()
}

#[cfg(feature = "yaml")]
fn from_yaml(path: &Arc<Path>, text: &str) -> Result<Configuration> {
    let entries = super::yaml::parse(text).map_err(|error| {
        let line = format!("{}:{}:{}: {}", path.display(), error.line, error.column, error.message);
        Error::new(ErrorKind::Configuration, line).with_source(error)
    })?;
    let mut configuration = Configuration::new();
    for entry in entries {
        set(&mut configuration, path, entry.line, entry.key, entry.value);
    }
    Ok(configuration)
}

/// Reading only simple lines here would take a nested file for an almost empty one.
#[cfg(not(feature = "yaml"))]
fn from_yaml(path: &Arc<Path>, _text: &str) -> Result<Configuration> {
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{}: this build of flink-client reads no YAML", path.display()),
    )
    .with_hint(
        "enable the feature `yaml`, or name the file flink-conf.yaml if it has only lines `key: value`",
    ))
}

/// The line format: `key: value`, comments from any `#`. A line that is anything else is skipped with a warning, as
/// Flink does.
fn from_lines(path: &Arc<Path>, text: &str) -> Configuration {
    let mut configuration = Configuration::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match line.split_once(": ").map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                set(&mut configuration, path, number, key.to_owned(), value.to_owned());
            }
            // The line itself may hold a secret.
            _ => log::warn!("{}:{number}: not of the form `key: value`, ignored", path.display()),
        }
    }
    configuration
}

/// The later of two entries of one key holds, as in Flink, but not silently.
fn set(configuration: &mut Configuration, path: &Arc<Path>, line: u64, key: String, value: String) {
    if configuration.get_raw(&key).is_some() {
        log::warn!("{}:{line}: {key} is set again, the former value is ignored", path.display());
    }
    configuration.insert(key, value, Origin::File { path: path.clone(), line });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> String {
        from_lines(&Path::new(LEGACY).into(), text)
            .iter()
            .map(|(key, value)| format!("<{key}={value}>"))
            .collect()
    }

    #[test]
    fn lines_are_read_as_flink_1_reads_them() {
        // Every row but the byte order mark was answered so by GlobalConfiguration of 1.20.5.
        for (text, entries) in [
            ("a: 1", "<a=1>"),
            ("a : 1", "<a=1>"),
            ("a:1", ""),
            ("a: 1 # c", "<a=1>"),
            ("a: x#y", "<a=x>"),
            ("# c", ""),
            ("a:", ""),
            ("a: ", ""),
            ("b", ""),
            ("  a:   x y  ", "<a=x y>"),
            ("a: b: c", "<a=b: c>"),
            ("a: 1\na: 2", "<a=2>"),
            ("\ta: 1", "<a=1>"),
            ("a:\t1", ""),
            ("a: '1'", "<a='1'>"),
            ("a: [x, y]", "<a=[x, y]>"),
            ("a:\n  b: 1", "<b=1>"),
            (": x", ""),
            ("a: 1\r\nb: 2\r\n", "<a=1><b=2>"),
            ("a: 1\rb: 2", "<a=1><b=2>"),
            ("a: x: #c", "<a=x:>"),
            ("-: x", "<-=x>"),
            ("\u{feff}a: 1", "<a=1>"),
        ] {
            assert_eq!(lines(text), entries, "{text:?}");
        }
    }
}
