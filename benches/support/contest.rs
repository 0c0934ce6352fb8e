//! Several ways to do the same thing, measured beside each other.
//!
//! By criterion, one after the other, with all that criterion says about each. Or, with `--table`, in turns: a short
//! stretch of each contender, round after round, and what counts is the median over the rounds of one's time divided by
//! the other's in the same round. A machine that is busy with something else slows both, so that this quotient holds
//! still where times do not.

use std::time::{Duration, Instant};

use criterion::Criterion;

use super::process::{busy, median};

/// One way to do it.
pub(crate) struct Contender<'a> {
    name: &'static str,
    /// Does it so many times, and says how long that took.
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// What is promised of the first contender: at most so many times what another takes, or so many nanoseconds.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Times(f64, &'static str),
    Nanoseconds(f64),
    None,
}

pub(crate) enum Bench {
    Criterion(Box<Criterion>),
    Table,
    /// Run as a test: everything once.
    Once,
}

/// How long one contender's stretch is, and how many rounds there are.
const STRETCH: Duration = Duration::from_millis(10);
const ROUNDS: usize = 101;

impl<'a> Contender<'a> {
    pub(crate) fn new<R>(name: &'static str, mut call: impl FnMut() -> R + 'a) -> Self {
        let run = move |times| {
            let begun = Instant::now();
            for _ in 0..times {
                std::hint::black_box(call());
            }
            begun.elapsed()
        };
        Self { name, run: Box::new(run) }
    }

    /// With a preparation that is not measured, each time.
    pub(crate) fn prepared<P, R>(
        name: &'static str,
        mut prepare: impl FnMut() -> P + 'a,
        mut call: impl FnMut(P) -> R + 'a,
    ) -> Self {
        let run = move |times| {
            (0..times)
                .map(|_| {
                    let prepared = prepare();
                    let begun = Instant::now();
                    let result = std::hint::black_box(call(prepared));
                    let taken = begun.elapsed();
                    drop(result);
                    taken
                })
                .sum()
        };
        Self { name, run: Box::new(run) }
    }
}

impl Bench {
    /// `cargo bench` and criterion's arguments, `cargo bench -- --table`, or `cargo test --benches`.
    pub(crate) fn from_arguments() -> Self {
        let has = |argument: &str| std::env::args().any(|given| given == argument);
        if has("--table") {
            println!(
                "| what | flink-client | beside it | takes | ratio | at most | ratio of processor time |"
            );
            println!("|---|---:|---|---:|---:|---:|---:|");
            Self::Table
        } else if has("--bench") {
            Self::Criterion(Box::new(Criterion::default().configure_from_args()))
        } else {
            Self::Once
        }
    }

    /// Measures `contenders`, of which the first is this crate. Each call of theirs counts as `calls`.
    pub(crate) fn group(&mut self, what: &str, limit: Limit, calls: u32, mut contenders: Vec<Contender<'_>>) {
        match self {
            Self::Criterion(criterion) => {
                let mut group = criterion.benchmark_group(what);
                for contender in &mut contenders {
                    group.bench_function(contender.name, |bencher| bencher.iter_custom(&mut contender.run));
                }
                group.finish();
            }
            Self::Table => in_turns(what, limit, calls, &mut contenders),
            Self::Once => {
                for contender in &mut contenders {
                    (contender.run)(1);
                }
            }
        }
    }

    pub(crate) fn finish(self) {
        if let Self::Criterion(criterion) = self {
            criterion.final_summary();
        }
    }
}

/// What a stretch took, per call.
#[derive(Clone, Copy, Default)]
struct Stretch {
    nanoseconds: f64,
    /// Of processor time, of all threads but the server's.
    busy: f64,
}

fn in_turns(what: &str, limit: Limit, calls: u32, contenders: &mut [Contender<'_>]) {
    let times: Vec<u64> = contenders.iter_mut().map(calibrate).collect();
    let mut rounds: Vec<Vec<Stretch>> = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let mut taken = vec![Stretch::default(); contenders.len()];
        for place in 0..contenders.len() {
            // Nobody is always first, or always after the same.
            let step = if round % 2 == 0 { place } else { contenders.len() - place };
            let index = (round + step) % contenders.len();
            let before = busy();
            let all = (contenders[index].run)(times[index]);
            let busy = busy().saturating_sub(before);
            let per_call = |of: Duration| of.as_secs_f64() * 1e9 / times[index] as f64 / f64::from(calls);
            taken[index] = Stretch { nanoseconds: per_call(all), busy: per_call(busy) };
        }
        rounds.push(taken);
    }
    let time = |index: usize| shown(median(rounds.iter().map(|taken| taken[index].nanoseconds)));
    let ratio = |of: fn(&Stretch) -> f64, index: usize| {
        median(rounds.iter().map(|taken| of(&taken[0]) / of(&taken[index])))
    };
    if contenders.len() == 1 {
        println!("| {what} | {} | | | | {} | |", time(0), limit.shown());
    }
    for (index, contender) in contenders.iter().enumerate().skip(1) {
        let promised = match limit {
            Limit::Times(_, beside) if beside == contender.name => limit.shown(),
            Limit::Nanoseconds(_) if index == 1 => limit.shown(),
            _ => String::new(),
        };
        let (what, ours) = if index == 1 { (what, time(0)) } else { ("", String::new()) };
        println!(
            "| {what} | {ours} | {} | {} | {:.2} | {promised} | {:.2} |",
            contender.name,
            time(index),
            ratio(|stretch| stretch.nanoseconds, index),
            ratio(|stretch| stretch.busy, index),
        );
    }
}

/// How often a contender is to be called for a stretch. The first calls also open its connections and fill its caches.
fn calibrate(contender: &mut Contender<'_>) -> u64 {
    let mut times = 1;
    loop {
        let taken = (contender.run)(times);
        if taken >= STRETCH / 2 {
            let wanted = STRETCH.as_secs_f64() / taken.as_secs_f64() * times as f64;
            return (wanted as u64).max(1);
        }
        times *= 2;
    }
}

fn shown(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds:.0} ns"),
        ..1e6 => format!("{:.1} µs", nanoseconds / 1e3),
        _ => format!("{:.2} ms", nanoseconds / 1e6),
    }
}

impl Limit {
    fn shown(self) -> String {
        match self {
            Self::Times(times, _) => format!("{times:.1} ×"),
            Self::Nanoseconds(limit) => shown(limit),
            Self::None => String::new(),
        }
    }
}
