//! Eight programs that hang, abort or lose a result with other designs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use flink_client::{ErrorKind, Pending, Promise, Runtime};

use super::support::{HANG, Tally, later, narrow, within};

#[test]
fn a_a_callback_that_holds_a_lock_and_waits_does_not_meet_another_that_wants_it() {
    within(HANG, || {
        let runtime = narrow();
        let lock = Arc::new(Mutex::new(0));
        let (holding_at, holding) = crossbeam_channel::bounded::<()>(1);
        let first = {
            let (runtime, lock) = (runtime.clone(), Arc::clone(&lock));
            runtime.clone().spawn(move || {
                let mut guard = lock.lock().unwrap();
                holding_at.send(()).unwrap();
                // While this waits, the other callback is queued behind it.
                *guard += runtime.spawn(|| Ok(1)).then(Ok).wait()?;
                Ok(())
            })
        };
        let second = {
            let lock = Arc::clone(&lock);
            runtime.spawn(move || {
                holding.recv().unwrap();
                *lock.lock().unwrap() += 1;
                Ok(())
            })
        };
        // Waiting for the second from outside must not make the first's thread run it, nor the other way round.
        let outer = thread::spawn(move || second.wait());
        first.wait().unwrap();
        outer.join().unwrap().unwrap();
        assert_eq!(*lock.lock().unwrap(), 2);
    });
}

#[test]
fn b_twenty_thousand_callbacks_that_each_wait_need_one_thread_and_a_small_stack() {
    within(HANG, || {
        const CALLBACKS: usize = 20_000;
        let runtime =
            Runtime::builder().io_threads(1).callback_threads(1).stack_size(128 * 1024).build().unwrap();
        let lowest = Arc::new(AtomicUsize::new(usize::MAX));
        let highest = Arc::new(AtomicUsize::new(0));
        let done: Vec<_> = (0..CALLBACKS)
            .map(|n| {
                let (inner, lowest, highest) = (runtime.clone(), Arc::clone(&lowest), Arc::clone(&highest));
                // By a receiver, so that no waiting thread helps: the one callback thread runs all.
                runtime
                    .spawn(move || {
                        let here = std::ptr::from_ref(&n) as usize;
                        lowest.fetch_min(here, Ordering::SeqCst);
                        highest.fetch_max(here, Ordering::SeqCst);
                        inner.spawn(move || Ok(n)).then(|n| Ok(n + 1)).wait()
                    })
                    .into_receiver()
            })
            .collect();
        for (n, receiver) in done.into_iter().enumerate() {
            assert_eq!(receiver.recv().unwrap().unwrap(), n + 1);
        }
        let depth = highest.load(Ordering::SeqCst) - lowest.load(Ordering::SeqCst);
        assert!(depth < 64 * 1024, "the callbacks nested: {depth} bytes of stack");
    });
}

#[test]
fn c_a_callback_waits_for_a_function_registered_on_its_own_only_thread() {
    within(HANG, || {
        let runtime = narrow();
        let (source, complete) = later(&runtime, Ok(20));
        let outer = {
            let inner = runtime.clone();
            runtime.spawn(move || {
                let function = source.then(|n| Ok(n + 1)).then_queued(|n| Ok(n * 2));
                inner.spawn(|| Ok(())).wait()?;
                thread::spawn(complete);
                function.wait()
            })
        };
        assert_eq!(outer.into_receiver().recv().unwrap().unwrap(), 42);
    });
}

#[test]
fn c_waits_nest_to_any_depth_on_one_thread() {
    fn down(runtime: &Runtime, levels: u32) -> Pending<u32> {
        let inner = runtime.clone();
        runtime.spawn(move || {
            if levels == 0 {
                return Ok(0);
            }
            Ok(down(&inner, levels - 1).then(|n| Ok(n + 1)).wait()? + 1)
        })
    }
    within(HANG, || {
        let runtime = narrow();
        assert_eq!(down(&runtime, 30).into_receiver().recv().unwrap().unwrap(), 60);
    });
}

#[test]
fn d_a_callback_drops_the_last_user_of_its_own_runtime() {
    // Closing a client from a callback is tested with the clients; this is its core: nobody joins itself.
    within(HANG, || {
        let runtime = narrow();
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let (proceed_at, proceed) = crossbeam_channel::bounded::<()>(1);
        let inner = runtime.clone();
        drop(runtime.spawn(move || {
            proceed.recv().unwrap();
            drop(inner);
            sender.send(()).unwrap();
            Ok(())
        }));
        drop(runtime);
        proceed_at.send(()).unwrap();
        receiver.recv().unwrap();
    });
}

#[test]
fn e_a_handle_outlives_what_made_it() {
    fn made_and_dropped() -> Pending<u32> {
        let runtime = narrow();
        let (promise, pending) = runtime.promise();
        thread::spawn(move || promise.complete(Ok(21)));
        pending.then(|n: u32| Ok(n * 2)).and_then(move |n| runtime.spawn(move || Ok(n)))
    }
    within(HANG, || assert_eq!(made_and_dropped().wait().unwrap(), 42));
}

