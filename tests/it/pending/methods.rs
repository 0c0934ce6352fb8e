//! Every method with every outcome: success, failure, panic, lost completer; done before it is called, and after.

use std::time::{Duration, Instant};

use flink_client::{Error, ErrorKind, Pending, Runtime};

use super::support::{HANG, gone, later, narrow, within};

/// What a source can come to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Success,
    Failure,
    Lost,
}

/// The outcome of `method` on every source, each done before and after the method is called, each waited for, limited,
/// awaited and received. All ways must agree.
fn on_all(
    method: fn(Pending<u32>) -> Pending<u32>,
    expected: impl Fn(Outcome) -> Result<u32, (ErrorKind, &'static str)>,
) {
    let runtime = narrow();
    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Lost] {
        for done_before in [true, false] {
            for take in TAKES {
                let (promise, pending) = runtime.promise();
                let complete = move || match outcome {
                    Outcome::Success => promise.complete(Ok(42)),
                    Outcome::Failure => promise.complete(Err(gone())),
                    Outcome::Lost => drop(promise),
                };
                let result = if done_before {
                    complete();
                    take.1(method(pending))
                } else {
                    let derived = method(pending);
                    assert!(!derived.is_done());
                    let completer = std::thread::spawn(complete);
                    let result = take.1(derived);
                    completer.join().unwrap();
                    result
                };
                let result = result.map_err(|error| (error.kind(), error.to_string()));
                let expected = expected(outcome).map_err(|(kind, text)| (kind, text.to_owned()));
                assert_eq!(result, expected, "{outcome:?}, done before: {done_before}, {}", take.0);
            }
        }
    }
}

type Take = (&'static str, fn(Pending<u32>) -> Result<u32, Error>);

const TAKES: [Take; 6] = [
    ("wait", Pending::wait),
    ("wait_timeout", |pending| pending.wait_timeout(HANG).expect("in time")),
    ("wait_deadline", |pending| pending.wait_deadline(Instant::now() + HANG).expect("in time")),
    ("try_wait", |mut pending| {
        loop {
            match pending.try_wait() {
                Ok(result) => return result,
                Err(back) => pending = back,
            }
            std::thread::yield_now();
        }
    }),
    ("await", |pending| pollster::block_on(pending)),
    ("into_receiver", |pending| pending.into_receiver().recv().expect("one message")),
];

const GONE: (ErrorKind, &str) = (ErrorKind::JobNotFound, "gone");
const LOST: (ErrorKind, &str) = (ErrorKind::Closed, "the promise was dropped without a result");

fn passes_on(outcome: Outcome) -> Result<u32, (ErrorKind, &'static str)> {
    match outcome {
        Outcome::Success => Ok(42),
        Outcome::Failure => Err(GONE),
        Outcome::Lost => Err(LOST),
    }
}

#[test]
fn an_outcome_arrives_as_it_is_by_every_way_of_taking_it() {
    within(HANG, || on_all(|pending| pending, passes_on));
}

#[test]
fn then_continues_a_success_and_passes_a_failure_on_unwrapped() {
    within(HANG, || {
        on_all(|pending| pending.then(|n| Ok(n + 1)), |outcome| passes_on(outcome).map(|n| n + 1));
        on_all(
            |pending| pending.then(|_| Err(Error::new(ErrorKind::Decode, "odd"))),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Decode, "odd"))),
        );
        on_all(
            |pending| pending.then(|_| panic!("oh")),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Panicked, "oh"))),
        );
    });
}

#[test]
fn then_queued_does_what_then_does() {
    within(HANG, || {
        let queued = |pending: Pending<u32>| {
            let caller = std::thread::current().id();
            pending.then_queued(move |n| {
                assert_ne!(caller, std::thread::current().id());
                Ok(n)
            })
        };
        let runtime = narrow();
        let (pending, complete) = later(&runtime, Ok(42));
        complete();
        assert_eq!(queued(pending).into_receiver().recv().unwrap().unwrap(), 42);
        assert_eq!(queued(Pending::ready(42)).into_receiver().recv().unwrap().unwrap(), 42);
        on_all_but_try_wait(|pending| pending.then_queued(|n| Ok(n + 1)), |o| passes_on(o).map(|n| n + 1));
        on_all_but_try_wait(
            |pending| pending.then_queued(|_| panic!("oh")),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Panicked, "oh"))),
        );
    });
}

