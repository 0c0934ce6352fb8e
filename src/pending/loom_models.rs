//! The races of handles, in every order of their locks.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom --lib loom`. The lanes of a model have no threads: its own threads take
//! what is queued, so that each claim race is between the parties that the model names. A lost wake is a deadlock,
//! which loom reports; a value that is dropped twice or never shows in its count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ::loom::model::Builder;
use ::loom::thread;

use crate::error::{Error, ErrorKind};
use crate::pending::Pending;
use crate::pending::node::{Node, Place, Requests, Runnable, Sources, Subject, run, settle};
use crate::pending::operation::{self, Operating, Scope};
use crate::pending::waiter::{Claims, Waiter};
use crate::runtime::lane::Lane;
use crate::runtime::{Core, Runtime};

const LONG: Duration = Duration::from_secs(3600);

/// Explores every order with at most so many preemptions: three find all known bugs of such protocols, and the models
/// with more than two parties would take hours without a bound.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Counts drops. Not a loom type: its order does not matter, only the sum at the end.
#[derive(Clone)]
struct Token(#[allow(dead_code)] Arc<()>);

struct Count(Arc<()>);

impl Count {
    fn new() -> Self {
        Self(Arc::new(()))
    }

    fn token(&self) -> Token {
        Token(Arc::clone(&self.0))
    }

    fn assert_none_left(&self) {
        assert_eq!(Arc::strong_count(&self.0), 1, "a value was not dropped");
    }
}

fn operating() -> Arc<Operating> {
    Arc::new(Operating::new("modelling"))
}

/// Takes one step out of each lane and runs it, as a lane's thread would.
fn work(core: &Arc<Core>) {
    for lane in core.lanes() {
        if let Some(node) = lane.try_take() {
            settle(run(node));
        }
    }
}

fn drain(core: &Arc<Core>) {
    while let Some(node) = core.lanes().into_iter().find_map(|lane| lane.try_take()) {
        settle(run(node));
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::JobNotFound, "gone")
}

#[test]
fn complete_against_wait() {
    explore(5, || {
        let (promise, pending) = Runtime::without_threads().promise();
        let completer = thread::spawn(move || promise.complete(Ok(42)));
        assert_eq!(pending.wait().unwrap(), 42);
        completer.join().unwrap();
    });
}

#[test]
fn complete_against_poll() {
    explore(5, || {
        let (promise, pending) = Runtime::without_threads().promise();
        let completer = thread::spawn(move || promise.complete(Ok(42)));
        assert_eq!(::loom::future::block_on(pending).unwrap(), 42);
        completer.join().unwrap();
    });
}

#[test]
fn complete_against_a_waker_that_is_replaced() {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Waker};

    explore(5, || {
        let (promise, mut pending) = Runtime::without_threads().promise();
        let completer = thread::spawn(move || promise.complete(Ok(42)));
        // The task was polled once elsewhere.
        let polled = Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() {
            assert_eq!(::loom::future::block_on(pending).unwrap(), 42);
        }
        completer.join().unwrap();
    });
}

#[test]
fn complete_against_then_and_wait() {
    explore(5, || {
        let (promise, pending) = Runtime::without_threads().promise();
        let completer = thread::spawn(move || promise.complete(Ok(20)));
        assert_eq!(pending.then(|n| Ok(n + 1)).wait().unwrap(), 21);
        completer.join().unwrap();
    });
}

#[test]
fn complete_against_drop_and_cancel() {
    for cancels in [false, true] {
        explore(5, move || {
            let runtime = Runtime::without_threads();
            let count = Count::new();
            let (promise, pending) = runtime.promise();
            let value = count.token();
            let captured = count.token();
            let runs = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&runs);
            let derived = pending.then(move |value: Token| {
                drop(captured);
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(value)
            });
            let completer = thread::spawn(move || promise.complete(Ok(value)));
            if cancels {
                derived.cancel()
            } else {
                drop(derived)
            }
            completer.join().unwrap();
            drain(runtime.core());
            count.assert_none_left();
            let runs = runs.load(Ordering::SeqCst);
            assert!(runs == 1 || cancels && runs == 0, "the function ran {runs} times");
        });
    }
}

#[test]
fn a_lost_promise_against_wait() {
    explore(5, || {
        let (promise, pending) = Runtime::without_threads().promise::<u8>();
        let loser = thread::spawn(move || drop(promise));
        assert_eq!(pending.map(|n| n).wait().unwrap_err().kind(), ErrorKind::Closed);
        loser.join().unwrap();
    });
}

