//! What goes on, on standard error, if that is a terminal; nothing otherwise.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flink_client::{Pending, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// Waits for `pending` with a spinner beside `what`.
pub(crate) fn wait<T: Send + 'static>(what: impl Into<String>, pending: Pending<T>) -> Result<T> {
    let spinner = Progress::spinner(what);
    let result = pending.wait();
    spinner.finish();
    result
}

/// The bar that is shown now, for what is heard where nobody has it at hand.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Shows beside the spinner what a request that will be tried again failed of.
pub(crate) fn note(what: String) {
    if let Some(bar) = &*SHOWN.lock().unwrap_or_else(PoisonError::into_inner) {
        bar.set_prefix(what);
    }
}

/// A spinner or a bar. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn spinner(what: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner().with_message(what.into());
        bar.set_style(style(SPINNER));
        bar.enable_steady_tick(Duration::from_millis(100));
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Self(bar)
    }

    /// A bar while bytes are sent, a spinner beside `then` when they are.
    pub(crate) fn sent(&self, bytes: u64, of: u64, then: &str) {
        if bytes < of {
            self.0.set_style(style("{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}"));
            self.0.set_length(of);
            self.0.set_position(bytes);
        } else {
            self.0.set_style(style(SPINNER));
            self.0.set_message(then.to_owned());
        }
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

const SPINNER: &str = "{spinner} {msg} ({elapsed}) {prefix:.yellow}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
