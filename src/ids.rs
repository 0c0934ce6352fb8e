//! The ids of jobs, triggers, vertices and the like: 16 bytes, written as 32 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 16 bytes, written as exactly 32 hexadecimal digits; upper case is read, lower case is written.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new id from the operating system's entropy, so that no two hosts or processes make the same.
            ///
            /// # Panics
            /// If the operating system has no entropy to give.
            pub fn random() -> Self {
                let mut bytes = [0; 16];
                getrandom::getrandom(&mut bytes).expect("the operating system gives entropy");
                Self(bytes)
            }

            /// The id made of these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of this id, in the order in which they are written.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(hex(&self.0, &mut [0; 32]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// # Errors
            /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) unless `text` is 32 hexadecimal digits.
            fn from_str(text: &str) -> Result<Self, Error> {
                parse(text, $what).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(hex(&self.0, &mut [0; 32]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(HexVisitor($what)).map(Self)
            }
        }
    };
}

id! {
    /// Names a job in a cluster.
    ///
    /// # Examples
    /// ```
    /// use flink_client::JobId;
    ///
    /// let job: JobId = "e17c9b1ba5f14fbb85f31ac1b57a0a02".parse()?;
    /// assert_eq!(job.to_string(), "e17c9b1ba5f14fbb85f31ac1b57a0a02");
    /// assert_eq!(
    ///     "a1b2c3d4e5f6".parse::<JobId>().unwrap_err().to_string(),
    ///     "a job id is 32 hexadecimal digits, but \"a1b2c3d4e5f6\" has 12 characters",
    /// );
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    JobId, "a job id"
}
id! {
    /// Names one savepoint, stop, checkpoint or disposal, so that it can be followed and is never done twice.
    TriggerId, "a trigger id"
}
id! {
    /// Names a vertex of a job's graph.
    JobVertexId, "a job vertex id"
}
id! {
    /// Names an operator of a job, for its coordinator.
    OperatorId, "an operator id"
}
id! {
    /// Names a data set that a finished job left in the cluster.
    IntermediateDataSetId, "a data set id"
}
id! {
    /// Names an application of Flink 2.3: a main program and the jobs that it runs.
    ApplicationId, "an application id"
}

fn hex<'a>(bytes: &[u8; 16], out: &'a mut [u8; 32]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(out).expect("hexadecimal digits are ASCII")
}

fn parse(text: &str, what: &str) -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    // Lists of jobs have thousands of ids: the digits are looked up, and whether all were digits is asked once.
    let mut all = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let (high, low) = (DIGIT[usize::from(pair[0])], DIGIT[usize::from(pair[1])]);
        *byte = high << 4 | low & 15;
        all |= high | low;
    }
    if text.len() == 32 && all & NO_DIGIT == 0 { Ok(bytes) } else { Err(refusal(text, what)) }
}

const NO_DIGIT: u8 = 0x80;

/// The value of each byte as a hexadecimal digit.
const DIGIT: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(digit) = (byte as u8 as char).to_digit(16) {
            table[byte] = digit as u8;
        }
        byte += 1;
    }
    table
};

#[cold]
fn refusal(text: &str, what: &str) -> Error {
    let shown: String = text.chars().take(64).collect();
    let reason = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
        Some(odd) => format!("contains {odd:?}"),
        None => format!("has {} characters", text.len()),
    };
    Error::new(ErrorKind::InvalidArgument, format!("{what} is 32 hexadecimal digits, but {shown:?} {reason}"))
}

struct HexVisitor(&'static str);

impl serde::de::Visitor<'_> for HexVisitor {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of 32 hexadecimal digits", self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<[u8; 16], E> {
        parse(text, self.0).map_err(E::custom)
    }
}

/// Reads the name of what has only one.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for any other text.
pub(crate) fn only(name: &str, text: &str) -> Result<(), Error> {
    if text == name {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, format!("expected {name:?}, got {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_digits() {
        let text = "00ff10a0b1c2d3e4f5061728394a5b6c";
        let id: JobId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.as_bytes()[..3], [0x00, 0xff, 0x10]);
        assert_eq!(text.to_uppercase().parse::<JobId>().unwrap(), id);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<JobId>(&format!("\"{text}\"")).unwrap(), id);
        assert_eq!(format!("{id:?}"), format!("JobId({text})"));
    }

    #[test]
    fn refuses_everything_else_by_name() {
        for (text, reason) in [
            ("", "has 0 characters"),
            ("a1b2c3d4e5f6", "has 12 characters"),
            ("00ff10a0b1c2d3e4f5061728394a5b6c0", "has 33 characters"),
            ("f927fa54-8bbf-461e-9dfb-cf8705f353f5", "contains '-'"),
            ("ääääääääääääääää", "contains 'ä'"),
            ("00ff10a0b1c2d3e4f5061728394a5b6 ", "contains ' '"),
        ] {
            let error = text.parse::<JobId>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().ends_with(reason), "{error}");
        }
    }

    #[test]
    fn random_ids_differ() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| JobId::random()).collect();
        assert_eq!(ids.len(), 1000);
    }
}
