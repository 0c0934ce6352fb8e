//! Everything at once, for some seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flink_client::{Error, ErrorKind, Pending, Promise, Runtime};

use super::support::{HANG, Tally, Token, settle, within};

/// A small generator, so that a failure can be repeated by its seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn fork(&mut self) -> Self {
        Self(self.roll(u64::MAX - 1) | 1)
    }
}

struct Arena {
    runtime: Runtime,
    tally: Tally,
    promises: crossbeam_channel::Sender<Promise<Token>>,
}

impl Arena {
    /// A handle of random kind, at most `depth` levels of other handles deep.
    fn handle(self: &Arc<Self>, dice: &mut Dice, depth: u32) -> Pending<Token> {
        let token = self.tally.token();
        let (arena, mut inner) = (Arc::clone(self), dice.fork());
        match dice.roll(if depth == 0 { 4 } else { 16 }) {
            0 => Pending::ready(token),
            1 => self.runtime.spawn(move || Ok(token)),
            2 => self.runtime.spawn(move || {
                drop(token);
                Err(Error::other("told to fail"))
            }),
            3 => {
                let (promise, pending) = self.runtime.promise();
                let _ = self.promises.send(promise);
                pending
            }
            4 => self.handle(dice, depth - 1).then(move |_| Ok(token)),
            5 => self.handle(dice, depth - 1).then_queued(move |_| Ok(token)),
            6 => self.handle(dice, depth - 1).and_then(move |_| arena.handle(&mut inner, depth - 1)),
            7 => self.handle(dice, depth - 1).or_else(move |_| Ok(token)),
            8 => self.handle(dice, depth - 1).then(move |_| {
                let _token = token;
                // Without a message on standard error.
                std::panic::resume_unwind(Box::new("told to panic"))
            }),
            // A function that waits.
            9 | 10 => self.runtime.spawn(move || arena.handle(&mut inner, depth - 1).wait()),
            11 => self.runtime.spawn(move || {
                let limit = Duration::from_micros(inner.roll(500));
                match arena.handle(&mut inner, depth - 1).wait_timeout(limit) {
                    Ok(result) => result,
                    Err(pending) => pending.wait(),
                }
            }),
            12 => self.handle(dice, depth - 1).timeout(Duration::from_micros(dice.roll(2000))),
            13 => {
                let some = [self.handle(dice, depth - 1), self.handle(dice, depth - 1)];
                Pending::all(some).then(|mut values| Ok(values.remove(1)))
            }
            14 => {
                let some = [self.handle(dice, depth - 1), self.handle(dice, depth - 1)];
                if dice.roll(2) == 0 { Pending::any(some) } else { Pending::first(some) }
            }
            _ => self.runtime.spawn(move || {
                let some = [arena.handle(&mut inner, depth - 1), arena.handle(&mut inner, depth - 1)];
                let mut completed = Pending::as_completed(some);
                let first = completed.next().map(|(_, outcome)| outcome);
                first.unwrap_or_else(|| Ok(token))
            }),
        }
    }
}

/// What became of the handles of one caller.
#[derive(Default)]
struct Counts {
    values: AtomicUsize,
    failures: AtomicUsize,
    let_go: AtomicUsize,
}

fn stress(workers: usize, seed: u64, lasts: Duration) {
    const CALLERS: usize = 4;
    let runtime = Runtime::builder().io_threads(1).callback_threads(workers).build().unwrap();
    let tally = Tally::default();
    let counts = Arc::new(Counts::default());
    let (promises, open) = crossbeam_channel::unbounded::<Promise<Token>>();
    let arena = Arc::new(Arena { runtime, tally: tally.clone(), promises });
    let end = Instant::now() + lasts;

    // Completes, fails or loses what the callers leave open.
    let completer = {
        let (tally, mut dice) = (tally.clone(), Dice(seed ^ 0x5DEE_CE66));
        thread::spawn(move || {
            for promise in open {
                match dice.roll(8) {
                    0 => drop(promise),
                    1 => promise.complete(Err(Error::new(ErrorKind::Server, "told to fail"))),
                    _ => promise.complete(Ok(tally.token())),
                }
            }
        })
    };
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (arena, counts) = (Arc::clone(&arena), Arc::clone(&counts));
            let mut dice = Dice(seed.wrapping_mul(caller as u64 + 1) | 1);
            thread::spawn(move || {
                let mut begun = 0;
                while Instant::now() < end {
                    let handle = arena.handle(&mut dice, 4);
                    begun += 1;
                    let result = match dice.roll(8) {
                        0 => {
                            drop(handle);
                            None
                        }
                        1 => {
                            handle.cancel();
                            None
                        }
                        2 => match handle.wait_timeout(Duration::from_micros(dice.roll(300))) {
                            Ok(result) => Some(result),
                            Err(handle) => Some(handle.wait()),
                        },
                        3 => Some(pollster::block_on(handle)),
                        4 => Some(handle.into_receiver().recv().expect("one message")),
                        5 => Some(handle.timeout(Duration::from_micros(dice.roll(300))).wait()),
                        _ => Some(handle.wait()),
                    };
                    match result {
                        None => counts.let_go.fetch_add(1, Ordering::SeqCst),
                        Some(Ok(_)) => counts.values.fetch_add(1, Ordering::SeqCst),
                        Some(Err(error)) => {
                            let expected = [
                                ErrorKind::Other,
                                ErrorKind::Panicked,
                                ErrorKind::Timeout,
                                ErrorKind::Server,
                                ErrorKind::Closed,
                            ];
                            assert!(expected.contains(&error.kind()), "{error:?}");
                            counts.failures.fetch_add(1, Ordering::SeqCst)
                        }
                    };
                }
                begun
            })
        })
        .collect();
    let begun: usize = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
    drop(arena);
    completer.join().unwrap();
    let [values, failures, let_go] =
        [&counts.values, &counts.failures, &counts.let_go].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(values + failures + let_go, begun, "an outcome was lost");
    assert!(
        values > 0 && failures > 0 && let_go > 0,
        "{values} values, {failures} failures, {let_go} let go"
    );
    settle(
        || tally.dropped() == tally.made(),
        || format!("seed {seed}: {} of {} tokens dropped", tally.dropped(), tally.made()),
    );
}

#[test]
fn nothing_is_lost_with_one_callback_thread() {
    within(HANG, || stress(1, 0x0F11_4C11, Duration::from_secs(2)));
}

#[test]
fn nothing_is_lost_with_two_callback_threads() {
    within(HANG, || stress(2, 0x0F11_4C12, Duration::from_secs(2)));
}

#[test]
fn nothing_is_lost_with_eight_callback_threads() {
    within(HANG, || stress(8, 0x0F11_4C18, Duration::from_secs(2)));
}
