//! Order and depth.

use std::sync::{Arc, Mutex};

use flink_client::{Error, Pending, Runtime};

use super::support::{HANG, later, narrow, within};

#[test]
fn steps_of_one_chain_run_in_order() {
    within(HANG, || {
        let runtime = narrow();
        let (mut chain, complete) = later(&runtime, Ok(()));
        let order = Arc::new(Mutex::new(Vec::new()));
        for n in 0..1000 {
            let order = Arc::clone(&order);
            chain = chain.then(move |()| {
                order.lock().unwrap().push(n);
                Ok(())
            });
        }
        let receiver = chain.into_receiver();
        complete();
        receiver.recv().unwrap().unwrap();
        assert!(order.lock().unwrap().iter().copied().eq(0..1000));
    });
}

#[test]
fn between_two_steps_of_a_chain_others_have_their_turn() {
    within(HANG, || {
        let runtime = narrow();
        let (turn_at, turn) = crossbeam_channel::bounded(1);
        let (pending, complete) = later(&runtime, Ok(()));
        let inner = runtime.clone();
        let chain = pending
            .then(move |()| {
                drop(inner.spawn(move || turn_at.send(()).map_err(Error::other)));
                Ok(())
            })
            .then(move |()| turn.recv().map_err(Error::other));
        let receiver = chain.into_receiver();
        complete();
        receiver.recv().unwrap().unwrap();
    });
}

/// A recursion that answers with a handle which answers with a handle, and so on.
fn descend(runtime: Runtime, left: u32, source: fn(&Runtime, u32) -> Pending<u32>) -> Pending<u32> {
    source(&runtime, left).and_then(move |left| match left {
        0 => Pending::ready(42),
        left => descend(runtime, left - 1, source),
    })
}

#[test]
fn a_hundred_thousand_nested_answers_complete_from_handles_that_are_ready() {
    within(HANG, || {
        let chain = descend(narrow(), 100_000, |_, left| Pending::ready(left));
        assert_eq!(chain.wait().unwrap(), 42);
    });
}

#[test]
fn a_hundred_thousand_nested_answers_complete_from_handles_that_are_coming() {
    within(HANG, || {
        let chain = descend(narrow(), 100_000, |runtime, left| runtime.spawn(move || Ok(left)));
        assert_eq!(chain.wait().unwrap(), 42);
        let chain = descend(narrow(), 100_000, |runtime, left| runtime.spawn(move || Ok(left)));
        assert_eq!(chain.into_receiver().recv().unwrap().unwrap(), 42);
    });
}

#[test]
fn a_hundred_thousand_nested_answers_are_let_go_uncompleted() {
    within(HANG, || {
        for cancels in [true, false] {
            let runtime = narrow();
            let (promise, innermost) = runtime.promise::<u32>();
            let slot = Arc::new(Mutex::new(Some(innermost)));
            let (reached_at, reached) = crossbeam_channel::bounded(1);
            fn descend(
                left: u32,
                slot: Arc<Mutex<Option<Pending<u32>>>>,
                reached: crossbeam_channel::Sender<()>,
            ) -> Pending<u32> {
                Pending::ready(left).and_then(move |left| {
                    if left > 0 {
                        return descend(left - 1, slot, reached);
                    }
                    reached.send(()).unwrap();
                    slot.lock().unwrap().take().unwrap()
                })
            }
            let chain = descend(100_000, slot, reached_at);
            reached.recv().unwrap();
            if cancels {
                chain.cancel();
            } else {
                drop(chain);
            }
            super::support::settle(
                || promise.is_unwanted(),
                || "the innermost handle is still wanted".into(),
            );
            promise.complete(Ok(1));
        }
    });
}

#[test]
fn ten_thousand_links_in_a_row_keep_the_outcome() {
    within(HANG, || {
        let runtime = narrow();
        let (mut chain, complete) = later(&runtime, Ok(0_u32));
        for _ in 0..10_000 {
            chain = chain.and_then(|n| Pending::ready(n + 1));
        }
        let completer = std::thread::spawn(complete);
        assert_eq!(chain.wait().unwrap(), 10_000);
        completer.join().unwrap();
    });
}
