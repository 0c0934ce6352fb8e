//! Flink's configuration: a map of texts with typed access.

mod duration;
mod dynamic;
mod file;
mod flow;
mod memory;
mod node;
mod option;
pub mod options;
mod origin;
pub(crate) mod secret;
mod split;
mod value;
#[cfg(feature = "yaml")]
mod yaml;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

pub use self::memory::MemorySize;
use self::node::{Node, write_text};
pub use self::option::ConfigOption;
use self::origin::Origin;
pub use self::value::{ConfigValue, IntoConfigValue, InvalidValue};
use crate::error::{Error, ErrorKind, Result};

/// Longer values are cut in errors.
const SHOWN_CHARACTERS: usize = 120;

/// A Flink configuration: texts by key, read and written through [`ConfigOption`]s.
///
/// It keeps keys that this crate does not know, so it can be handed on whole. Values are checked when they are read:
/// an error then names the file and line (where it came from one), the key, the value and what was expected. `Debug`
/// and errors never show the value of a secret: a key with `password`, `secret`, `token` or another word of Flink's
/// list in it.
///
/// Two configurations are equal if they have the same entries, wherever these came from.
///
/// # Examples
/// ```
/// use flink_client::{Configuration, options};
///
/// let mut configuration = Configuration::new();
/// configuration.set(&options::REST_ADDRESS, "flink.example.org").set(&options::REST_PORT, 8443);
/// configuration.set_raw("rest.retry.delay", "500 ms");
///
/// assert_eq!(configuration.get(&options::REST_PORT)?, 8443);
/// assert_eq!(configuration.get(&options::REST_RETRY_DELAY)?.as_millis(), 500);
/// assert_eq!(configuration.get(&options::REST_RETRY_MAX_ATTEMPTS)?, 20); // Flink's default
///
/// configuration.set_raw("rest.port", "80a1");
/// assert_eq!(
///     configuration.get(&options::REST_PORT).unwrap_err().to_string(),
///     "rest.port: expected a whole number from 0 to 65535, got \"80a1\""
/// );
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Configuration {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone)]
struct Entry {
    value: String,
    origin: Origin,
}

