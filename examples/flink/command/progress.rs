//! What goes on, on standard error: a spinner or bar if that is a terminal, else only what one has to know.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flink_client::{ExecutionPlan, Pending, Result, RetryEvent};
use indicatif::{ProgressBar, ProgressStyle};

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(100);

const SPINNER: &str = "{spinner} {msg} ({elapsed}) {prefix:.yellow}";
const BAR: &str = "{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}";

/// Waits for `pending`, with a spinner beside what it does and how its job is.
pub(crate) fn wait<T: Send + 'static>(mut pending: Pending<T>) -> Result<T> {
    let bar = show("");
    let result = loop {
        if bar.is_hidden() {
            break pending.wait();
        }
        if let Some(progress) = pending.progress() {
            let status = progress.job_status.map(|status| format!(": {status}"));
            bar.set_message(format!("{}{}", progress.operation, status.unwrap_or_default()));
        }
        match pending.wait_timeout(TICK) {
            Ok(result) => break result,
            Err(still_going_on) => pending = still_going_on,
        }
    };
    bar.finish_and_clear();
    result
}

/// Does something with `plan`, whose jar is uploaded first, with a bar meanwhile.
pub(crate) fn uploading<T: Send + 'static>(
    jar: &Path,
    plan: ExecutionPlan,
    act: impl FnOnce(ExecutionPlan) -> Pending<T>,
) -> Result<T> {
    let name = jar.file_name().unwrap_or(jar.as_os_str()).to_string_lossy();
    let bar = show(&format!("uploading {name}"));
    let uploading = bar.clone();
    let plan = plan.on_upload(move |bytes, of| {
        if bytes < of {
            uploading.set_style(style(BAR));
            uploading.set_length(of);
            uploading.set_position(bytes);
        } else {
            uploading.set_style(style(SPINNER));
            uploading.set_message("running the program's main method");
        }
    });
    let result = act(plan).wait();
    bar.finish_and_clear();
    result
}

/// The bar that is shown now, for what is heard where nobody has it at hand.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Tells what a request failed of that will be sent again: beside the spinner, or the first time in a line of its own,
/// so that nobody has to guess for a minute why nothing happens.
pub(crate) fn note(event: &RetryEvent<'_>) {
    match &*SHOWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) if !bar.is_hidden() => {
            bar.set_prefix(format!("attempt {} failed: {}", event.attempt, event.error));
        }
        _ if event.attempt == 1 => {
            eprintln!("flink: {}: {} (it is tried again)", event.operation, event.error);
        }
        _ => {}
    }
}

fn show(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned()).with_style(style(SPINNER));
    bar.enable_steady_tick(TICK);
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
