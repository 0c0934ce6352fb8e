//! Which thread runs what.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flink_client::{Error, ErrorKind, Pending, Runtime};

use super::support::{HANG, gone, is_callback_thread, later, narrow, occupy, thread_name, within};

/// Every combinator that takes a function, each answering with the name of the thread that runs it.
type Attach = (&'static str, fn(Pending<String>) -> Pending<String>);

const ON_SUCCESS: [Attach; 6] = [
    ("then", |pending| pending.then(|_| Ok(thread_name()))),
    ("map", |pending| pending.map(|_| thread_name())),
    ("and_then", |pending| pending.and_then(|_| Pending::ready(thread_name()))),
    ("handle", |pending| pending.handle(|_| Ok(thread_name()))),
    ("then_queued", |pending| pending.then_queued(|_| Ok(thread_name()))),
    ("inspect", |pending| {
        let name = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&name);
        pending
            .inspect(move |_| *seen.lock().unwrap() = thread_name())
            .map(move |_| name.lock().unwrap().clone())
    }),
];

const ON_FAILURE: [Attach; 2] = [
    ("or_else", |pending| pending.or_else(|_| Ok(thread_name()))),
    ("map_err", |pending| {
        pending.map_err(|_| flink_client::Error::other(thread_name())).or_else(|error| Ok(error.to_string()))
    }),
];

fn attaches() -> impl Iterator<Item = (Attach, bool)> {
    ON_SUCCESS
        .into_iter()
        .map(|attach| (attach, true))
        .chain(ON_FAILURE.into_iter().map(|attach| (attach, false)))
}

fn outcome(success: bool) -> Result<String, flink_client::Error> {
    if success { Ok(String::new()) } else { Err(gone()) }
}

#[test]
fn a_function_attached_to_a_finished_handle_runs_at_once_on_the_registering_thread() {
    within(HANG, || {
        for ((method, attach), success) in attaches().filter(|((method, _), _)| *method != "then_queued") {
            let (pending, complete) = later(&narrow(), outcome(success));
            complete();
            let derived = attach(pending);
            assert!(derived.is_done(), "{method}");
            assert_eq!(derived.wait().unwrap(), "caller", "{method}");
        }
    });
}

#[test]
fn a_function_that_nobody_waits_for_runs_on_a_callback_thread() {
    within(HANG, || {
        let runtime = narrow();
        for ((method, attach), success) in attaches() {
            let (pending, complete) = later(&runtime, outcome(success));
            let receiver = attach(pending).into_receiver();
            complete();
            let name = receiver.recv().unwrap().unwrap();
            assert!(is_callback_thread(&name), "{method}: {name}");
        }
    });
}

#[test]
fn a_function_after_a_passed_limit_runs_on_a_callback_thread_and_not_on_the_timer() {
    within(HANG, || {
        let (_promise, never) = narrow().promise::<String>();
        let limited = never.timeout(Duration::from_millis(1)).or_else(|_| Ok(thread_name()));
        let name = limited.into_receiver().recv().unwrap().unwrap();
        assert!(is_callback_thread(&name), "{name}");
    });
}

#[test]
fn a_waiting_thread_runs_its_own_chain_when_no_callback_thread_is_free() {
    within(HANG, || {
        for ((method, attach), success) in attaches() {
            let runtime = narrow();
            let busy = occupy(&runtime);
            let (pending, complete) = later(&runtime, outcome(success));
            let derived = attach(pending);
            let completer = thread::spawn(complete);
            assert_eq!(derived.wait().unwrap(), "caller", "{method}");
            completer.join().unwrap();
            drop(busy);
        }
    });
}

