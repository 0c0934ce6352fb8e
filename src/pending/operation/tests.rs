use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::*;

const HANG: Duration = Duration::from_secs(60);

fn narrow() -> Runtime {
    Runtime::builder().io_threads(1).callback_threads(1).build().unwrap()
}

fn operating() -> Arc<Operating> {
    let (job, trigger) = ("00000000000000000000000000000001", "00000000000000000000000000000002");
    Arc::new(Operating::new("testing").job(job.parse().unwrap()).trigger(trigger.parse().unwrap()))
}

fn thread_name() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

/// Waits for what another thread brings about.
fn until(condition: impl Fn() -> bool) {
    let limit = Instant::now() + HANG;
    while !condition() {
        assert!(Instant::now() < limit, "it never came about");
        thread::yield_now();
    }
}

/// A request that is under way until `release` is dropped.
fn request() -> (Sender<()>, Receiver<()>, impl FnOnce() + Send) {
    let (release, released) = bounded::<()>(0);
    let (begun_at, begun) = bounded(1);
    let request = move || {
        let _ = begun_at.send(());
        let _ = released.recv();
    };
    (release, begun, request)
}

/// Keeps the only request thread busy until the returned sender is dropped.
fn occupy(runtime: &Runtime) -> Sender<()> {
    let (release, begun, request) = request();
    drop(start(runtime, None, operating(), async move {
        request();
        Ok(())
    }));
    begun.recv_timeout(HANG).unwrap();
    release
}

/// A machine that polls for ever, and the number of its looks; both are dropped with it.
fn polling(
    runtime: &Runtime,
    operating: &Arc<Operating>,
    looks: &Arc<AtomicUsize>,
) -> impl Future<Output = Result<u32>> + Send + use<> {
    let (core, operating, looks) = (Arc::clone(runtime.core()), Arc::clone(operating), Arc::clone(looks));
    async move {
        operating.follow()?;
        operating.enter(Phase::Polling);
        loop {
            looks.fetch_add(1, Ordering::SeqCst);
            core.sleep(Duration::from_millis(1)).await;
        }
    }
}

#[test]
fn an_operation_starts_unwaited_on_a_request_thread() {
    let (sender, receiver) = bounded(1);
    let runtime = narrow();
    let _unwaited = start(&runtime, None, operating(), async move {
        sender.send(thread_name()).unwrap();
        Ok(())
    });
    assert_eq!(receiver.recv_timeout(HANG).unwrap(), "flink-client-io-1");
}

#[test]
fn a_waiting_thread_runs_a_request_that_nobody_has_begun_if_a_connection_is_free() {
    let runtime = narrow();
    let busy = occupy(&runtime);
    let scope = Arc::new(Scope::default());
    scope.connection_is_free(HANG);
    let begun = start(&runtime, Some(&scope), operating(), async { Ok(thread_name()) });
    assert_eq!(begun.wait().unwrap(), thread_name());

    scope.no_connection();
    let left = start(&runtime, Some(&scope), operating(), async { Ok(thread_name()) });
    let waiter = thread::spawn(|| left.wait());
    drop(busy);
    assert_eq!(waiter.join().unwrap().unwrap(), "flink-client-io-1");
}

#[test]
fn a_waiting_thread_runs_the_request_of_a_linked_operation() {
    let runtime = narrow();
    let busy = occupy(&runtime);
    let inner = runtime.clone();
    let linked = runtime
        .spawn(|| Ok(()))
        .and_then(move |()| start(&inner, None, operating(), async { Ok(thread_name()) }));
    assert_eq!(linked.wait().unwrap(), thread_name());
    drop(busy);
}

#[test]
fn a_limited_wait_and_a_choice_run_no_request() {
    let runtime = narrow();
    let busy = occupy(&runtime);
    let queued = || start(&runtime, None, operating(), async { Ok(thread_name()) });
    let limited = queued().wait_timeout(Duration::from_millis(10)).unwrap_err();
    let choice = Pending::first([queued(), queued()]).wait_timeout(Duration::from_millis(10)).unwrap_err();
    let waiter = thread::spawn(|| {
        let joined = Pending::all([limited, choice]);
        joined.timeout(HANG).wait()
    });
    drop(busy);
    assert_eq!(waiter.join().unwrap().unwrap(), ["flink-client-io-1"; 2]);
}