#[test]
fn a_worker_against_the_waiting_thread_for_one_request() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let pending = operation::start(&runtime, None, operating(), async move {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(42)
        });
        let core = Arc::clone(runtime.core());
        let worker = thread::spawn(move || work(&core));
        assert_eq!(pending.wait().unwrap(), 42);
        worker.join().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_worker_against_the_waiting_thread_for_a_function() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let pending = runtime.spawn(move || Ok(counted.fetch_add(1, Ordering::SeqCst)));
        let core = Arc::clone(runtime.core());
        let worker = thread::spawn(move || work(&core));
        assert_eq!(pending.then(|n| Ok(n + 1)).wait().unwrap(), 1);
        worker.join().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_wake_while_the_step_runs() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let (promise, inner) = runtime.promise();
        let pending = operation::start(&runtime, None, operating(), inner);
        let core = Arc::clone(runtime.core());
        // The first step registers the waker, the second finds the value: by whichever thread.
        let worker = thread::spawn(move || work(&core));
        let waker = thread::spawn(move || promise.complete(Ok(42)));
        assert_eq!(pending.wait().unwrap(), 42);
        worker.join().unwrap();
        waker.join().unwrap();
    });
}

#[test]
fn close_against_the_answer() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let scope = Arc::new(Scope::default());
        let count = Count::new();
        let answer = count.token();
        let pending = operation::start(&runtime, Some(&scope), operating(), async move { Ok(answer) });
        let core = Arc::clone(runtime.core());
        let worker = thread::spawn(move || work(&core));
        let closing = Arc::clone(&scope);
        let closer = thread::spawn(move || closing.close());
        match pending.wait() {
            Ok(answer) => drop(answer),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
        }
        worker.join().unwrap();
        closer.join().unwrap();
        drain(runtime.core());
        assert_eq!(scope.open(), 0);
        count.assert_none_left();
    });
}

#[test]
fn close_and_cancel_against_a_step_that_suspends() {
    for closes in [true, false] {
        explore(4, move || {
            let runtime = Runtime::without_threads();
            let scope = Arc::new(Scope::default());
            // Never completed: only closing or cancelling ends the machine.
            let (promise, inner) = runtime.promise::<u8>();
            let pending = operation::start(&runtime, Some(&scope), operating(), inner);
            let core = Arc::clone(runtime.core());
            let worker = thread::spawn(move || work(&core));
            if closes {
                scope.close();
                assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Closed);
            } else {
                pending.cancel();
            }
            worker.join().unwrap();
            assert!(promise.is_unwanted(), "the machine was not dropped");
            assert_eq!(scope.open(), 0);
        });
    }
}

#[test]
fn a_drop_against_the_step_that_begins_to_follow() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let (promise, inner) = runtime.promise::<u8>();
        let operating = operating();
        let following = Arc::clone(&operating);
        let pending = operation::start(&runtime, None, operating, async move {
            following.follow()?;
            inner.await
        });
        let core = Arc::clone(runtime.core());
        let worker = thread::spawn(move || work(&core));
        drop(pending);
        worker.join().unwrap();
        drain(runtime.core());
        assert!(promise.is_unwanted(), "it follows what nobody sees");
    });
}

/// A step that counts its runs.
struct Step {
    core: Arc<Core>,
    claimed: crate::sync::Mutex<bool>,
    runs: Arc<AtomicUsize>,
}

impl Node for Step {
    fn place(&self) -> Place {
        Place::Callbacks
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        if !std::mem::replace(&mut *crate::sync::lock(&self.claimed), true) {
            self.runs.fetch_add(1, Ordering::SeqCst);
        }
        None
    }

    fn enlist(self: Arc<Self>, _waiter: &Arc<Waiter>, _requests: Requests, _sources: &mut Sources) {}

    fn let_go(self: Arc<Self>, _how: crate::pending::node::LetGo, _sources: &mut Vec<Arc<dyn Node>>) {}

    fn subject(&self) -> Subject {
        Subject::Unknown
    }
}

#[test]
fn an_offer_against_a_waiter_that_leaves() {
    for passed in [false, true] {
        explore(4, move || {
            let runtime = Runtime::without_threads();
            let core = Arc::clone(runtime.core());
            let runs = Arc::new(AtomicUsize::new(0));
            let waiter = Waiter::new(Claims::Everything);
            let step =
                Arc::new(Step { core: Arc::clone(&core), claimed: false.into(), runs: Arc::clone(&runs) });
            let (node, helper) = (Arc::clone(&step), Arc::clone(&waiter));
            let offering = thread::spawn(move || Runnable { node, helper: Some(helper) }.schedule());
            if passed {
                assert!(!waiter.run_until(Some(Instant::now()), false));
            } else {
                let finishing = Arc::clone(&waiter);
                let finisher = thread::spawn(move || finishing.finish());
                assert!(waiter.run_until(None, false));
                finisher.join().unwrap();
            }
            offering.join().unwrap();
            drain(&core);
            assert_eq!(runs.load(Ordering::SeqCst), 1, "the step was lost, or ran twice");
            assert_eq!(Arc::strong_count(&waiter), 1);
            assert_eq!(Arc::strong_count(&step), 1, "a waiter that has left keeps it");
        });
    }
}

