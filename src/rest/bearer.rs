//! Tokens that expire: kept until the server refuses one, then asked for again.

use std::sync::{Mutex, PoisonError};

use ureq::http::HeaderValue;

use crate::error::{Error, ErrorKind, Result};

type Ask = dyn Fn() -> Result<String> + Send + Sync;

/// A source of bearer tokens and the token in use.
pub(crate) struct Bearer {
    ask: Box<Ask>,
    current: Mutex<Option<HeaderValue>>,
}

impl Bearer {
    pub(crate) fn new(ask: impl Fn() -> Result<String> + Send + Sync + 'static) -> Self {
        Self { ask: Box::new(ask), current: Mutex::new(None) }
    }

    /// The header's value. Asks only if there is none; of several threads without one, the first asks and the others
    /// wait for it.
    ///
    /// # Errors
    /// The source's own; [`ErrorKind::Configuration`] for a token that cannot be in a header.
    pub(crate) fn header(&self) -> Result<HeaderValue> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(header) = &*current {
            return Ok(header.clone());
        }
        let token = (self.ask)().map_err(|error| {
            let message = format!("no bearer token: {}", error.message());
            Error::new(error.kind(), message).with_source(error)
        })?;
        let header = bearer(&token)?;
        *current = Some(header.clone());
        Ok(header)
    }

    /// The server refused this one. If it is still the one in use, the next request asks for another.
    pub(crate) fn refused(&self, header: &HeaderValue) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() == Some(header) {
            *current = None;
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| {
        Error::new(ErrorKind::Configuration, "the bearer token has characters that no header has")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_token_is_asked_for_once_and_again_only_when_it_is_the_one_refused() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let bearer = Bearer::new(move || Ok(format!("token-{}", count.fetch_add(1, Ordering::SeqCst))));
        let first = bearer.header().unwrap();
        assert_eq!(bearer.header().unwrap(), first);
        bearer.refused(&first);
        let second = bearer.header().unwrap();
        assert_eq!(second, "Bearer token-1");
        // A request that was under way with the old one.
        bearer.refused(&first);
        assert_eq!(bearer.header().unwrap(), second);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_token_that_no_header_can_have_is_refused_and_not_shown() {
        let error = Bearer::new(|| Ok("hunter2\r\nx: y".into())).header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error:#?}").contains("hunter2"));
    }
}