#[test]
fn functions_after_an_operation_run_on_a_callback_thread_or_the_waiting_one_never_on_the_request_thread() {
    let runtime = narrow();
    let (release, begun, request) = request();
    let operation = start(&runtime, None, operating(), async move {
        request();
        Ok(())
    });
    begun.recv_timeout(HANG).unwrap();
    let received = operation.map(|()| thread_name()).into_receiver();
    drop(release);
    assert_eq!(received.recv_timeout(HANG).unwrap().unwrap(), "flink-client-cb-1");
}

#[test]
fn closing_completes_an_operation_in_every_phase() {
    type Arrange = fn(&Runtime, &Arc<Scope>, &Arc<AtomicUsize>) -> (Pending<u32>, Box<dyn Send>);
    let phases: [(&str, Arrange); 6] = [
        ("queued", |runtime, scope, held| {
            let busy = occupy(runtime);
            let held = Arc::clone(held);
            let queued = start(runtime, Some(scope), operating(), async move {
                held.fetch_add(1, Ordering::SeqCst);
                unreachable!("closed before it began")
            });
            (queued, Box::new(busy))
        }),
        ("in a request", |runtime, scope, held| {
            let (release, begun, request) = request();
            let held = Arc::clone(held);
            let running = start(runtime, Some(scope), operating(), async move {
                request();
                Ok(held.load(Ordering::SeqCst).try_into().unwrap())
            });
            begun.recv_timeout(HANG).unwrap();
            (running, Box::new(release))
        }),
        ("in a request before a delay", |runtime, scope, held| {
            let (release, begun, request) = request();
            let (held, core) = (Arc::clone(held), Arc::clone(runtime.core()));
            let running = start(runtime, Some(scope), operating(), async move {
                request();
                core.sleep(HANG).await;
                Ok(held.load(Ordering::SeqCst).try_into().unwrap())
            });
            begun.recv_timeout(HANG).unwrap();
            (running, Box::new(release))
        }),
        ("waiting for a delay", |runtime, scope, held| {
            let (held, core) = (Arc::clone(held), Arc::clone(runtime.core()));
            let waiting = start(runtime, Some(scope), operating(), async move {
                core.sleep(HANG).await;
                Ok(held.load(Ordering::SeqCst).try_into().unwrap())
            });
            until(|| runtime.core().timer().len() == 1);
            (waiting, Box::new(()))
        }),
        ("polling", |runtime, scope, held| {
            let operating = operating();
            let machine = polling(runtime, &operating, held);
            let polling = start(runtime, Some(scope), operating, machine);
            let looks = Arc::clone(held);
            until(|| looks.load(Ordering::SeqCst) > 3);
            (polling, Box::new(()))
        }),
        ("waiting for another handle", |runtime, scope, held| {
            let (promise, inner) = runtime.promise::<u32>();
            let held = Arc::clone(held);
            let (begun_at, begun) = bounded(1);
            let waiting = start(runtime, Some(scope), operating(), async move {
                let _held = held;
                begun_at.send(()).unwrap();
                inner.await
            });
            begun.recv_timeout(HANG).unwrap();
            (waiting, Box::new(promise))
        }),
    ];
    for (phase, arrange) in phases {
        for observed_by in ["handle", "waiter", "chain"] {
            let runtime = narrow();
            let scope = Arc::new(Scope::default());
            let held = Arc::new(AtomicUsize::new(0));
            let (pending, rest) = arrange(&runtime, &scope, &held);
            let error = match observed_by {
                "handle" => {
                    scope.close();
                    assert!(pending.is_done(), "{phase}");
                    pending.wait()
                }
                "waiter" => {
                    let waiter = thread::spawn(|| pending.wait_timeout(HANG).expect("it is closed"));
                    scope.close();
                    waiter.join().unwrap()
                }
                _ => {
                    let joined = Pending::all([pending.then(Ok).timeout(HANG)]).map(|all| all[0]);
                    let receiver = joined.into_receiver();
                    scope.close();
                    receiver.recv_timeout(HANG).unwrap()
                }
            }
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{phase}");
            assert_eq!(error.to_string(), "testing: the client was closed", "{phase}");
            assert!(error.job_id().is_some() && error.trigger_id().is_some(), "{phase}");
            assert_eq!(scope.open(), 0, "{phase}");
            drop(rest);
            until(|| Arc::strong_count(&held) == 1);
            until(|| runtime.core().timer().len() == 0);
        }
    }
}

