//! What a request asks for: the parts of its path, its query, and the members of its body.

use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::endpoint::Endpoint;
use super::reply::Refusal;
use super::upload::UploadedFile;
use crate::ids::JobId;
use crate::mini::dispatcher::Dispatcher;
use crate::mini::exception::JavaException;
use crate::mini::{Answer, wording};
use crate::pending::Pending;
use crate::runtime::timer::after;

/// One request to a route that was found.
pub(super) struct Call<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) arguments: Vec<(&'static str, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Members,
    pub(super) files: Vec<UploadedFile>,
    pub(super) gave_up: &'a dyn Fn() -> bool,
}

impl Call<'_> {
    pub(super) fn dispatcher(&self) -> &Dispatcher {
        &self.endpoint.dispatcher
    }

    /// What stands in the path for `:name`.
    pub(super) fn text(&self, name: &str) -> &str {
        self.arguments.iter().find(|(of, _)| *of == name).map_or("", |(_, text)| text)
    }

    /// The same as a value.
    pub(super) fn argument<T: FromStr>(&self, name: &str) -> Result<T, Refusal> {
        let text = self.text(name);
        text.parse().map_err(|_| unresolved("path", name, text))
    }

    pub(super) fn job(&self) -> Result<JobId, Refusal> {
        self.argument("jobid")
    }

    /// A parameter of the query; given several times, the values are joined as Flink joins them.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.query.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() { None } else { Some(values.join(",")) }
    }

    pub(super) fn parameter_value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.unresolved_parameter(name))
    }

    /// The refusal of a parameter's value.
    pub(super) fn unresolved_parameter(&self, name: &str) -> Refusal {
        unresolved("query", name, &self.parameter(name).unwrap_or_default())
    }

    /// The names in a parameter that lists some: `None` if it is not given.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let names = self.parameter(name)?;
        Some(names.split(',').map(str::to_owned).collect())
    }

    /// Waits as long as Flink would, and no longer than the answer is wanted.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        mut pending: Pending<Answer<T>>,
    ) -> Result<Answer<T>, Refusal> {
        /// How soon it is noticed that the cluster closes while a program of a caller's does not end.
        const NOTICED: Duration = Duration::from_millis(100);
        let limit = self.endpoint.limits.operation;
        let due = after(limit);
        loop {
            match pending.wait_timeout(NOTICED) {
                Ok(Ok(answer)) => return Ok(answer),
                // The cluster has closed.
                Ok(Err(_)) => return Err(Refusal::Unavailable),
                Err(_) if (self.gave_up)() => return Err(Refusal::Unavailable),
                Err(_) if Instant::now() >= due => {
                    let text = format!(
                        "The mini cluster did not answer within {} ms (web.timeout).",
                        limit.as_millis()
                    );
                    return Err(Refusal::Failed(JavaException::new(
                        "java.util.concurrent.TimeoutException",
                        text,
                    )));
                }
                Err(still) => pending = still,
            }
        }
    }
}

fn unresolved(kind: &str, name: &str, text: &str) -> Refusal {
    let cause = format!("Cannot resolve {kind} parameter ({name}) from value \"{text}\".");
    Refusal::Refused(
        400,
        JavaException::new(
            wording::REST_HANDLER,
            format!("Bad request, could not parse parameters: {cause}"),
        )
        .caused_by(JavaException::new(
            "org.apache.flink.runtime.rest.handler.HandlerRequestException",
            cause,
        )),
    )
}

/// The members of a JSON body, read as leniently as Flink reads them.
pub(super) struct Members {
    format: &'static str,
    members: Map<String, Value>,
    /// Whether there was a body at all.
    given: bool,
}

impl Members {
    /// Nothing is the same as no members. What follows the object is not looked at, as in Flink.
    pub(super) fn read(format: &'static str, bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Ok(Self { format, members: Map::new(), given: false });
        }
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Map<String, Value>>();
        match values.next() {
            Some(Ok(members)) => Ok(Self { format, members, given: true }),
            Some(Err(error)) => {
                Err(Self { format, members: Map::new(), given: true }.unfit(&error.to_string()))
            }
            None => Err(Self { format, members: Map::new(), given: true }.unfit("No content to map")),
        }
    }

    fn unfit(&self, what: &str) -> Refusal {
        let message = match self.given {
            true => format!("Request did not match expected format {}.", self.format),
            false => "Bad request received. Request did not conform to expected format.".into(),
        };
        Refusal::Refused(
            400,
            JavaException::new(wording::REST_HANDLER, message).caused_by(JavaException::new(
                "org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.exc.MismatchedInputException",
                what,
            )),
        )
    }

    fn misfit(&self, name: &str, what: &str) -> Refusal {
        self.unfit(&format!("{what} (through reference chain: {}[\"{name}\"])", self.format))
    }

    /// Numbers and booleans are texts, too.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(self.misfit(name, "Cannot deserialize a text")),
        }
    }

    /// One of a few names; by its number among them, too.
    pub(super) fn constant<T: Copy + DeserializeOwned>(
        &self,
        name: &str,
        all: &[T],
    ) -> Result<Option<T>, Refusal> {
        match self.members.get(name) {
            Some(Value::Number(number)) => {
                let index = number.as_u64().and_then(|index| usize::try_from(index).ok());
                let constant = index.and_then(|index| all.get(index)).copied();
                constant.map(Some).ok_or_else(|| self.misfit(name, "index value outside legal index range"))
            }
            _ => self.value(name),
        }
    }

    /// A text that stands for a value, such as an id.
    pub(super) fn value<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let value = serde_json::from_value(Value::String(text)).map(Some);
        value.map_err(|error| self.misfit(name, &format!("Cannot deserialize a value: {error}")))
    }

    /// Texts are numbers, too, and numbers with a fraction whole ones.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let whole = text.trim().parse().ok();
        let number = whole.or_else(|| self.members[name].as_f64().map(|number| number as i64));
        number.map(Some).ok_or_else(|| {
            self.misfit(name, &format!("Cannot deserialize value of type `long` from String \"{text}\""))
        })
    }

    /// So are texts numbers and booleans.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true" | "True" | "TRUE" | "1") => Ok(Some(true)),
            Some("false" | "False" | "FALSE" | "0") => Ok(Some(false)),
            Some(other) => Err(self.misfit(
                name,
                &format!("Cannot deserialize value of type `java.lang.Boolean` from String \"{other}\""),
            )),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(elements)) => {
                let texts = elements.iter().map(|element| match element {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(_) | Value::Bool(_) => Ok(element.to_string()),
                    _ => Err(self.misfit(name, "Cannot deserialize a text")),
                });
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(self.misfit(name, "Cannot deserialize a list")),
        }
    }

    pub(super) fn map(&self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(members)) => {
                let pairs = members.iter().map(|(key, value)| match value {
                    Value::String(text) => Ok((key.clone(), text.clone())),
                    Value::Number(_) | Value::Bool(_) => Ok((key.clone(), value.to_string())),
                    _ => Err(self.misfit(name, "Cannot deserialize a text")),
                });
                pairs.collect()
            }
            Some(_) => Err(self.misfit(name, "Cannot deserialize a map")),
        }
    }

    /// A member that there must be.
    pub(super) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.misfit(name, "Cannot map `null`"))
    }

    /// All of them as one value.
    pub(super) fn whole<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let whole = Value::Object(self.members.clone());
        serde_json::from_value(whole).map_err(|error| self.unfit(&error.to_string()))
    }
}
