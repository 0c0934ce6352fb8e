//! Panics in a caller's code: caught where that code is called, so that none costs a thread or a result.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// Runs `code`; a panic becomes an error of kind [`Panicked`](crate::ErrorKind::Panicked).
pub(crate) fn caught<R>(code: impl FnOnce() -> R) -> Result<R> {
    catch_unwind(AssertUnwindSafe(code)).map_err(from_payload)
}

/// Drops `value`, whose `Drop` may be a caller's.
pub(crate) fn drop_contained<T>(value: T) {
    if mem::needs_drop::<T>()
        && let Err(error) = caught(|| drop(value))
    {
        log::error!("a value panicked when it was dropped: {error}");
    }
}

#[cold]
fn from_payload(payload: Box<dyn Any + Send>) -> Error {
    let error = Error::from_panic(&*payload);
    // The payload is a caller's value too. What it panics with when it is dropped could do the same again.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
    error
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            std::panic::panic_any(Self);
        }
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = caught(|| panic!("no {}", "good")).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Panicked, "no good".into()));
        assert_eq!(caught(|| 42).unwrap(), 42);
    }

    #[test]
    fn a_payload_that_panics_when_it_is_dropped_is_contained_as_well() {
        let error = caught(|| std::panic::panic_any(PanicsWhenDropped)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        drop_contained(PanicsWhenDropped);
    }
}