/// Named for what differs: nothing does, but a queued function is not done when the method returns.
fn on_all_but_try_wait(
    method: fn(Pending<u32>) -> Pending<u32>,
    expected: impl Fn(Outcome) -> Result<u32, (ErrorKind, &'static str)>,
) {
    on_all(method, expected);
}

#[test]
fn map_and_map_err_change_one_outcome_each() {
    within(HANG, || {
        on_all(|pending| pending.map(|n| n + 1), |outcome| passes_on(outcome).map(|n| n + 1));
        on_all(
            |pending| pending.map(|_| panic!("oh")),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Panicked, "oh"))),
        );
        on_all(
            |pending| pending.map_err(|_| Error::new(ErrorKind::Decode, "odd")),
            |outcome| passes_on(outcome).or(Err((ErrorKind::Decode, "odd"))),
        );
        on_all(
            |pending| pending.map_err(|_| panic!("oh")),
            |outcome| passes_on(outcome).or(Err((ErrorKind::Panicked, "oh"))),
        );
    });
}

#[test]
fn and_then_continues_a_success_with_a_handle() {
    within(HANG, || {
        on_all(|pending| pending.and_then(|n| Pending::ready(n + 1)), |o| passes_on(o).map(|n| n + 1));
        on_all(
            |pending| pending.and_then(|n| Runtime::shared().spawn(move || Ok(n + 1))),
            |outcome| passes_on(outcome).map(|n| n + 1),
        );
        on_all(
            |pending| pending.and_then(|_| Pending::failed(Error::new(ErrorKind::Decode, "odd"))),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Decode, "odd"))),
        );
        on_all(
            |pending| pending.and_then(|_| Runtime::shared().promise().1),
            |outcome| passes_on(outcome).and(Err(LOST)),
        );
        on_all(
            |pending| pending.and_then(|_| panic!("oh")),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Panicked, "oh"))),
        );
    });
}

#[test]
fn handle_sees_both_outcomes() {
    within(HANG, || {
        on_all(
            |pending| pending.handle(|outcome| Ok(outcome.map_or(0, |n| n + 1))),
            |outcome| Ok(passes_on(outcome).map_or(0, |n| n + 1)),
        );
        on_all(
            |pending| pending.handle(|_| Err(Error::new(ErrorKind::Decode, "odd"))),
            |_| Err((ErrorKind::Decode, "odd")),
        );
        on_all(|pending| pending.handle(|_| panic!("oh")), |_| Err((ErrorKind::Panicked, "oh")));
    });
}

#[test]
fn or_else_sees_failures_only() {
    within(HANG, || {
        on_all(|pending| pending.or_else(|_| Ok(0)), |outcome| Ok(passes_on(outcome).unwrap_or(0)));
        on_all(
            |pending| pending.or_else(|_| Err(Error::new(ErrorKind::Decode, "odd"))),
            |outcome| passes_on(outcome).or(Err((ErrorKind::Decode, "odd"))),
        );
        on_all(
            |pending| pending.or_else(|_| panic!("oh")),
            |outcome| passes_on(outcome).or(Err((ErrorKind::Panicked, "oh"))),
        );
    });
}

#[test]
fn inspect_passes_the_outcome_on_and_its_panic_spoils_a_success_only() {
    within(HANG, || {
        let (sender, seen) = crossbeam_channel::unbounded();
        Pending::ready(1)
            .inspect(move |outcome| sender.send(*outcome.as_ref().unwrap()).unwrap())
            .wait()
            .unwrap();
        assert_eq!(seen.recv().unwrap(), 1);
        on_all(|pending| pending.inspect(|_| ()), passes_on);
        on_all(
            |pending| pending.inspect(|_| panic!("oh")),
            |outcome| passes_on(outcome).and(Err((ErrorKind::Panicked, "oh"))),
        );
    });
}

#[test]
fn a_generous_limit_changes_nothing() {
    within(HANG, || {
        on_all(|pending| pending.timeout(HANG), passes_on);
        on_all(|pending| pending.timeout(Duration::MAX), passes_on);
    });
}

#[test]
fn joins_of_one_handle_pass_its_outcome_on() {
    within(HANG, || {
        on_all(|pending| Pending::all([pending]).map(|values| values[0]), passes_on);
        on_all(|pending| Pending::first([pending]), passes_on);
        on_all(|pending| pending.zip(Pending::ready(())).map(|(n, ())| n), passes_on);
        on_all(|pending| Pending::ready(()).zip(pending).map(|((), n)| n), passes_on);
        on_all(|pending| Pending::all_settled([pending]).then(|mut all| all.remove(0)), passes_on);
        on_all(
            |pending| Pending::any([pending]),
            |outcome| match outcome {
                Outcome::Success => Ok(42),
                Outcome::Failure => Err((ErrorKind::JobNotFound, "all 1 failed: gone")),
                Outcome::Lost => {
                    Err((ErrorKind::Closed, "all 1 failed: the promise was dropped without a result"))
                }
            },
        );
    });
}

#[test]
fn ready_and_failed_are_done_from_the_start() {
    assert!(Pending::ready(1).is_done());
    assert_eq!(Pending::ready(1).try_wait().unwrap().unwrap(), 1);
    assert!(Pending::<u32>::failed(gone()).is_done());
    assert_eq!(
        Pending::<u32>::failed(gone()).try_wait().unwrap().unwrap_err().kind(),
        ErrorKind::JobNotFound
    );
}