#[test]
fn closing_twice_from_two_threads_and_from_a_callback_is_fine() {
    let runtime = narrow();
    let scope = Arc::new(Scope::default());
    let sleeping: Vec<_> = (0..100)
        .map(|_| {
            let core = Arc::clone(runtime.core());
            start(&runtime, Some(&scope), operating(), async move {
                core.sleep(HANG).await;
                Ok(())
            })
        })
        .collect();
    let closers: Vec<_> = (0..2)
        .map(|_| {
            let scope = Arc::clone(&scope);
            thread::spawn(move || scope.close())
        })
        .collect();
    let inner = Arc::clone(&scope);
    let closing = runtime.spawn(move || {
        inner.close();
        Ok(())
    });
    closing.into_receiver().recv_timeout(HANG).unwrap().unwrap();
    for closer in closers {
        closer.join().unwrap();
    }
    for outcome in Pending::all_settled(sleeping).wait().unwrap() {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Closed);
    }
    assert!(scope.is_closed());
    let refused = start(&runtime, Some(&scope), operating(), async { Ok(()) });
    assert!(refused.is_done());
    assert_eq!(refused.wait().unwrap_err().to_string(), "testing: the client was closed");
}

#[test]
fn the_answer_that_comes_after_closing_is_dropped_quietly() {
    let runtime = narrow();
    let scope = Arc::new(Scope::default());
    let (release, begun, request) = request();
    let value = Arc::new(());
    let answer = Arc::clone(&value);
    let pending = start(&runtime, Some(&scope), operating(), async move {
        request();
        Ok(answer)
    });
    begun.recv_timeout(HANG).unwrap();
    scope.close();
    drop(release);
    until(|| Arc::strong_count(&value) == 1);
    assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn what_is_queued_is_still_sent_when_its_handle_is_dropped_and_kept_back_when_it_is_cancelled() {
    let runtime = narrow();
    let scope = Arc::new(Scope::default());
    let busy = occupy(&runtime);
    let (sent_at, sent) = unbounded();
    let queue = |name: &'static str| {
        let sent_at = sent_at.clone();
        start(&runtime, Some(&scope), operating(), async move {
            sent_at.send(name).unwrap();
            Ok(())
        })
    };
    drop(queue("dropped"));
    queue("cancelled").cancel();
    queue("cancelled behind a function").map(|()| ()).cancel();
    drop(queue("dropped behind a function").map(|()| ()));
    assert_eq!(scope.open(), 2);
    drop(busy);
    drop(sent_at);
    assert_eq!(sent.iter().collect::<Vec<_>>(), ["dropped", "dropped behind a function"]);
    until(|| scope.open() == 0);
}