#[test]
fn two_completers_against_a_choice_of_theirs() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let count = Count::new();
        let (one, first) = runtime.promise();
        let (two, second) = runtime.promise();
        let (value, other) = (count.token(), count.token());
        let pending = Pending::first([first, second]);
        let completers =
            [thread::spawn(move || one.complete(Ok(value))), thread::spawn(move || two.complete(Ok(other)))];
        drop(pending.wait().unwrap());
        for completer in completers {
            completer.join().unwrap();
        }
        drain(runtime.core());
        count.assert_none_left();
    });
}

#[test]
fn a_success_and_a_failure_against_all_of_them() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let count = Count::new();
        let (one, first) = runtime.promise();
        let (two, second) = runtime.promise();
        let value = count.token();
        let pending = Pending::all([first, second]);
        let completers = [
            thread::spawn(move || one.complete(Ok(value))),
            thread::spawn(move || two.complete(Err(gone()))),
        ];
        assert_eq!(pending.wait().map(|_: Vec<Token>| ()).unwrap_err().kind(), ErrorKind::JobNotFound);
        for completer in completers {
            completer.join().unwrap();
        }
        drain(runtime.core());
        count.assert_none_left();
    });
}

#[test]
fn two_completers_against_both() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let (one, first) = runtime.promise();
        let (two, second) = runtime.promise();
        let pending = first.zip(second);
        let completers =
            [thread::spawn(move || one.complete(Ok(1))), thread::spawn(move || two.complete(Ok("two")))];
        assert_eq!(pending.wait().unwrap(), (1, "two"));
        for completer in completers {
            completer.join().unwrap();
        }
    });
}

#[test]
fn a_decision_against_the_choice_being_made() {
    explore(5, || {
        let runtime = Runtime::without_threads();
        let (one, first) = runtime.promise();
        let (two, second) = runtime.promise();
        let completer = thread::spawn(move || one.complete(Ok(1)));
        let pending = Pending::first([first, second]);
        completer.join().unwrap();
        assert!(two.is_unwanted(), "a source that was let go was taken back");
        assert_eq!(pending.wait().unwrap(), 1);
    });
}

#[test]
fn two_completers_against_an_iterator_and_its_drop() {
    for taken in [2, 1, 0] {
        explore(4, move || {
            let runtime = Runtime::without_threads();
            let count = Count::new();
            let (one, first) = runtime.promise();
            let (two, second) = runtime.promise();
            let (value, other) = (count.token(), count.token());
            let mut outcomes = Pending::as_completed([first, second]);
            let completers = [
                thread::spawn(move || one.complete(Ok(value))),
                thread::spawn(move || two.complete(Ok(other))),
            ];
            assert_eq!(outcomes.by_ref().take(taken).count(), taken);
            drop(outcomes);
            for completer in completers {
                completer.join().unwrap();
            }
            drain(runtime.core());
            count.assert_none_left();
        });
    }
}

#[test]
fn a_limit_against_the_result() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let count = Count::new();
        let (promise, pending) = runtime.promise();
        let value = count.token();
        let pending = pending.timeout(LONG);
        let core = Arc::clone(runtime.core());
        let timer = thread::spawn(move || core.timer().wake_first());
        let completer = thread::spawn(move || promise.complete(Ok(value)));
        if let Err(error) = pending.wait() {
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        timer.join().unwrap();
        completer.join().unwrap();
        drain(runtime.core());
        assert_eq!(runtime.core().timer().len(), 0);
        count.assert_none_left();
    });
}

#[test]
fn a_result_against_the_limit_being_set() {
    explore(5, || {
        let runtime = Runtime::without_threads();
        let (promise, pending) = runtime.promise();
        let completer = thread::spawn(move || promise.complete(Ok(42)));
        let limited = pending.timeout(LONG);
        assert_eq!(limited.wait().unwrap(), 42);
        completer.join().unwrap();
        assert_eq!(runtime.core().timer().len(), 0, "an entry was left behind");
    });
}

#[test]
fn a_worker_that_links_against_the_waiting_thread() {
    explore(4, || {
        let runtime = Runtime::without_threads();
        let inner = runtime.clone();
        // Nobody but the waiting thread is left to run the inner function.
        let pending = runtime.spawn(|| Ok(())).and_then(move |()| inner.spawn(|| Ok(42)));
        let core = Arc::clone(runtime.core());
        let worker = thread::spawn(move || work(&core));
        assert_eq!(pending.wait().unwrap(), 42);
        worker.join().unwrap();
    });
}