#[test]
fn a_function_that_is_queued_already_is_claimed_by_the_thread_that_waits_for_it() {
    within(HANG, || {
        let runtime = narrow();
        let busy = occupy(&runtime);
        assert_eq!(runtime.spawn(|| Ok(thread_name())).wait().unwrap(), "caller");
        assert_eq!(runtime.spawn(|| Ok(())).map(|()| thread_name()).wait().unwrap(), "caller");
        let all = Pending::all((0..3).map(|_| runtime.spawn(|| Ok(thread_name()))));
        assert_eq!(all.wait().unwrap(), ["caller"; 3]);
        let inner = runtime.clone();
        let linked = runtime.spawn(|| Ok(())).and_then(move |()| inner.spawn(|| Ok(thread_name())));
        assert_eq!(linked.wait().unwrap(), "caller");
        let mut completed = Pending::as_completed((0..3).map(|_| runtime.spawn(|| Ok(thread_name()))));
        assert!(completed.all(|(_, name)| name.unwrap() == "caller"));
        drop(busy);
    });
}

#[test]
fn a_waiting_thread_runs_nothing_of_other_chains() {
    within(HANG, || {
        let runtime = narrow();
        let busy = occupy(&runtime);
        let foreign = runtime.spawn(|| Ok(thread_name())).into_receiver();
        for _ in 0..100 {
            assert_eq!(runtime.spawn(|| Ok(1)).wait().unwrap(), 1);
        }
        assert!(foreign.try_recv().is_err(), "a waiter ran a foreign step");
        drop(busy);
        assert!(is_callback_thread(&foreign.recv().unwrap().unwrap()));
    });
}

#[test]
fn a_limited_wait_runs_functions_on_callback_threads_only() {
    within(HANG, || {
        let runtime = narrow();
        let busy = occupy(&runtime);
        let queued = runtime.spawn(|| Ok(thread_name()));
        let queued = queued.wait_timeout(Duration::from_millis(20)).expect_err("this is no callback thread");
        drop(busy);
        assert!(is_callback_thread(&queued.wait_timeout(HANG).unwrap().unwrap()));

        let inner = runtime.clone();
        let in_callback = runtime.spawn(move || {
            let own = inner.spawn(|| Ok(thread_name())).map(|name| name);
            Ok((own.wait_timeout(HANG).expect("it runs here")?, thread_name()))
        });
        let (inner, outer) = in_callback.into_receiver().recv().unwrap().unwrap();
        assert_eq!(inner, outer);
    });
}

#[test]
fn a_thread_that_waits_behind_a_limit_is_not_kept_by_a_function_and_a_callback_thread_still_runs_it() {
    within(HANG, || {
        let runtime = narrow();
        let busy = occupy(&runtime);
        let (release, released) = crossbeam_channel::bounded::<()>(0);
        let endless = runtime.spawn(move || released.recv().map_err(Error::other));
        let error = endless.timeout(Duration::from_millis(1)).wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        drop(release);

        // Whoever waits for what comes after the limit waits for the limit, too.
        let queued = runtime.spawn(|| Ok(thread_name()));
        let after = queued.timeout(Duration::from_millis(1)).or_else(|error| Ok(error.to_string()));
        assert!(after.wait().unwrap().starts_with("no result within"));
        drop(busy);

        let inner = runtime.clone();
        let in_callback = runtime.spawn(move || {
            let own = inner.spawn(|| Ok(thread_name())).timeout(HANG).wait()?;
            Ok((own, thread_name()))
        });
        let (inner, outer) = in_callback.into_receiver().recv().unwrap().unwrap();
        assert_eq!(inner, outer);
    });
}

#[test]
fn a_function_attached_to_a_finished_handle_is_queued_where_the_handle_came_from() {
    within(HANG, || {
        let runtime = narrow();
        let id = || thread::current().id();
        let own = runtime.spawn(move || Ok(id())).into_receiver().recv().unwrap().unwrap();
        let continued: [fn(Pending<()>) -> Pending<()>; 5] = [
            |pending| pending,
            |pending| pending.then(Ok),
            |pending| pending.and_then(Pending::ready),
            |pending| pending.timeout(HANG),
            |pending| pending.then(Ok).timeout(HANG).map(|()| ()),
        ];
        for (way, continued) in continued.into_iter().enumerate() {
            let (pending, complete) = later(&runtime, Ok(()));
            complete();
            let queued = continued(pending).then_queued(move |()| Ok(id()));
            assert_eq!(queued.into_receiver().recv().unwrap().unwrap(), own, "{way}");
        }
    });
}