#[test]
fn polling_that_nobody_can_see_stops_and_its_delay_goes() {
    type LetGoBy = (&'static str, fn(Pending<u32>));
    let ways: [LetGoBy; 6] = [
        ("drop", drop),
        ("cancel", Pending::cancel),
        ("cancel of a chain", |pending| pending.then(Ok).cancel()),
        ("a passed limit", |pending| drop(pending.timeout(Duration::ZERO).wait())),
        ("a lost choice", |pending| drop(Pending::first([Pending::ready(1), pending]).wait())),
        ("an iterator", |pending| drop(Pending::as_completed([pending]))),
    ];
    for (way, let_go) in ways {
        let runtime = narrow();
        let scope = Arc::new(Scope::default());
        let looks = Arc::new(AtomicUsize::new(0));
        let operating = operating();
        let machine = polling(&runtime, &operating, &looks);
        let pending = start(&runtime, Some(&scope), operating, machine);
        until(|| looks.load(Ordering::SeqCst) > 3);
        let_go(pending);
        // Now, or when the look that is under way is over.
        let stopped = || Arc::strong_count(&looks) == 1 && scope.open() == 0;
        until(stopped);
        assert_eq!(runtime.core().timer().len(), 0, "{way}");
    }
}

#[test]
fn polling_goes_on_for_a_function_that_still_wants_to_see() {
    let runtime = narrow();
    let operating = operating();
    let (core, following) = (Arc::clone(runtime.core()), Arc::clone(&operating));
    let (told_at, told) = bounded(1);
    let machine = async move {
        following.follow()?;
        core.sleep(Duration::from_millis(10)).await;
        Ok(42)
    };
    drop(start(&runtime, None, operating, machine).map(move |n| told_at.send(n).unwrap()));
    assert_eq!(told.recv_timeout(HANG).unwrap(), 42);
}

#[test]
fn a_dropped_operation_acts_before_it_stops() {
    let runtime = narrow();
    let (release, begun, request) = request();
    let (acted_at, acted) = unbounded();
    let operating = operating();
    let following = Arc::clone(&operating);
    let core = Arc::clone(runtime.core());
    let pending = start(&runtime, None, operating, async move {
        request();
        // A retry, before the operation has had its effect.
        core.sleep(Duration::from_millis(1)).await;
        acted_at.send("acted").unwrap();
        following.follow()?;
        acted_at.send("looked").unwrap();
        Ok(())
    });
    begun.recv_timeout(HANG).unwrap();
    drop(pending);
    drop(release);
    assert_eq!(acted.iter().collect::<Vec<_>>(), ["acted"]);
}

#[test]
fn cancelling_during_a_request_ignores_its_answer_and_takes_no_further_step() {
    let runtime = narrow();
    let (release, begun, request) = request();
    let (stepped_at, stepped) = unbounded::<()>();
    let core = Arc::clone(runtime.core());
    let pending = start(&runtime, None, operating(), async move {
        request();
        core.sleep(Duration::ZERO).await;
        core.sleep(Duration::from_millis(1)).await;
        stepped_at.send(()).unwrap();
        Ok(())
    });
    begun.recv_timeout(HANG).unwrap();
    pending.cancel();
    drop(release);
    assert!(stepped.recv_timeout(HANG).is_err());
    assert_eq!(runtime.core().timer().len(), 0);
}

#[test]
fn a_passed_limit_names_the_operation_and_its_ids() {
    let runtime = narrow();
    let sleep = runtime.core().sleep(HANG);
    let never = start(&runtime, None, operating(), async move {
        sleep.await;
        Ok(())
    });
    let error = never.map(|()| ()).timeout(Duration::from_millis(1)).wait().unwrap_err();
    assert_eq!(error.to_string(), "testing: no result within 1ms; the operation itself may go on");
    assert!(error.job_id().is_some() && error.trigger_id().is_some());
}

#[test]
fn a_panic_in_an_operation_is_an_error_that_names_it_and_the_request_thread_lives_on() {
    let runtime = narrow();
    let panics = start::<()>(&runtime, None, operating(), async { panic!("oh") });
    let error = panics.into_receiver().recv_timeout(HANG).unwrap().unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Panicked, "testing: oh".into()));
    let id = || start(&runtime, None, operating(), async { Ok(thread::current().id()) }).into_receiver();
    assert_eq!(id().recv().unwrap().unwrap(), id().recv().unwrap().unwrap());
}

#[test]
fn a_wake_while_the_step_runs_is_not_lost() {
    let runtime = narrow();
    for waits in [true, false] {
        let mut left = 1000;
        let machine = poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(Ok(()));
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        });
        if waits {
            // So that the waiting thread takes every step.
            let busy = occupy(&runtime);
            start(&runtime, None, operating(), machine).wait().unwrap();
            drop(busy);
        } else {
            let pending = start(&runtime, None, operating(), machine);
            pending.into_receiver().recv_timeout(HANG).unwrap().unwrap();
        }
    }
}

