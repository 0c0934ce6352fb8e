//! How long to wait before the next attempt or the next look.

use std::fmt;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use crate::error::{Error, ErrorKind, Result};

/// A list of all jobs is followed by a pause of so many times what it took.
const SPARE: u32 = 8;

/// But never of more than this: a list may have taken long because it was waited for until the cluster had a leader.
const LONGEST_SPARE: Duration = Duration::from_secs(10);

/// The least pause after a list of all jobs that took so long: how the cluster is spared.
pub(crate) fn spared(took: Duration) -> Duration {
    took.saturating_mul(SPARE).min(LONGEST_SPARE)
}

/// Decides how long to wait after each attempt, of a retry or of a poll.
///
/// Implement it to bring a schedule of one's own.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use flink_client::WaitStrategy;
///
/// #[derive(Debug)]
/// struct Linear;
///
/// impl WaitStrategy for Linear {
///     fn wait_time(&self, attempt: u32) -> Duration {
///         Duration::from_millis(100).saturating_mul(attempt)
///     }
/// }
/// assert_eq!(Linear.wait_time(3), Duration::from_millis(300));
/// ```
pub trait WaitStrategy: fmt::Debug + Send + Sync {
    /// The wait after attempt number `attempt`, counted from 1. 0 counts as 1.
    ///
    /// (Java's `sleepTime` counts from 0.)
    fn wait_time(&self, attempt: u32) -> Duration;
}

/// Waits that grow by a factor, up to a maximum.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use flink_client::{ExponentialWaitStrategy, WaitStrategy};
///
/// let millis = Duration::from_millis;
/// let strategy = ExponentialWaitStrategy::new(millis(10), millis(2000), 2.0)?;
/// let waits: Vec<_> = (1..=10).map(|attempt| strategy.wait_time(attempt).as_millis()).collect();
/// assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000]);
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialWaitStrategy {
    initial: Duration,
    max: Duration,
    multiplier: f64,
    jitter: f64,
}

impl ExponentialWaitStrategy {
    /// Waits `initial` after the first attempt, `multiplier` times the wait before after each further one, and never
    /// more than `max`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `initial` is longer than `max` or zero, or `multiplier` is below 1 or not a
    /// number.
    pub fn new(initial: Duration, max: Duration, multiplier: f64) -> Result<Self> {
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        if initial.is_zero() {
            return refuse("the initial wait is 0, but it must be positive to grow".into());
        }
        if initial > max {
            return refuse(format!("the initial wait of {initial:?} is longer than the maximum of {max:?}"));
        }
        if !multiplier.is_finite() || multiplier < 1.0 {
            return refuse(format!("the multiplier is {multiplier}, but waits only grow by 1 or more"));
        }
        Ok(Self { initial, max, multiplier, jitter: 0.0 })
    }

    /// Spreads every wait at random by up to this share of itself, up and down but never above the maximum, so that
    /// many clients do not come back in step. Defaults to 0: none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] unless `jitter` is from 0 to 1.
    pub fn with_jitter(mut self, jitter: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&jitter) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("the jitter is {jitter}, but it is a share of the wait, from 0 to 1"),
            ));
        }
        self.jitter = jitter;
        Ok(self)
    }

    /// The wait after `attempt` before any spreading. In floating point a power overflows to infinity, which the
    /// maximum then bounds, so there is no attempt for which this wraps around.
    fn planned(&self, attempt: u32) -> Duration {
        let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.initial.as_secs_f64() * self.multiplier.powi(power);
        Duration::try_from_secs_f64(seconds).map_or(self.max, |wait| wait.min(self.max))
    }
}

impl WaitStrategy for ExponentialWaitStrategy {
    fn wait_time(&self, attempt: u32) -> Duration {
        let planned = self.planned(attempt);
        if self.jitter == 0.0 {
            return planned;
        }
        let mut spread = ExponentialBackoff {
            current_interval: planned,
            randomization_factor: self.jitter,
            max_interval: self.max,
            multiplier: self.multiplier,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        // The spread is applied after the maximum there, so it is bounded again here.
        spread.next_backoff().unwrap_or(planned).min(self.max)
    }
}

/// The same wait after every attempt, as Flink's `rest.retry.delay` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedWaitStrategy(
    /// How long.
    pub Duration,
);

impl WaitStrategy for FixedWaitStrategy {
    fn wait_time(&self, _attempt: u32) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn attempt_zero_counts_as_the_first() {
        let strategy = ExponentialWaitStrategy::new(MILLI * 10, MILLI * 2000, 2.0).unwrap();
        assert_eq!(strategy.wait_time(0), MILLI * 10);
        assert_eq!(strategy.wait_time(1), MILLI * 10);
        assert_eq!(strategy.wait_time(u32::MAX), MILLI * 2000);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (initial, max, multiplier, says) in [
            (Duration::ZERO, MILLI, 2.0, "initial wait is 0"),
            (MILLI * 2, MILLI, 2.0, "longer than the maximum"),
            (MILLI, MILLI, 0.5, "multiplier is 0.5"),
            (MILLI, MILLI, f64::NAN, "multiplier is NaN"),
            (MILLI, MILLI, f64::INFINITY, "multiplier is inf"),
        ] {
            let error = ExponentialWaitStrategy::new(initial, max, multiplier).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(says), "{error}");
        }
        let strategy = ExponentialWaitStrategy::new(MILLI, MILLI, 1.0).unwrap();
        assert!(strategy.clone().with_jitter(1.5).is_err());
        assert!(strategy.with_jitter(f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn waits_never_shrink_and_never_pass_the_maximum(
            initial in 1u64..10_000_000_000,
            more in 0u64..u64::MAX / 2,
            multiplier in 1.0f64..1e12,
            attempt in any::<u32>(),
        ) {
            let initial = Duration::from_nanos(initial);
            let max = initial + Duration::from_nanos(more);
            let strategy = ExponentialWaitStrategy::new(initial, max, multiplier).unwrap();
            let wait = strategy.wait_time(attempt);
            prop_assert!(wait <= max);
            prop_assert!(wait >= strategy.wait_time(attempt.saturating_sub(1)));
            prop_assert!(strategy.wait_time(1) == initial);
        }

        #[test]
        fn a_spread_wait_stays_within_its_share_and_the_maximum(attempt in 0u32..64, jitter in 0.0f64..=1.0) {
            let plain = ExponentialWaitStrategy::new(MILLI * 10, MILLI * 2000, 2.0).unwrap();
            let planned = plain.wait_time(attempt);
            let wait = plain.with_jitter(jitter).unwrap().wait_time(attempt);
            prop_assert!(wait <= MILLI * 2000);
            prop_assert!(wait <= planned.mul_f64(1.0 + jitter) + MILLI);
            prop_assert!(wait + MILLI >= planned.mul_f64(1.0 - jitter));
        }
    }
}