impl Configuration {
    /// An empty configuration: every option has its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the configuration of the directory that the environment variable `FLINK_CONF_DIR` names, as
    /// [`from_dir`](Self::from_dir) does. If it is not set, the configuration is empty, as in Flink.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn load() -> Result<Self> {
        Self::load_from(env::var_os("FLINK_CONF_DIR"))
    }

    fn load_from(directory: Option<OsString>) -> Result<Self> {
        match directory.filter(|directory| !directory.is_empty()) {
            Some(directory) => Self::from_dir(directory),
            None => Ok(Self::new()),
        }
    }

    /// Reads `config.yaml` or `flink-conf.yaml` of `directory`.
    ///
    /// If both are there, `flink-conf.yaml` is read and a warning is logged. That is what Flink 1.19 and 1.20 do, whose
    /// distributions bring a `config.yaml`, so the older file is there because somebody put it there. (Flink 2.x reads
    /// only `config.yaml`; to read that in spite of a left-over file, use [`from_file`](Self::from_file).)
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`] if neither is there, or it cannot be read; else as [`from_file`](Self::from_file).
    pub fn from_dir(directory: impl AsRef<Path>) -> Result<Self> {
        file::read_directory(directory.as_ref())
    }

    /// Reads a configuration file.
    ///
    /// A file named `flink-conf.yaml` has the line format of Flink 1.x: one `key: value` a line, comments from any `#`
    /// on; lines of another form are skipped with a warning, and of a key that comes twice the last value holds.
    ///
    /// Any other file is YAML 1.2, as `config.yaml` since Flink 1.19, with the feature `yaml`: keys nested or joined by
    /// dots, in any mix. Unquoted scalars become the text that Flink makes of them (`010` is `10`, `1.50` is `1.5`;
    /// `yes` stays text), lists become one line in flow style. A key that comes twice in one map, or has no value, is an
    /// error; one that is set both nested and by dots has its last value, and a warning is logged.
    ///
    /// # Errors
    /// [`ErrorKind::LocalFile`] if the file cannot be read; [`ErrorKind::Configuration`], with file, line and column, if
    /// it is not UTF-8 or not such YAML; [`ErrorKind::Unsupported`] for YAML without the feature `yaml`.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "yaml")] {
    /// use flink_client::{Configuration, options};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("config.yaml");
    /// std::fs::write(&path, "rest:\n  address: flink.example.org\n  port: 80a1\n")?;
    ///
    /// let configuration = Configuration::from_file(&path)?;
    /// assert_eq!(configuration.get(&options::REST_ADDRESS)?, "flink.example.org");
    /// assert_eq!(
    ///     configuration.get(&options::REST_PORT).unwrap_err().to_string(),
    ///     format!("{}:3: rest.port: expected a whole number from 0 to 65535, got \"80a1\"", path.display())
    /// );
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        file::read_file(path.as_ref())
    }

    /// Reads the properties of a command line, as [`apply_dynamic_properties`](Self::apply_dynamic_properties) does.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for an argument that is no property.
    pub fn from_dynamic_properties<I>(arguments: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut configuration = Self::new();
        configuration.apply_dynamic_properties(arguments)?;
        Ok(configuration)
    }

    /// Sets the properties of a command line: each `-Dkey=value`, `-D` and `key=value` apart, or just `key=value`. A key
    /// alone is set to `true`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for an argument that is no property; those before it have been set.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Configuration, options};
    ///
    /// let mut configuration = Configuration::new();
    /// configuration.apply_dynamic_properties(["-Drest.port=8082", "-D", "rest.address=localhost"])?;
    /// assert_eq!(configuration.get(&options::REST_PORT)?, 8082);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn apply_dynamic_properties<I>(&mut self, arguments: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        dynamic::apply(self, arguments)
    }

    /// Sets `option`, under its own key.
    pub fn set<T: ConfigValue>(
        &mut self,
        option: &ConfigOption<T>,
        value: impl IntoConfigValue<T>,
    ) -> &mut Self {
        self.set_raw(option.key(), value.into_config_value().format_value())
    }

    /// Sets the text of `key`, known or not. It is checked when it is read.
    pub fn set_raw(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.insert(key.into(), value.into(), Origin::Program);
        self
    }

    /// Removes all that [`get`](Self::get) would read for `option`; whether there was anything.
    pub fn remove<T>(&mut self, option: &ConfigOption<T>) -> bool {
        option.keys().filter(|key| self.remove_raw(key).is_some()).count() > 0
    }

    /// Removes `key` and gives back its text.
    pub fn remove_raw(&mut self, key: &str) -> Option<String> {
        self.entries.remove(key).map(|entry| entry.value)
    }

    /// Takes over the entries of `other`, which replace those of the same keys.
    pub fn merge(&mut self, other: &Self) -> &mut Self {
        self.entries.extend(other.entries.iter().map(|(key, entry)| (key.clone(), entry.clone())));
        self
    }

    /// The value of `option`: what is set, under its key or else one of its other keys, or else the default.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is malformed, or nothing is set and there is no default; the text names
    /// every key that was looked for.
    pub fn get<T: ConfigValue>(&self, option: &ConfigOption<T>) -> Result<T> {
        if let Some(value) = self.get_optional(option)? {
            return Ok(value);
        }
        let default = option.default_value().map_err(|invalid| {
            Error::new(ErrorKind::Configuration, format!("{option}: its default is malformed: {invalid}"))
                .with_source(invalid)
        })?;
        default.ok_or_else(|| {
            let others: Vec<_> = option.keys().skip(1).collect();
            let message = if others.is_empty() {
                format!("{option} is not set")
            } else {
                format!("{option} is not set, nor is {}", others.join(" or "))
            };
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// The value of `option` if it is set, under its key or else one of its other keys. The default is not used.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is malformed.
    pub fn get_optional<T: ConfigValue>(&self, option: &ConfigOption<T>) -> Result<Option<T>> {
        for key in option.keys() {
            let Some(entry) = self.entries.get(key) else {
                if let Some(value) = self.get_parts(key) {
                    return Ok(Some(value));
                }
                continue;
            };
            if option.deprecated_keys().contains(&key) {
                log::warn!("{}{key} is deprecated, use {option}", entry.origin);
            }
            return T::parse_value(&entry.value).map(Some).map_err(|invalid| malformed(key, entry, invalid));
        }
        Ok(None)
    }

    fn get_parts<T: ConfigValue>(&self, key: &str) -> Option<T> {
        let prefix = format!("{key}.");
        let mut parts = self
            .entries
            .range(prefix.clone()..)
            .map_while(|(key, entry)| key.strip_prefix(&prefix).map(|part| (part, entry.value.as_str())))
            .filter(|(part, _)| !part.is_empty());
        T::from_parts(&mut parts)
    }

    /// The text of `key`. Neither other keys nor defaults are looked at.
    pub fn get_raw(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.value.as_str())
    }

    /// Whether `option` is set, under its key or one of its other keys.
    pub fn contains<T>(&self, option: &ConfigOption<T>) -> bool {
        option.keys().any(|key| self.entries.contains_key(key))
    }

    /// The keys that are set, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The keys that are set and their texts, in order of the keys. Secrets are among them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry.value.as_str()))
    }

    /// How many keys are set.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The configuration as the text of a `config.yaml`, one `key: value` a line, **secrets included**. Flink from 1.19 on
    /// and [`from_file`](Self::from_file) read the same configuration back.
    ///
    /// # Examples
    /// ```
    /// let mut configuration = flink_client::Configuration::new();
    /// configuration.set_raw("rest.port", "8081").set_raw("pipeline.name", "007: the job");
    /// assert_eq!(configuration.to_yaml(), "pipeline.name: '007: the job'\nrest.port: 8081\n");
    /// ```
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        for (key, value) in self.iter() {
            write_text(key, &mut text);
            text.push_str(": ");
            // A number or boolean that would come back as another text must be quoted.
            match Node::from_plain(value) {
                Node::Literal(literal) if literal == value => text.push_str(value),
                _ => write_text(value, &mut text),
            }
            text.push('\n');
        }
        text
    }

    fn insert(&mut self, key: String, value: String, origin: Origin) {
        self.entries.insert(key, Entry { value, origin });
    }
}

#[cold]
fn malformed(key: &str, entry: &Entry, invalid: InvalidValue) -> Error {
    let shown = secret::shown(key, &entry.value);
    let mut characters = shown.chars();
    let excerpt: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    let cut = if characters.next().is_some() { "…" } else { "" };
    let mut line = format!("{}{key}: {invalid}, got {excerpt:?}{cut}", entry.origin);
    if let Some(reason) = invalid.reason() {
        line = format!("{line}: {reason}");
    }
    Error::new(ErrorKind::Configuration, line).with_source(invalid)
}

impl fmt::Debug for Configuration {
    /// All entries; secrets are shown as `******`, and so is the user part of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key, secret::shown(key, value)))).finish()
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Configuration {}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Configuration {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.set_raw(key, value);
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Configuration {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut configuration = Self::new();
        configuration.extend(pairs);
        configuration
    }
}

#[cfg(test)]
mod tests;