#[test]
fn f_a_chain_of_two_hundred_thousand_steps_completes() {
    within(HANG, || {
        for waits in [true, false] {
            let runtime = narrow();
            let (mut chain, complete) = later(&runtime, Ok(0_u32));
            for _ in 0..200_000 {
                chain = chain.then(|n| Ok(n + 1));
            }
            let result = if waits {
                let completer = thread::spawn(complete);
                let result = chain.wait();
                completer.join().unwrap();
                result
            } else {
                let receiver = chain.into_receiver();
                complete();
                receiver.recv().unwrap()
            };
            assert_eq!(result.unwrap(), 200_000);
        }
    });
}

#[test]
fn f_a_chain_of_two_hundred_thousand_steps_is_dropped_uncompleted() {
    within(HANG, || {
        for cancels in [true, false] {
            let runtime = narrow();
            let tally = Tally::default();
            let (promise, mut chain) = runtime.promise::<()>();
            for _ in 0..200_000 {
                let token = tally.token();
                chain = chain.then(move |()| {
                    drop(token);
                    Ok(())
                });
            }
            if cancels {
                chain.cancel();
                assert!(promise.is_unwanted());
                assert_eq!(tally.dropped(), 200_000, "cancelling drops the functions at once");
                drop(promise);
            } else {
                drop(chain);
                assert!(!promise.is_unwanted(), "the functions still want to see it");
                drop(promise);
            }
            tally.assert_all_dropped("functions of the chain");
        }
    });
}

#[test]
fn g_a_waker_may_come_back_to_the_handle_that_wakes_it() {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Wake, Waker};

    struct Reenters(Mutex<Option<Pending<u32>>>, crossbeam_channel::Sender<u32>);

    impl Wake for Reenters {
        fn wake(self: Arc<Self>) {
            if let Some(mut pending) = self.0.lock().unwrap().take() {
                assert!(pending.is_done());
                let waker = Waker::noop();
                let polled = Pin::new(&mut pending).poll(&mut Context::from_waker(waker));
                let Poll::Ready(Ok(n)) = polled else { panic!("woken without a result") };
                self.1.send(n).unwrap();
            }
        }
    }

    within(HANG, || {
        let (mut pending, complete) = later(&narrow(), Ok(42));
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let reenters = Arc::new(Reenters(Mutex::new(None), sender));
        let waker = Waker::from(Arc::clone(&reenters));
        assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
        *reenters.0.lock().unwrap() = Some(pending);
        complete();
        assert_eq!(receiver.recv().unwrap(), 42);
    });
}

#[test]
fn g_a_waker_may_ask_about_its_handle_when_it_is_dropped() {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Wake, Waker};

    struct Asks(Arc<Promise<u32>>, crossbeam_channel::Sender<bool>);

    impl Wake for Asks {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Asks {
        fn drop(&mut self) {
            self.1.send(self.0.is_unwanted()).unwrap();
        }
    }

    type Replace = (&'static str, fn(Pending<u32>) -> Option<Pending<u32>>, bool);
    let ways: [Replace; 4] = [
        (
            "by another waker",
            |mut pending| {
                assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop())).is_pending());
                Some(pending)
            },
            false,
        ),
        ("by a wait", |pending| pending.wait_timeout(std::time::Duration::ZERO).err(), false),
        ("by a function", |pending| Some(pending.map(|n| n)), false),
        (
            "by nobody",
            |pending| {
                drop(pending);
                None
            },
            true,
        ),
    ];
    within(HANG, move || {
        for (way, replace, unwanted) in ways {
            let (promise, mut pending) = narrow().promise();
            let (told_at, told) = crossbeam_channel::bounded(1);
            {
                let waker = Waker::from(Arc::new(Asks(Arc::new(promise), told_at)));
                assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            let _left = replace(pending);
            assert_eq!(told.try_recv(), Ok(unwanted), "replaced {way}");
        }
    });
}

#[test]
fn h_a_value_may_wait_for_another_handle_when_it_is_dropped() {
    struct Waits(Option<Pending<u32>>, crossbeam_channel::Sender<u32>);

    impl Drop for Waits {
        fn drop(&mut self) {
            if let Some(pending) = self.0.take() {
                self.1.send(pending.wait().unwrap()).unwrap();
            }
        }
    }

    within(HANG, || {
        let runtime = narrow();
        let (sender, receiver) = crossbeam_channel::unbounded();
        let waits = |runtime: &Runtime| {
            let (inner, sender) = (runtime.clone(), sender.clone());
            Waits(Some(inner.spawn(|| Ok(40)).then(|n| Ok(n + 2))), sender)
        };
        // Dropped unseen by the owner, by the completer, by a choice that was made already, and by a passed limit.
        let value = waits(&runtime);
        drop(runtime.spawn(move || Ok(value)));
        let (promise, pending) = runtime.promise();
        drop(pending);
        promise.complete(Ok(waits(&runtime)));
        let (promise, loser) = runtime.promise();
        let first = Pending::first([runtime.spawn(|| Err::<Waits, _>(super::support::gone())), loser]);
        assert!(first.wait().is_err());
        promise.complete(Ok(waits(&runtime)));
        let (promise, late) = runtime.promise::<Waits>();
        let error = late.timeout(std::time::Duration::ZERO).wait().map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        promise.complete(Ok(waits(&runtime)));
        for _ in 0..4 {
            assert_eq!(receiver.recv().unwrap(), 42);
        }
    });
}