#[test]
fn an_operation_that_sleeps_holds_no_thread() {
    let runtime = narrow();
    let begun = Instant::now();
    let sleeping: Vec<_> = (0..10_000)
        .map(|_| {
            let core = Arc::clone(runtime.core());
            start(&runtime, None, operating(), async move {
                core.sleep(Duration::from_millis(100)).await;
                Ok(())
            })
        })
        .collect();
    assert_eq!(Pending::all(sleeping).wait().unwrap().len(), 10_000);
    assert!(begun.elapsed() < HANG, "one after another they would take a quarter of an hour");
    assert_eq!(runtime.core().timer().len(), 0);
}

#[test]
fn a_stream_of_fresh_operations_does_not_starve_a_poll_nor_polls_a_fresh_one() {
    let runtime = narrow();
    let busy = occupy(&runtime);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let begin = |kind: &'static str| {
        let order = Arc::clone(&order);
        start(&runtime, None, operating(), async move {
            order.lock().unwrap().push(kind);
            Ok(())
        })
    };
    let mut all: Vec<_> = (0..100).map(|_| begin("fresh")).collect();
    for _ in 0..100 {
        // Completing the promise resumes it: it is queued behind the fresh ones, as one that polls is.
        let (promise, resumed) = runtime.promise::<()>();
        let order = Arc::clone(&order);
        let mut resumed = Box::pin(resumed);
        let mut polled = false;
        all.push(start(&runtime, None, operating(), async move {
            poll_fn(move |context| {
                if polled {
                    return Poll::Ready(());
                }
                polled = true;
                context.waker().wake_by_ref();
                let _ = resumed.as_mut().poll(context);
                Poll::Pending
            })
            .await;
            order.lock().unwrap().push("resumed");
            drop(promise);
            Ok(())
        }));
    }
    drop(busy);
    Pending::all(all.into_iter().map(|pending| pending.timeout(HANG))).wait().unwrap();
    let order = order.lock().unwrap();
    let first_resumed = order.iter().position(|kind| *kind == "resumed").unwrap();
    let last_fresh = order.iter().rposition(|kind| *kind == "fresh").unwrap();
    assert!(last_fresh < 150, "fresh ones go first: {last_fresh}");
    assert!(first_resumed < 199, "{first_resumed}");
}

#[test]
fn a_runtime_that_goes_ends_what_sleeps_in_it_and_tells_the_functions() {
    let (told_at, told) = bounded(1);
    {
        let runtime = narrow();
        let core = Arc::clone(runtime.core());
        let sleeping = start(&runtime, None, operating(), async move {
            core.sleep(HANG).await;
            Ok(())
        });
        until(|| runtime.core().timer().len() == 1);
        drop(sleeping.handle(move |outcome| {
            told_at.send((outcome.unwrap_err().kind(), thread_name())).unwrap();
            Ok(())
        }));
    }
    let (kind, thread) = told.recv_timeout(HANG).unwrap();
    assert_eq!((kind, thread.as_str()), (ErrorKind::Closed, "flink-client-cb-1"));
}

#[test]
fn where_the_system_gives_no_thread_steps_run_where_they_become_runnable() {
    // More than there are addresses.
    let runtime = Runtime::builder().io_threads(1).callback_threads(1).stack_size(1 << 48).build().unwrap();
    let (release, _begun, request) = request();
    drop(release);
    let pending = start(&runtime, None, operating(), async move {
        request();
        Ok(thread_name())
    });
    assert!(pending.is_done());
    assert_eq!(pending.map(|name| (name, thread_name())).wait().unwrap(), (thread_name(), thread_name()));
    assert_eq!(runtime.spawn(|| Ok(thread_name())).wait().unwrap(), thread_name());
}

#[test]
fn a_handle_says_what_it_is_about_and_how_far_it_has_come() {
    let runtime = narrow();
    let operating = operating();
    let sleep = runtime.core().sleep(HANG);
    let never = start(&runtime, None, Arc::clone(&operating), async move {
        sleep.await;
        Ok(())
    });
    let chain = never.map(|()| ()).timeout(HANG);
    operating.enter(Phase::Polling);
    let text = format!("{chain:?}");
    assert!(text.starts_with("Pending { operation: testing (polling for "), "{text}");
}
