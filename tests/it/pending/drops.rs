//! Every value and every function is dropped exactly once, on each path.

use std::sync::Arc;
use std::time::Duration;

use flink_client::{Error, Pending, Runtime};

use super::support::{HANG, Tally, Token, gone, is_callback_thread, narrow, thread_name, within};

/// What becomes of a handle.
type End = (&'static str, fn(Pending<Token>));

const ENDS: [End; 9] = [
    ("waited for", |pending| drop(pending.wait())),
    ("waited for in vain, then dropped", |pending| drop(pending.wait_timeout(Duration::ZERO))),
    ("looked at, then dropped", |pending| drop(pending.try_wait())),
    ("dropped", drop),
    ("cancelled", Pending::cancel),
    ("received", |pending| drop(pending.into_receiver().recv())),
    ("receiver dropped", |pending| drop(pending.into_receiver())),
    ("limited to nothing", |pending| drop(pending.timeout(Duration::ZERO).wait())),
    ("awaited", |pending| drop(pollster::block_on(pending))),
];

/// What is made of a handle. Each function holds a token and the value holds one.
type Make = (&'static str, fn(Pending<Token>, &Tally) -> Pending<Token>);

const MAKES: [Make; 12] = [
    ("nothing", |pending, _| pending),
    ("then", |pending, tally| {
        let captured = tally.token();
        pending.then(move |value| {
            drop(captured);
            Ok(value)
        })
    }),
    ("then that panics", |pending, tally| {
        let captured = tally.token();
        pending.then(move |_| {
            let _captured = captured;
            panic!("oh")
        })
    }),
    ("then_queued", |pending, tally| {
        let captured = tally.token();
        pending.then_queued(move |_| Ok(captured))
    }),
    ("and_then ready", |pending, tally| {
        let captured = tally.token();
        pending.and_then(move |_| Pending::ready(captured))
    }),
    ("and_then spawned", |pending, tally| {
        let captured = tally.token();
        pending.and_then(move |_| Runtime::shared().spawn(move || Ok(captured)))
    }),
    ("and_then that nobody completes", |pending, tally| {
        let captured = tally.token();
        pending.and_then(move |_| {
            drop(captured);
            Pending::promise().1
        })
    }),
    ("handle and or_else", |pending, tally| {
        let (one, two) = (tally.token(), tally.token());
        pending
            .handle(move |outcome| {
                drop(one);
                outcome
            })
            .or_else(move |_| Ok(two))
    }),
    ("inspect that panics", |pending, tally| {
        let captured = tally.token();
        pending.inspect(move |_| {
            let _captured = &captured;
            panic!("oh")
        })
    }),
    ("all, any and first", |pending, tally| {
        let others = [Pending::ready(tally.token()), pending];
        let all = Pending::all(others).then(|mut values| Ok(values.remove(0)));
        let any = Pending::any([Pending::failed(gone()), all]);
        Pending::first([Pending::promise().1, any])
    }),
    ("zip and all_settled", |pending, tally| {
        let zipped = pending.zip(Pending::ready(tally.token())).map(|(value, _)| value);
        Pending::all_settled([zipped]).then(|mut outcomes| outcomes.remove(0))
    }),
    ("a generous limit", |pending, _| pending.timeout(HANG)),
];

#[test]
fn every_value_and_every_function_is_dropped_exactly_once_on_each_path() {
    within(HANG, || {
        for (made, make) in MAKES {
            for (ended, end) in ENDS {
                for source in ["before", "meanwhile", "after", "failure", "never"] {
                    let runtime = narrow();
                    let tally = Tally::default();
                    let (promise, pending) = runtime.promise();
                    let value = tally.token();
                    let _counted = tally.token();
                    // What waits without a limit would wait for ever for a result that comes after.
                    let blocks = ["waited for", "received", "awaited"].contains(&ended);
                    match source {
                        "before" => {
                            promise.complete(Ok(value));
                            end(make(pending, &tally));
                        }
                        "meanwhile" => {
                            let handle = make(pending, &tally);
                            let completer = std::thread::spawn(move || promise.complete(Ok(value)));
                            end(handle);
                            completer.join().unwrap();
                        }
                        "after" if !blocks => {
                            end(make(pending, &tally));
                            promise.complete(Ok(value));
                        }
                        "failure" => {
                            drop(value);
                            let handle = make(pending, &tally);
                            promise.complete(Err(gone()));
                            end(handle);
                        }
                        _ => {
                            drop(value);
                            let handle = make(pending, &tally);
                            drop(promise);
                            end(handle);
                        }
                    }
                    drop(_counted);
                    tally.assert_all_dropped(&format!("{made}, {ended}, completed {source}"));
                }
            }
        }
    });
}

#[test]
fn a_runtime_that_goes_drops_what_was_queued_in_it_after_running_it() {
    within(HANG, || {
        let tally = Tally::default();
        {
            let runtime = narrow();
            for _ in 0..1000 {
                let captured = tally.token();
                drop(runtime.spawn(move || {
                    drop(captured);
                    Ok(())
                }));
            }
        }
        assert_eq!(tally.dropped(), 1000, "what is queued is finished before the runtime is gone");
    });
}

#[test]
fn what_a_passed_limit_gives_up_is_dropped_on_a_callback_thread_and_not_on_the_timer() {
    struct Tells(crossbeam_channel::Sender<String>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(thread_name());
        }
    }

    within(HANG, || {
        let (dropped_at, dropped) = crossbeam_channel::bounded(1);
        let (_promise, never) = narrow().promise();
        let all = Pending::all([Pending::ready(Tells(dropped_at)), never]);
        assert!(all.timeout(Duration::from_millis(1)).wait().is_err());
        let name = dropped.recv().unwrap();
        assert!(is_callback_thread(&name), "{name}");
    });
}

#[test]
fn a_waker_is_held_only_while_it_can_be_needed() {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Wake, Waker};

    struct Nothing;
    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }

    let runtime = narrow();
    let (one, two) = (Arc::new(Nothing), Arc::new(Nothing));
    let poll = |pending: &mut Pending<u8>, waker: &Arc<Nothing>| {
        let waker = Waker::from(Arc::clone(waker));
        assert!(Pin::new(pending).poll(&mut Context::from_waker(&waker)).is_pending());
    };
    let counts = || (Arc::strong_count(&one), Arc::strong_count(&two));

    let (promise, mut pending) = runtime.promise::<u8>();
    poll(&mut pending, &one);
    poll(&mut pending, &one);
    assert_eq!(counts(), (2, 1));
    poll(&mut pending, &two);
    assert_eq!(counts(), (1, 2), "the task moved on");
    drop(pending);
    assert_eq!(counts(), (1, 1), "the task was dropped");
    drop(promise);

    let (promise, mut pending) = runtime.promise::<u8>();
    poll(&mut pending, &one);
    promise.complete(Ok(1));
    assert_eq!(counts(), (1, 1), "it was woken");
    assert_eq!(pending.wait().unwrap(), 1);
}

#[test]
fn an_error_reaches_the_end_of_a_chain_as_the_same_error() {
    let (promise, pending) = narrow().promise::<u8>();
    let token = Tally::default();
    let held = token.token();
    let receiver = pending.then(Ok).map(|n| n).and_then(Pending::ready).into_receiver();
    promise.complete(Err(Error::other(Holder(held))));
    let error = receiver.recv().unwrap().unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().is::<Holder>());
    assert_eq!(token.dropped(), 0);
    drop(error);
    assert_eq!(token.dropped(), 1);
}

struct Holder(#[allow(dead_code)] Token);

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("holder")
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("holder")
    }
}

impl std::error::Error for Holder {}