#[test]
fn looking_and_asking_run_nothing() {
    within(HANG, || {
        let runtime = narrow();
        let busy = occupy(&runtime);
        let queued = runtime.spawn(|| Ok(thread_name()));
        assert!(!queued.is_done());
        let queued = queued.try_wait().unwrap_err();
        assert!(!queued.is_done());
        drop(busy);
        assert!(is_callback_thread(&queued.into_receiver().recv().unwrap().unwrap()));
    });
}

#[test]
fn completing_a_promise_runs_no_function_on_the_completing_thread() {
    within(HANG, || {
        let runtime = narrow();
        let (promise, pending) = runtime.promise();
        let receiver = pending.then(|()| Ok(thread_name())).into_receiver();
        // Even when nobody else holds the runtime any more.
        drop(runtime);
        promise.complete(Ok(()));
        let name = receiver.recv().unwrap().unwrap();
        assert!(is_callback_thread(&name), "{name}");
    });
}

#[test]
fn then_queued_may_be_registered_under_the_lock_that_its_function_takes() {
    within(HANG, || {
        let lock = Arc::new(Mutex::new(0));
        let guard = lock.lock().unwrap();
        let inner = Arc::clone(&lock);
        let handle = Pending::ready(1).then_queued(move |n| {
            *inner.lock().unwrap() += n;
            Ok(())
        });
        drop(guard);
        handle.wait().unwrap();
        assert_eq!(*lock.lock().unwrap(), 1);
    });
}

#[test]
fn two_callback_threads_run_two_callbacks_at_once_however_they_come() {
    // A woken thread that has not come yet must not count as free for a second step.
    within(HANG, || {
        let runtime = Runtime::builder().io_threads(1).callback_threads(2).build().unwrap();
        for _ in 0..500 {
            let meeting = Arc::new(std::sync::Barrier::new(2));
            let meet = |meeting: &Arc<std::sync::Barrier>| {
                let meeting = Arc::clone(meeting);
                runtime.spawn(move || Ok(meeting.wait().is_leader())).into_receiver()
            };
            let (one, two) = (meet(&meeting), meet(&meeting));
            assert!(one.recv().unwrap().unwrap() != two.recv().unwrap().unwrap());
        }
    });
}

#[test]
fn of_two_steps_that_one_thread_waits_for_a_callback_thread_takes_one() {
    within(HANG, || {
        let runtime = narrow();
        for _ in 0..100 {
            let meeting = Arc::new(std::sync::Barrier::new(2));
            let meet = |pending: Pending<()>| {
                let meeting = Arc::clone(&meeting);
                pending.map(move |()| meeting.wait().is_leader())
            };
            let ((one, complete_one), (two, complete_two)) =
                (later(&runtime, Ok(())), later(&runtime, Ok(())));
            let both = meet(one).zip(meet(two));
            let completer = thread::spawn(move || {
                complete_one();
                complete_two();
            });
            let (one, two) = both.wait().unwrap();
            assert!(one != two);
            completer.join().unwrap();
        }
    });
}

#[test]
fn what_nobody_waits_for_is_run_even_where_waiters_ran_all_that_was_before_it() {
    within(HANG, || {
        let runtime = narrow();
        for round in 0..200 {
            for n in 0..round % 20 {
                assert_eq!(runtime.spawn(move || Ok(n)).wait().unwrap(), n);
            }
            // One that is let go, one that is received, one that is looked at, several at once.
            let (done, seen) = crossbeam_channel::bounded(4);
            let report = |n| {
                let done = done.clone();
                move || done.send(n).map_err(flink_client::Error::other)
            };
            match round % 4 {
                0 => {
                    drop(runtime.spawn(report(0)));
                    seen.recv().unwrap();
                }
                1 => runtime.spawn(report(0)).into_receiver().recv().unwrap().unwrap(),
                2 => runtime.spawn(report(0)).wait_timeout(HANG).unwrap().unwrap(),
                _ => {
                    (0..4).for_each(|n| drop(runtime.spawn(report(n))));
                    let mut all: Vec<i32> = seen.iter().take(4).collect();
                    all.sort_unstable();
                    assert_eq!(all, [0, 1, 2, 3]);
                }
            }
        }
    });
}
