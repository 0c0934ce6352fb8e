//! Panics of a caller's code cost neither a thread nor a result.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use flink_client::{Error, ErrorKind, Pending, Runtime};

use super::support::{HANG, narrow, thread_name, within};

#[derive(Debug)]
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped badly");
    }
}

impl fmt::Display for PanicsWhenDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cause")
    }
}

impl std::error::Error for PanicsWhenDropped {}

struct PanicsWhenWoken;

impl Wake for PanicsWhenWoken {
    fn wake(self: Arc<Self>) {
        panic!("woken badly");
    }
}

/// The only callback thread still is the one that it was.
fn assert_alive(runtime: &Runtime, before: &str) {
    assert_eq!(callback_thread(runtime), before);
}

fn callback_thread(runtime: &Runtime) -> String {
    runtime
        .spawn(|| Ok(format!("{} {:?}", thread_name(), thread::current().id())))
        .into_receiver()
        .recv()
        .unwrap()
        .unwrap()
}

#[test]
fn a_panic_in_a_function_is_an_error_with_its_message_and_the_thread_lives_on() {
    within(HANG, || {
        let runtime = narrow();
        let before = callback_thread(&runtime);
        for (panics, text) in [
            (runtime.spawn(|| -> flink_client::Result<()> { panic!("plain") }), "plain"),
            (runtime.spawn(|| -> flink_client::Result<()> { panic!("made up of {}", 2) }), "made up of 2"),
            (runtime.spawn(|| std::panic::panic_any(7)), "a panic without a message"),
            (runtime.spawn(|| std::panic::panic_any(PanicsWhenDropped)), "a panic without a message"),
        ] {
            let error = panics.into_receiver().recv().unwrap().unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Panicked, text.to_owned()));
        }
        assert_alive(&runtime, &before);
    });
}

#[test]
fn a_panic_in_a_function_does_not_unwind_the_thread_that_waits_for_it() {
    within(HANG, || {
        let runtime = narrow();
        let busy = super::support::occupy(&runtime);
        let panics =
            runtime.spawn(|| -> flink_client::Result<()> { std::panic::panic_any(PanicsWhenDropped) });
        assert_eq!(panics.wait().unwrap_err().kind(), ErrorKind::Panicked);
        assert_eq!(
            Pending::ready(())
                .then(|()| -> flink_client::Result<()> { panic!("oh") })
                .wait()
                .unwrap_err()
                .to_string(),
            "oh"
        );
        drop(busy);
    });
}

#[test]
fn a_value_that_panics_when_it_is_dropped_unseen_costs_no_thread_and_no_other_result() {
    within(HANG, || {
        let runtime = narrow();
        let before = callback_thread(&runtime);
        // Dropped by the lane, because the handle has gone.
        drop(runtime.spawn(|| Ok(PanicsWhenDropped)));
        // By a cancelled handle, and by its function's captures.
        let (promise, pending) = runtime.promise();
        let captured = PanicsWhenDropped;
        pending
            .then(move |()| {
                let _captured = &captured;
                Ok(())
            })
            .cancel();
        promise.complete(Ok(()));
        // By the loser of a choice: the winner must be heard of all the same.
        let (late, loser) = runtime.promise();
        let (winning, winner) = runtime.promise();
        let first = Pending::first([loser.map(|()| None), winner]);
        winning.complete(Ok(Some(1)));
        assert_eq!(first.wait().unwrap(), Some(1));
        late.complete(Ok(()));
        let all = Pending::all([
            runtime.spawn(|| Ok(PanicsWhenDropped)),
            runtime.spawn(|| Err(super::support::gone())),
        ]);
        assert_eq!(all.wait().map(std::mem::forget).unwrap_err().kind(), ErrorKind::JobNotFound);
        // By a limit that passes first.
        let (late, pending) = runtime.promise();
        let limited = pending.timeout(Duration::from_millis(1));
        assert_eq!(limited.wait().map(std::mem::forget).unwrap_err().kind(), ErrorKind::Timeout);
        late.complete(Ok(PanicsWhenDropped));
        // By a completer whose failure nobody sees: what caused that is a value, too.
        let (promise, pending) = runtime.promise::<()>();
        drop(pending);
        let failure = Error::new(ErrorKind::Other, "caused badly").with_source(PanicsWhenDropped);
        catch_unwind(AssertUnwindSafe(|| promise.complete(Err(failure)))).expect("completing does not panic");
        // By inspect, which panics as well.
        let inspected = runtime.spawn(|| Ok(PanicsWhenDropped)).inspect(|_| panic!("inspected badly"));
        let error = inspected.into_receiver().recv().unwrap().map(std::mem::forget).unwrap_err();
        assert_eq!(error.to_string(), "inspected badly");
        assert_alive(&runtime, &before);
        let (_promise, never) = runtime.promise::<()>();
        assert!(never.timeout(Duration::from_millis(1)).wait().is_err(), "the timer lives");
    });
}

#[test]
fn a_waker_that_panics_costs_neither_the_completer_nor_the_result_nor_a_thread() {
    within(HANG, || {
        let runtime = narrow();
        let waker = Waker::from(Arc::new(PanicsWhenWoken));
        let poll = |pending: &mut Pending<u8>| {
            assert!(Pin::new(pending).poll(&mut Context::from_waker(&waker)).is_pending());
        };
        let before = callback_thread(&runtime);

        let (promise, mut pending) = runtime.promise();
        poll(&mut pending);
        catch_unwind(AssertUnwindSafe(|| promise.complete(Ok(1)))).expect("completing does not panic");
        assert_eq!(pending.wait().unwrap(), 1);

        let (promise, pending) = runtime.promise();
        let mut derived = pending.map(|n: u8| n + 1);
        poll(&mut derived);
        promise.complete(Ok(1));
        assert_eq!(derived.wait().unwrap(), 2);
        assert_alive(&runtime, &before);

        let (_promise, pending) = runtime.promise();
        let mut limited = pending.timeout(Duration::from_millis(10));
        poll(&mut limited);
        super::support::settle(|| limited.is_done(), || "the limit did not pass".into());
        let (_promise, pending) = runtime.promise::<u8>();
        assert!(pending.timeout(Duration::from_millis(1)).wait().is_err(), "the timer lives");
    });
}
