//! A typed option of a configuration.

use std::fmt;
use std::marker::PhantomData;

use super::value::{ConfigValue, InvalidValue};

/// An option: its key, the type of its value, the other keys that are read when it is not set, and its default.
///
/// The options that this crate honours are in [`options`](crate::options). The default is a text in the grammar that
/// the value itself has.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use flink_client::{ConfigOption, Configuration};
///
/// const INTERVAL: ConfigOption<Duration> = ConfigOption::new("metrics.fetcher.update-interval").with_default("10 s");
///
/// let mut configuration = Configuration::new();
/// assert_eq!(configuration.get(&INTERVAL)?, Duration::from_secs(10));
/// configuration.set_raw(INTERVAL.key(), "1 min");
/// assert_eq!(configuration.get(&INTERVAL)?, Duration::from_secs(60));
/// # Ok::<(), flink_client::Error>(())
/// ```
pub struct ConfigOption<T> {
    key: &'static str,
    fallback_keys: &'static [&'static str],
    deprecated_keys: &'static [&'static str],
    default: Option<&'static str>,
    value: PhantomData<fn() -> T>,
}

impl<T> ConfigOption<T> {
    /// An option without default and without other keys.
    pub const fn new(key: &'static str) -> Self {
        Self { key, fallback_keys: &[], deprecated_keys: &[], default: None, value: PhantomData }
    }

    /// The same option with a default, in the text that a configuration would have.
    #[must_use]
    pub const fn with_default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The same option with keys of other options that hold its value when its own key is not set.
    #[must_use]
    pub const fn with_fallback_keys(mut self, keys: &'static [&'static str]) -> Self {
        self.fallback_keys = keys;
        self
    }

    /// The same option with former names of its key. They are read after the fallback keys, with a warning.
    #[must_use]
    pub const fn with_deprecated_keys(mut self, keys: &'static [&'static str]) -> Self {
        self.deprecated_keys = keys;
        self
    }

    /// Flink's name of the option.
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The keys of other options that are read when this one is not set.
    pub const fn fallback_keys(&self) -> &'static [&'static str] {
        self.fallback_keys
    }

    /// The former names of the key.
    pub const fn deprecated_keys(&self) -> &'static [&'static str] {
        self.deprecated_keys
    }

    /// The text of the default.
    pub const fn default_text(&self) -> Option<&'static str> {
        self.default
    }

    /// All keys, in the order in which they are looked up.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<T> {
        std::iter::once(self.key)
            .chain(self.fallback_keys.iter().copied())
            .chain(self.deprecated_keys.iter().copied())
    }
}

impl<T: ConfigValue> ConfigOption<T> {
    /// The value when nothing is set, if the option has one.
    ///
    /// # Errors
    /// [`InvalidValue`] if the option was declared with a default that is no value of its type. No option of
    /// [`options`](crate::options) is.
    pub fn default_value(&self) -> Result<Option<T>, InvalidValue> {
        self.default.map(T::parse_value).transpose()
    }
}

// Derived impls would ask T for what a key and a text do not need.
impl<T> Clone for ConfigOption<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ConfigOption<T> {}

impl<T> fmt::Debug for ConfigOption<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigOption")
            .field("key", &self.key)
            .field("fallback_keys", &self.fallback_keys)
            .field("deprecated_keys", &self.deprecated_keys)
            .field("default", &self.default)
            .finish()
    }
}

impl<T> fmt::Display for ConfigOption<T> {
    /// The key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)
    }
}
