//! Where an entry of a configuration came from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where an entry came from, for errors.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Set by the program.
    Program,
    /// Given as `-Dkey=value`.
    DynamicProperty,
    /// Read from a file, at this line.
    File { path: Arc<Path>, line: u64 },
}

impl fmt::Display for Origin {
    /// What goes before the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => Ok(()),
            Self::DynamicProperty => f.write_str("-D"),
            Self::File { path, line } => write!(f, "{}:{line}: ", path.display()),
        }
    }
}
