//! Configuration from a command line: `-Dkey=value`.

use super::origin::Origin;
use super::{Configuration, secret};
use crate::error::{Error, ErrorKind, Result};

/// Adds what `arguments` set to `configuration`.
pub(super) fn apply<I>(configuration: &mut Configuration, arguments: I) -> Result<()>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_ref().strip_prefix("-D") {
            // `-D key=value`, as two arguments.
            Some("") => match arguments.next() {
                Some(property) => set(configuration, property.as_ref())?,
                None => {
                    return Err(Error::new(
                        ErrorKind::Configuration,
                        "-D: expected key=value after it, got nothing",
                    ));
                }
            },
            Some(property) => set(configuration, property)?,
            None => set(configuration, argument.as_ref())?,
        }
    }
    Ok(())
}

fn set(configuration: &mut Configuration, property: &str) -> Result<()> {
    // Flink's command line reads a key without a value as a switch.
    let (key, value) = property.split_once('=').unwrap_or((property, "true"));
    let key = key.trim();
    if key.is_empty() || key.starts_with('-') || key.contains(char::is_whitespace) {
        let shown = if secret::is_sensitive(property) { secret::HIDDEN } else { property };
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("dynamic property: expected key=value, got {shown:?}"),
        ));
    }
    configuration.insert(key.to_owned(), value.to_owned(), Origin::DynamicProperty);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(arguments: &[&str]) -> Result<Configuration> {
        Configuration::from_dynamic_properties(arguments)
    }

    #[test]
    fn properties_come_joined_apart_or_bare() {
        let configuration = from(&[
            "-Drest.port=8082",
            "-D",
            "rest.address=h",
            "a=b=c",
            "-Dpipeline.object-reuse",
            "-Dempty=",
        ])
        .unwrap();
        let pairs: Vec<_> = configuration.iter().collect();
        assert_eq!(
            pairs,
            [
                ("a", "b=c"),
                ("empty", ""),
                ("pipeline.object-reuse", "true"),
                ("rest.address", "h"),
                ("rest.port", "8082")
            ]
        );
    }

    #[test]
    fn what_is_no_property_is_refused_by_name() {
        for (arguments, line) in [
            (&["-D"][..], "-D: expected key=value after it, got nothing"),
            (&["-D=x"], "dynamic property: expected key=value, got \"=x\""),
            (&["--yarn"], "dynamic property: expected key=value, got \"--yarn\""),
            (&["--password=x"], "dynamic property: expected key=value, got \"******\""),
        ] {
            let error = from(arguments).unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Configuration, line.to_owned()));
        }
    }
}
