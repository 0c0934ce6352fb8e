//! What a handle costs, beside what a program would use without one.
//!
//! `cargo bench --bench pending`. Wall times of anything that crosses threads depend on the machine's scheduler; compare
//! numbers of one run only.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crossbeam_channel::{Sender, bounded, unbounded};
use flink_client::{Pending, Runtime};

type Job = Box<dyn FnOnce() + Send>;

/// Four workers on one queue, and a reply channel for each call.
fn naive_pool() -> Sender<Job> {
    let (sender, receiver) = unbounded::<Job>();
    for _ in 0..4 {
        let receiver = receiver.clone();
        thread::spawn(move || receiver.into_iter().for_each(|job| job()));
    }
    sender
}

fn naive_call(pool: &Sender<Job>, n: u64) -> crossbeam_channel::Receiver<u64> {
    let (reply, answer) = bounded(1);
    pool.send(Box::new(move || {
        let _ = reply.send(n + 1);
    }))
    .expect("the pool lives");
    answer
}

fn ready(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ready");
    group.bench_function("pending_then_wait", |bencher| {
        bencher.iter(|| Pending::ready(black_box(1_u64)).then(|n| Ok(n + 1)).wait());
    });
    group.bench_function("promise_complete_then_wait", |bencher| {
        let runtime = Runtime::shared();
        bencher.iter(|| {
            let (promise, pending) = runtime.promise();
            promise.complete(Ok(black_box(1_u64)));
            pending.then(|n| Ok(n + 1)).wait()
        });
    });
    group.bench_function("crossbeam_send_recv", |bencher| {
        bencher.iter(|| {
            let (sender, receiver) = bounded(1);
            sender.send(black_box(1_u64)).expect("there is room");
            receiver.recv().map(|n| n + 1)
        });
    });
    group.finish();
}

fn submit_and_wait(criterion: &mut Criterion) {
    let runtime = Runtime::builder().callback_threads(4).build().expect("there are threads");
    let pool = naive_pool();
    let mut group = criterion.benchmark_group("submit_and_wait");
    group.bench_function("pending", |bencher| {
        bencher.iter(|| runtime.spawn(|| Ok(black_box(1_u64) + 1)).wait());
    });
    // Without the waiting thread's own help: always a hand-over to a worker and back.
    group.bench_function("pending_received", |bencher| {
        bencher.iter(|| runtime.spawn(|| Ok(black_box(1_u64) + 1)).into_receiver().recv());
    });
    group.bench_function("naive_pool", |bencher| {
        bencher.iter(|| naive_call(&pool, black_box(1)).recv());
    });
    group.finish();

    let mut group = criterion.benchmark_group("sixteen_in_flight");
    group.bench_function("pending", |bencher| {
        bencher
            .iter(|| Pending::all((0..16_u64).map(|n| runtime.spawn(move || Ok(black_box(n) + 1)))).wait());
    });
    group.bench_function("naive_pool", |bencher| {
        bencher.iter(|| {
            let answers: Vec<_> = (0..16).map(|n| naive_call(&pool, black_box(n))).collect();
            answers.into_iter().map(|answer| answer.recv()).collect::<Result<Vec<_>, _>>()
        });
    });
    group.finish();
}

/// What the caller pays for an operation that it does not wait for; the workers are on other cores.
fn detached(criterion: &mut Criterion) {
    let runtime = Runtime::builder().callback_threads(4).build().expect("there are threads");
    let pool = naive_pool();
    let mut group = criterion.benchmark_group("detached");
    group.bench_function("pending", |bencher| {
        bencher.iter(|| drop(runtime.spawn(|| Ok(black_box(1_u64) + 1))));
    });
    group.bench_function("naive_pool", |bencher| bencher.iter(|| drop(naive_call(&pool, black_box(1)))));
    group.finish();
}

/// A hop of a chain that is registered first and completed then.
fn chain(criterion: &mut Criterion) {
    const HOPS: u64 = 1000;
    let runtime = Runtime::builder().callback_threads(1).build().expect("there are threads");
    criterion.bench_function("chain_of_1000_then/per_chain", |bencher| {
        bencher.iter_batched(
            || {
                let (promise, mut pending) = runtime.promise();
                for _ in 0..HOPS {
                    pending = pending.then(|n: u64| Ok(n + 1));
                }
                (promise, pending)
            },
            |(promise, pending)| {
                promise.complete(Ok(0));
                pending.wait()
            },
            BatchSize::SmallInput,
        );
    });
}

fn timers(criterion: &mut Criterion) {
    const LIMITS: usize = 10_000;
    let runtime = Runtime::builder().build().expect("there are threads");
    let limited = |limit: Duration| -> Vec<_> {
        (0..LIMITS)
            .map(|_| {
                let (promise, pending) = runtime.promise::<()>();
                (promise, pending.timeout(limit))
            })
            .collect()
    };
    let mut group = criterion.benchmark_group("10000_limits");
    group.sample_size(20);
    group.bench_function("set_and_removed", |bencher| {
        bencher.iter(|| drop(limited(Duration::from_secs(3600))));
    });
    group.bench_function("passed", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut taken = Duration::ZERO;
            for _ in 0..rounds {
                let limit = Duration::from_millis(50);
                let pending = limited(limit);
                let begun = Instant::now();
                for (_promise, limited) in pending {
                    let _ = black_box(limited.wait());
                }
                taken += begun.elapsed();
            }
            taken
        });
    });
    group.finish();
}

criterion_group!(benches, ready, submit_and_wait, detached, chain, timers);
criterion_main!(benches);