#[test]
fn a_passed_limit_hands_the_handle_back_and_the_result_still_comes() {
    within(HANG, || {
        let (pending, complete) = later(&narrow(), Ok(42));
        let begun = Instant::now();
        let pending = pending.wait_timeout(Duration::from_millis(20)).unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let pending = pending.wait_timeout(Duration::ZERO).unwrap_err();
        let pending = pending.wait_deadline(begun).unwrap_err();
        let pending = pending.then(|n| Ok(n + 1)).wait_timeout(Duration::from_millis(1)).unwrap_err();
        let pending = pending.try_wait().unwrap_err();
        complete();
        assert_eq!(pending.wait_timeout(HANG).unwrap().unwrap(), 43);
    });
}

#[test]
fn a_result_that_is_there_is_taken_even_when_the_limit_has_passed() {
    let (pending, complete) = later(&narrow(), Ok(42));
    complete();
    assert_eq!(pending.wait_timeout(Duration::ZERO).unwrap().unwrap(), 42);
}

#[test]
fn timeout_completes_with_its_kind_lets_go_of_its_source_and_runs_what_was_attached() {
    within(HANG, || {
        let runtime = narrow();
        let (promise, pending) = runtime.promise::<u32>();
        let begun = Instant::now();
        let error = pending.timeout(Duration::from_millis(20)).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(begun.elapsed() >= Duration::from_millis(20));
        assert!(promise.is_unwanted());

        let (promise, pending) = runtime.promise::<u32>();
        let error = pending.then(Ok).timeout(Duration::ZERO).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(!promise.is_unwanted(), "the function before the limit still wants it");

        let (_promise, pending) = runtime.promise::<u32>();
        let mended = pending.timeout(Duration::ZERO).or_else(|error| Ok(error.is_timeout().into()));
        assert_eq!(mended.wait().unwrap(), 1);
    });
}

#[test]
fn a_limit_is_noticed_while_every_other_thread_is_busy() {
    within(HANG, || {
        let runtime = narrow();
        let busy = super::support::occupy(&runtime);
        let (_promise, pending) = runtime.promise::<u32>();
        let error = pending.timeout(Duration::from_millis(1)).into_receiver().recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        drop(busy);
    });
}

#[test]
fn cancel_drops_the_functions_and_tells_the_promise() {
    within(HANG, || {
        let (promise, pending) = narrow().promise::<u32>();
        let cancelled = pending
            .then(|_| -> Result<u32, Error> { unreachable!("cancelled before") })
            .and_then(|_| -> Pending<u32> { unreachable!("cancelled before") })
            .timeout(HANG);
        cancelled.cancel();
        assert!(promise.is_unwanted());
        promise.complete(Ok(1));
    });
}

#[test]
fn cancel_keeps_back_a_function_that_is_queued() {
    within(HANG, || {
        let runtime = narrow();
        let release = super::support::occupy(&runtime);
        let (sender, ran) = crossbeam_channel::unbounded();
        let second = sender.clone();
        runtime.spawn(move || sender.send("cancelled").map_err(Error::other)).cancel();
        drop(runtime.spawn(move || second.send("dropped").map_err(Error::other)));
        drop(release);
        assert_eq!(ran.recv().unwrap(), "dropped");
        assert!(ran.recv().is_err());
    });
}

#[test]
fn cancelling_while_the_function_runs_cancels_the_handle_that_it_answers_with() {
    within(HANG, || {
        for how in ["cancel", "drop"] {
            let runtime = narrow();
            let (promise, inner) = runtime.promise::<u32>();
            let (running_at, running) = crossbeam_channel::bounded(0);
            let (go_at, go) = crossbeam_channel::bounded::<()>(0);
            let (begin_at, begin) = crossbeam_channel::bounded::<()>(0);
            let source = runtime.spawn(move || {
                begin.recv().unwrap();
                Ok(())
            });
            let outer = source.and_then(move |()| {
                running_at.send(()).unwrap();
                go.recv().unwrap();
                inner.then(Ok)
            });
            // By the lane, not by the thread that will let go: so not before the function is attached.
            begin_at.send(()).unwrap();
            running.recv().unwrap();
            if how == "cancel" {
                outer.cancel();
            } else {
                drop(outer);
            }
            go_at.send(()).unwrap();
            if how == "cancel" {
                super::support::settle(|| promise.is_unwanted(), || "it is still wanted".into());
            } else {
                // A function was attached to it, which a drop leaves alone.
                runtime.spawn(|| Ok(())).wait().unwrap();
                assert!(!promise.is_unwanted());
            }
            promise.complete(Ok(1));
        }
    });
}
