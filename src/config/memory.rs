//! Sizes of memory, as Flink writes them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::value::{InvalidValue, java_trim};

/// Labels and bytes, largest unit first; the second label is the one that is written.
const UNITS: [(&[&str], u64); 5] = [
    (&["t", "tb", "tebibytes"], 1 << 40),
    (&["g", "gb", "gibibytes"], 1 << 30),
    (&["m", "mb", "mebibytes"], 1 << 20),
    (&["k", "kb", "kibibytes"], 1 << 10),
    (&["b", "bytes"], 1),
];

/// A number of bytes, from 0 to 2⁶³−1, written as `1600m`, `4 gb` or a plain number of bytes.
///
/// Units are powers of 1024, in any case: `b`, `bytes`; `k`, `kb`, `kibibytes`; `m`, `mb`, `mebibytes`; `g`, `gb`,
/// `gibibytes`; `t`, `tb`, `tebibytes`. `Display` writes the largest unit that keeps the number whole.
///
/// # Examples
/// ```
/// use flink_client::MemorySize;
///
/// let size: MemorySize = "1600m".parse()?;
/// assert_eq!(size.bytes(), 1600 * 1024 * 1024);
/// assert_eq!(MemorySize::from_mebibytes(2048), Some("2 gb".parse()?));
/// assert_eq!(size.to_string(), "1600 mb");
/// # Ok::<(), flink_client::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize(u64);

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum MemoryError {
    #[error("the text is empty")]
    Empty,
    #[error("the text does not start with a number")]
    NoNumber,
    #[error("the unit is unknown")]
    UnknownUnit,
    #[error("the size is more than 9223372036854775807 bytes")]
    TooLarge,
}

impl MemorySize {
    /// The size of `bytes`; `None` above 2⁶³−1, which Flink cannot hold.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        if bytes > i64::MAX as u64 { None } else { Some(Self(bytes)) }
    }

    /// The size of `mebibytes` times 1,048,576 bytes; `None` above 2⁶³−1 bytes, which Flink cannot hold.
    pub const fn from_mebibytes(mebibytes: u64) -> Option<Self> {
        match mebibytes.checked_mul(1 << 20) {
            Some(bytes) => Self::from_bytes(bytes),
            None => None,
        }
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of whole mebibytes.
    pub const fn mebibytes(self) -> u64 {
        self.0 >> 20
    }
}

pub(super) fn parse(text: &str) -> Result<MemorySize, MemoryError> {
    let text = java_trim(text);
    if text.is_empty() {
        return Err(MemoryError::Empty);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, label) = text.split_at(digits);
    if number.is_empty() {
        return Err(MemoryError::NoNumber);
    }
    let number: u64 = number.parse().map_err(|_| MemoryError::TooLarge)?;
    let label = java_trim(label).to_lowercase();
    let bytes_per_unit = if label.is_empty() {
        1
    } else {
        UNITS
            .iter()
            .find(|(labels, _)| labels.contains(&label.as_str()))
            .map(|(_, bytes)| *bytes)
            .ok_or(MemoryError::UnknownUnit)?
    };
    number.checked_mul(bytes_per_unit).and_then(MemorySize::from_bytes).ok_or(MemoryError::TooLarge)
}

impl FromStr for MemorySize {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        super::value::ConfigValue::parse_value(text)
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        match unit {
            Some((labels, bytes)) => write!(f, "{} {}", self.0 / bytes, labels[1]),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_flink_reads() {
        // Every row was answered so by MemorySize.parse of 1.20.5 and 2.3.0.
        for (text, bytes) in [
            ("1", 1),
            ("100b", 100),
            ("100 bytes", 100),
            ("1k", 1_024),
            ("1 KB", 1_024),
            ("2 kibibytes", 2_048),
            ("1mb", 1_048_576),
            ("3 mebibytes", 3_145_728),
            ("2 GB", 2_147_483_648),
            ("1t", 1_099_511_627_776),
            ("1 tebibytes", 1_099_511_627_776),
            ("9007199254740991k", 9_223_372_036_854_774_784),
            ("9223372036854775807", i64::MAX.unsigned_abs()),
            ("0", 0),
        ] {
            assert_eq!(parse(text).map(MemorySize::bytes), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_flink_refuses() {
        for (text, error) in [
            ("", MemoryError::Empty),
            ("-1", MemoryError::NoNumber),
            ("g", MemoryError::NoNumber),
            ("1.5g", MemoryError::UnknownUnit),
            ("1 kib", MemoryError::UnknownUnit),
            ("1p", MemoryError::UnknownUnit),
            ("9223372036854775808", MemoryError::TooLarge),
            ("9007199254740992k", MemoryError::TooLarge),
            ("8388608t", MemoryError::TooLarge),
            ("99999999999999999999", MemoryError::TooLarge),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn writes_the_largest_whole_unit() {
        for (bytes, text) in
            [(0, "0 bytes"), (1_025, "1025 bytes"), (104_857_600, "100 mb"), (1 << 41, "2 tb")]
        {
            assert_eq!(MemorySize::from_bytes(bytes).map(|size| size.to_string()).as_deref(), Some(text));
        }
        assert_eq!(MemorySize::from_bytes(1 << 63), None);
        assert_eq!(MemorySize::from_mebibytes(u64::MAX), None);
    }
}
