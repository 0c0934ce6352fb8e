//! Handles made of several.

use std::thread;
use std::time::Duration;

use flink_client::{Error, ErrorKind, Pending, Promise, Runtime};

use super::support::{HANG, Tally, gone, narrow, occupy, settle, within};

fn promises(runtime: &Runtime, n: usize) -> (Vec<Promise<usize>>, Vec<Pending<usize>>) {
    (0..n).map(|_| runtime.promise()).unzip()
}

/// Completes promise number `i` of `order` with `i`, or with a failure if it is among `failures`.
fn complete(promises: Vec<Promise<usize>>, order: &[usize], failures: &[usize]) {
    let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
    for &i in order {
        let result = if failures.contains(&i) { Err(error(i)) } else { Ok(i) };
        promises[i].take().unwrap().complete(result);
    }
}

fn error(i: usize) -> Error {
    Error::new(ErrorKind::JobNotFound, format!("no {i}"))
}

fn orders() -> Vec<[usize; 3]> {
    vec![[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
}

#[test]
fn all_keeps_the_order_of_the_handles_in_whatever_order_they_complete() {
    within(HANG, || {
        let runtime = narrow();
        for order in orders() {
            let (promises, pendings) = promises(&runtime, 3);
            let all = Pending::all(pendings);
            complete(promises, &order[..2], &[]);
            assert!(all.wait().is_err(), "the third was lost");
            let (promises, pendings) = self::promises(&runtime, 3);
            let all = Pending::all(pendings);
            complete(promises, &order, &[]);
            assert_eq!(all.wait().unwrap(), [0, 1, 2]);
        }
    });
}

#[test]
fn all_fails_at_the_first_failure_and_lets_the_others_go() {
    within(HANG, || {
        let (mut promises, pendings) = promises(&narrow(), 3);
        let all = Pending::all(pendings);
        promises.remove(1).complete(Err(error(1)));
        assert!(all.is_done());
        assert_eq!(all.wait().unwrap_err().to_string(), "no 1");
        assert!(promises.iter().all(Promise::is_unwanted));
        promises.remove(0).complete(Ok(7));
    });
}

#[test]
fn all_settled_waits_for_every_one_and_never_fails() {
    within(HANG, || {
        for order in orders() {
            let (promises, pendings) = promises(&narrow(), 3);
            let all = Pending::all_settled(pendings);
            complete(promises, &order, &[0, 1]);
            let outcomes: Vec<_> =
                all.wait().unwrap().into_iter().map(|o| o.map_err(|e| e.to_string())).collect();
            assert_eq!(outcomes, [Err("no 0".into()), Err("no 1".into()), Ok(2)]);
        }
    });
}

#[test]
fn any_takes_the_first_success_and_lets_the_others_go() {
    within(HANG, || {
        let (mut promises, pendings) = promises(&narrow(), 3);
        let any = Pending::any(pendings);
        promises.remove(0).complete(Err(error(0)));
        assert!(!any.is_done());
        promises.remove(1).complete(Ok(2));
        assert_eq!(any.wait().unwrap(), 2);
        assert!(promises[0].is_unwanted());
    });
}

#[test]
fn any_of_failures_lists_them_all() {
    within(HANG, || {
        let (promises, pendings) = promises(&narrow(), 3);
        let any = Pending::any(pendings);
        complete(promises, &[2, 0, 1], &[0, 1, 2]);
        let error = any.wait().unwrap_err();
        assert_eq!(error.to_string(), "all 3 failed: no 0; no 1; no 2");
        assert_eq!(error.kind(), ErrorKind::JobNotFound);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no 2");
    });
}

#[test]
fn first_takes_a_failure_too_and_lets_the_others_go() {
    within(HANG, || {
        let (mut promises, pendings) = promises(&narrow(), 3);
        let first = Pending::first(pendings);
        promises.remove(2).complete(Err(error(2)));
        assert_eq!(first.wait().unwrap_err().to_string(), "no 2");
        assert!(promises.iter().all(Promise::is_unwanted));
    });
}

#[test]
fn a_decision_among_handles_that_are_ready_lets_go_of_those_after_it() {
    let (promise, never) = narrow().promise();
    assert_eq!(Pending::first([Pending::ready(1), never]).wait().unwrap(), 1);
    assert!(promise.is_unwanted());
    let (promise, never) = narrow().promise::<u8>();
    assert!(Pending::all([Pending::failed(gone()), never]).wait().is_err());
    assert!(promise.is_unwanted());
    let (promise, never) = narrow().promise::<u8>();
    assert!(Pending::<u8>::failed(gone()).zip(never).wait().is_err());
    assert!(promise.is_unwanted());
}

#[test]
fn of_nothing_all_is_ready_and_a_choice_is_an_error() {
    assert!(Pending::<u8>::all([]).try_wait().unwrap().unwrap().is_empty());
    assert!(Pending::<u8>::all_settled([]).try_wait().unwrap().unwrap().is_empty());
    for choice in [Pending::<u8>::any([]), Pending::first([])] {
        assert_eq!(choice.try_wait().unwrap().unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(Pending::<u8>::as_completed([]).next().map(|(index, _)| index), None);
}

#[test]
fn zip_joins_two_types_in_either_order_without_a_callback_thread() {
    within(HANG, || {
        let runtime = narrow();
        let busy = occupy(&runtime);
        for left_first in [true, false] {
            let (number, left) = runtime.promise();
            let (text, right) = runtime.promise();
            let receiver = left.zip(right).into_receiver();
            if left_first {
                number.complete(Ok(1));
                text.complete(Ok("one"));
            } else {
                text.complete(Ok("one"));
                number.complete(Ok(1));
            }
            assert_eq!(receiver.recv().unwrap().unwrap(), (1, "one"));
        }
        let (_never, left) = runtime.promise::<u8>();
        let (text, right) = runtime.promise::<&str>();
        let zipped = left.zip(right);
        text.complete(Err(gone()));
        assert_eq!(zipped.wait().unwrap_err().kind(), ErrorKind::JobNotFound);
        drop(busy);
    });
}

#[test]
fn letting_a_join_go_lets_its_sources_go() {
    type Join = fn(Vec<Pending<usize>>) -> Box<dyn Send>;
    let joins: [(&str, Join); 6] = [
        ("all", |pendings| Box::new(Pending::all(pendings))),
        ("all_settled", |pendings| Box::new(Pending::all_settled(pendings))),
        ("any", |pendings| Box::new(Pending::any(pendings))),
        ("first", |pendings| Box::new(Pending::first(pendings))),
        ("as_completed", |pendings| Box::new(Pending::as_completed(pendings))),
        ("zip", |mut pendings| Box::new(pendings.remove(0).zip(Pending::all(pendings)))),
    ];
    for (name, join) in joins {
        let (promises, pendings) = promises(&narrow(), 3);
        let joined = join(pendings);
        assert!(!promises.iter().any(Promise::is_unwanted), "{name}");
        drop(joined);
        assert!(promises.iter().all(Promise::is_unwanted), "{name}");
    }
}

#[test]
fn as_completed_gives_outcomes_in_the_order_in_which_they_come() {
    within(HANG, || {
        for order in orders() {
            let (promises, pendings) = promises(&narrow(), 3);
            let mut completed = Pending::as_completed(pendings);
            assert_eq!(completed.len(), 3);
            let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
            for i in order {
                let promise = promises[i].take().unwrap();
                let completer = thread::spawn(move || promise.complete(Ok(i * 10)));
                assert_eq!(completed.next().map(|(index, value)| (index, value.unwrap())), Some((i, i * 10)));
                completer.join().unwrap();
            }
            assert!(completed.next().is_none());
            assert!(completed.next().is_none());
        }
    });
}

#[test]
fn as_completed_in_the_only_callback_thread_runs_the_functions_itself() {
    within(HANG, || {
        let runtime = narrow();
        let inner = runtime.clone();
        let sum = runtime.spawn(move || {
            let handles = (0..100_u32).map(|n| inner.spawn(move || Ok(n)).then(|n| Ok(n + 1)));
            let mut sum = 0;
            for (index, value) in Pending::as_completed(handles) {
                let value = value?;
                assert_eq!(index as u32 + 1, value);
                // And between two of them it waits for something else.
                sum += inner.spawn(move || Ok(value)).wait()?;
            }
            Ok(sum)
        });
        assert_eq!(sum.into_receiver().recv().unwrap().unwrap(), 5050);
    });
}

#[test]
fn what_as_completed_follows_goes_on_while_nobody_asks_it() {
    within(HANG, || {
        let runtime = narrow();
        let (promises, pendings) = promises(&runtime, 3);
        let (ran_at, ran) = crossbeam_channel::unbounded();
        let functions = pendings.into_iter().map(|pending| {
            let ran_at = ran_at.clone();
            pending.then(move |n| ran_at.send(n).map_err(Error::other))
        });
        let mut completed = Pending::as_completed(functions);
        let mut promises = promises.into_iter();
        promises.next().unwrap().complete(Ok(0));
        assert_eq!(ran.recv(), Ok(0), "before the first call");
        assert!(completed.next().is_some());
        promises.next().unwrap().complete(Ok(1));
        assert_eq!(ran.recv(), Ok(1), "between two calls");
        drop(completed);
        promises.next().unwrap().complete(Ok(2));
        assert_eq!(ran.recv(), Ok(2), "after the last");
    });
}

#[test]
fn as_completed_of_many_handles_costs_each_once() {
    // Handing the waiter's unrun steps to the lane anew at each `next` would be quadratic: minutes.
    within(HANG, || {
        let runtime = narrow();
        let handles = (0..20_000_u32).map(|n| runtime.spawn(move || Ok(n)));
        assert_eq!(Pending::as_completed(handles).count(), 20_000);
    });
}

#[test]
fn an_as_completed_that_is_dropped_early_loses_no_function_and_no_value() {
    within(HANG, || {
        let runtime = narrow();
        let tally = Tally::default();
        let handles: Vec<_> = (0..100)
            .map(|_| {
                let (captured, made) = (tally.token(), tally.clone());
                runtime.spawn(move || {
                    drop(captured);
                    Ok(made.token())
                })
            })
            .collect();
        let mut completed = Pending::as_completed(handles);
        drop(completed.next());
        drop(completed);
        settle(|| tally.made() == 200, || format!("{} of 200 made", tally.made()));
        tally.assert_all_dropped("values and captures");
    });
}

#[test]
fn ten_thousand_handles_are_joined() {
    within(HANG, || {
        let runtime = Runtime::builder().build().unwrap();
        let squares = (0..10_000_u64).map(|n| runtime.spawn(move || Ok(n * n)).timeout(HANG));
        let all = Pending::all(squares).wait().unwrap();
        assert!(all.into_iter().eq((0..10_000).map(|n| n * n)));
    });
}

#[test]
fn handles_of_two_runtimes_are_joined_and_both_live_as_long_as_the_join() {
    within(HANG, || {
        let joined = {
            let (one, two) = (narrow(), narrow());
            let slow = one.spawn(|| Ok(1)).timeout(HANG).then_queued(|n| Ok(n + 1));
            let (promise, pending) = two.promise();
            thread::spawn(move || promise.complete(Ok(2)));
            Pending::all([slow, pending.then(|n| Ok(n * 2))])
        };
        assert_eq!(joined.wait_timeout(Duration::from_secs(50)).unwrap().unwrap(), [2, 4]);
    });
}
