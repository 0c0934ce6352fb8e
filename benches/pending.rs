//! What a handle costs, beside what a program would use without one.
//!
//! `cargo bench --bench pending`, or `cargo bench --bench pending -- --table` for the ratios. Times of anything that
//! crosses threads depend on the machine's scheduler; compare numbers of one run only.

mod support;

use std::hint::black_box;
use std::time::Duration;

use crossbeam_channel::bounded;
use flink_client::{Pending, Promise, Runtime};

use support::clients::NaivePool;
use support::{Bench, Contender, Limit};

const POOL: &str = "four workers, a channel per call";
const CHANNEL: &str = "crossbeam bounded(1), send, receive";

fn runtime(callback_threads: usize) -> Runtime {
    Runtime::builder().callback_threads(callback_threads).build().expect("there are threads")
}

fn ready(bench: &mut Bench) {
    let channel = || {
        let (sender, receiver) = bounded(1);
        sender.send(black_box(1_u64)).expect("there is room");
        receiver.recv().map(|n| n + 1)
    };
    bench.group(
        "a ready handle, then, wait",
        Limit::Nanoseconds(150.0),
        1,
        vec![
            Contender::new("flink-client", || Pending::ready(black_box(1_u64)).then(|n| Ok(n + 1)).wait()),
            Contender::new(CHANNEL, channel),
        ],
    );
    let runtime = Runtime::shared();
    bench.group(
        "a promise, completed, then, wait",
        Limit::None,
        1,
        vec![
            Contender::new("flink-client", move || {
                let (promise, pending) = runtime.promise();
                promise.complete(Ok(black_box(1_u64)));
                pending.then(|n| Ok(n + 1)).wait()
            }),
            Contender::new(CHANNEL, channel),
        ],
    );
}

/// Work that is nothing, so that the way to it and back is what is measured.
fn submit_and_wait(bench: &mut Bench) {
    let (runtime, pool) = (runtime(4), NaivePool::new());
    bench.group(
        "submit, wait",
        Limit::Times(1.0, POOL),
        1,
        vec![
            Contender::new("flink-client", || runtime.spawn(|| Ok(black_box(1_u64) + 1)).wait()),
            Contender::new(POOL, || pool.call(|| black_box(1_u64) + 1).recv()),
        ],
    );
    // Without the waiting thread's own help: always a hand-over to a worker and back. The pool's worker and receiver are
    // still spinning when the other comes, each time; this crate's look a few times and sleep.
    bench.group(
        "submit, receive from a channel",
        Limit::None,
        1,
        vec![
            Contender::new("flink-client", || {
                runtime.spawn(|| Ok(black_box(1_u64) + 1)).into_receiver().recv()
            }),
            Contender::new(POOL, || pool.call(|| black_box(1_u64) + 1).recv()),
        ],
    );
    bench.group(
        "submit 16, wait for all, per call",
        Limit::Times(1.0, POOL),
        16,
        vec![
            Contender::new("flink-client", || {
                Pending::all((0..16_u64).map(|n| runtime.spawn(move || Ok(black_box(n) + 1)))).wait()
            }),
            Contender::new(POOL, || {
                let answers: Vec<_> = (0..16_u64).map(|n| pool.call(move || black_box(n) + 1)).collect();
                answers.into_iter().map(|answer| answer.recv()).collect::<Result<Vec<_>, _>>()
            }),
        ],
    );
    // What the caller pays for an operation that it does not wait for; the workers are on other cores.
    bench.group(
        "submit, let go",
        Limit::None,
        1,
        vec![
            Contender::new("flink-client", || drop(runtime.spawn(|| Ok(black_box(1_u64) + 1)))),
            Contender::new(POOL, || drop(pool.call(|| black_box(1_u64) + 1))),
        ],
    );
}

/// A hop of a chain that is registered first and completed then.
fn chain(bench: &mut Bench) {
    const HOPS: u32 = 1000;
    let runtime = runtime(1);
    let prepare = || {
        let (promise, mut pending) = runtime.promise();
        for _ in 0..HOPS {
            pending = pending.then(|n: u64| Ok(n + 1));
        }
        (promise, pending)
    };
    let complete = |(promise, pending): (Promise<u64>, Pending<u64>)| {
        promise.complete(Ok(0));
        pending.wait()
    };
    bench.group(
        "one of a chain of 1,000 functions",
        Limit::None,
        HOPS,
        vec![Contender::prepared("flink-client", prepare, complete)],
    );
}

fn timers(bench: &mut Bench) {
    const LIMITS: u32 = 10_000;
    let runtime = runtime(1);
    let limited = |limit: Duration| -> Vec<_> {
        (0..LIMITS)
            .map(|_| {
                let (promise, pending) = runtime.promise::<()>();
                (promise, pending.timeout(limit))
            })
            .collect()
    };
    bench.group(
        "one of 10,000 limits, set and removed",
        Limit::None,
        LIMITS,
        vec![Contender::new("flink-client", || drop(limited(Duration::from_secs(3600))))],
    );
}

fn main() {
    let mut bench = Bench::from_arguments();
    ready(&mut bench);
    submit_and_wait(&mut bench);
    chain(&mut bench);
    timers(&mut bench);
    bench.finish();
}