#[test]
fn a_worker_that_links_against_letting_go() {
    for cancels in [true, false] {
        explore(5, move || {
            let runtime = Runtime::without_threads();
            let (promise, inner) = runtime.promise::<u8>();
            let pending = runtime.spawn(|| Ok(())).and_then(move |()| inner);
            let core = Arc::clone(runtime.core());
            let worker = thread::spawn(move || work(&core));
            if cancels {
                pending.cancel()
            } else {
                drop(pending)
            }
            worker.join().unwrap();
            drain(runtime.core());
            assert!(promise.is_unwanted(), "what nobody sees is followed");
        });
    }
}

/// A runtime whose callback lane one thread of the model serves.
struct Served {
    runtime: Runtime,
    lane: Arc<Lane>,
    server: thread::JoinHandle<()>,
}

/// Whether a lane's thread that is on standby looks for itself, at whatever time, or only if it is told.
#[derive(Clone, Copy)]
enum Standby {
    Looks,
    IsTold,
}

impl Served {
    fn new(standby: Standby) -> Self {
        let runtime = Runtime::without_threads();
        let lane = Arc::clone(runtime.core().lanes()[1]);
        lane.join_in(matches!(standby, Standby::IsTold));
        let serving = Arc::clone(&lane);
        let server = thread::spawn(move || serving.take_until_shut_down());
        Self { runtime, lane, server }
    }

    /// The waiting thread withdraws the function, or comes late: either puts the server on standby when it next finds
    /// nothing.
    fn with_a_waiter_that_came(standby: Standby) -> Self {
        let served = Self::new(standby);
        assert_eq!(served.runtime.spawn(|| Ok(1)).wait().unwrap(), 1);
        served
    }

    /// Queues a function that nobody can run but the server. What it completes is seen by a wait that tells nobody.
    fn queue(&self, n: u8) -> (Pending<()>, Pending<u8>) {
        let (promise, found) = self.runtime.promise();
        let queued = self.runtime.spawn(move || {
            promise.complete(Ok(n));
            Ok(())
        });
        (queued, found)
    }

    fn end(self) {
        self.lane.shut_down();
        self.server.join().unwrap();
    }
}

#[test]
fn steps_that_are_pushed_against_a_lane_that_is_shut_down() {
    explore(4, || {
        let served = Served::new(Standby::IsTold);
        let core = Arc::clone(served.runtime.core());
        let runs = Arc::new(AtomicUsize::new(0));
        let step =
            || Arc::new(Step { core: Arc::clone(&core), claimed: false.into(), runs: Arc::clone(&runs) });
        core.push(step());
        let (late, pusher) = (step(), Arc::clone(&core));
        let pusher = thread::spawn(move || pusher.push(late));
        served.end();
        pusher.join().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 2, "a step was lost");
    });
}

#[test]
fn a_step_that_was_told_to_nobody_is_found() {
    explore(3, || {
        let served = Served::with_a_waiter_that_came(Standby::Looks);
        let (queued, found) = served.queue(2);
        assert_eq!(found.wait().unwrap(), 2);
        drop(queued);
        served.end();
    });
}

/// Nobody asks for the first, which nobody was told of if the server was on standby. The second, if it finds that in the
/// queue, tells of both; if not, that is taken already, and the second is in its place.
#[test]
fn a_second_step_tells_of_the_first() {
    explore(3, || {
        let served = Served::with_a_waiter_that_came(Standby::IsTold);
        let (first, first_found) = served.queue(1);
        let (second, second_found) = served.queue(2);
        assert_eq!(first_found.wait().unwrap(), 1);
        second.wait_timeout(LONG).expect("it has come").unwrap();
        assert_eq!(second_found.wait().unwrap(), 2);
        drop(first);
        served.end();
    });
}

#[test]
fn who_asks_for_a_result_and_does_not_run_it_tells_of_its_step() {
    type Ask = fn(Pending<()>);
    let ways: [Ask; 3] = [
        |queued| queued.wait_timeout(LONG).expect("it has come").unwrap(),
        |queued| ::loom::future::block_on(queued).unwrap(),
        |queued| queued.timeout(LONG).wait().unwrap(),
    ];
    for ask in ways {
        explore(3, move || {
            let served = Served::with_a_waiter_that_came(Standby::IsTold);
            let (queued, found) = served.queue(2);
            ask(queued);
            assert_eq!(found.wait().unwrap(), 2);
            served.end();
        });
    }
}
