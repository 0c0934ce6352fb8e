//! The cluster's clock: the machine's, or one that a test moves.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::lock;

/// What a mini cluster takes the time from: time stamps, delays, time-outs and expiry.
///
/// The machine's clock by default. A [`manual`](Self::manual) clock stands still until it is
/// [advanced](Self::advance), so that a test can let an hour pass in no time.
///
/// # Examples
/// ```
/// use std::time::{Duration, SystemTime};
/// use flink_client::mini::MiniClock;
///
/// let clock = MiniClock::manual(SystemTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct MiniClock(Arc<Inner>);

enum Inner {
    System { begun: Instant, at: Duration },
    Manual(Mutex<Manual>),
}

struct Manual {
    now: Duration,
    wake: Vec<Weak<dyn Fn() + Send + Sync>>,
}

impl MiniClock {
    /// The machine's clock. It never goes backwards, whatever is done to the machine's time.
    pub fn system() -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(Inner::System { begun: Instant::now(), at }))
    }

    /// A clock that stands still at `now`. Clones are the same clock.
    pub fn manual(now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(Inner::Manual(Mutex::new(Manual { now, wake: Vec::new() }))))
    }

    /// Moves a manual clock on; what is due happens soon, on the cluster's own threads. Does nothing to the machine's
    /// clock.
    pub fn advance(&self, by: Duration) {
        if let Inner::Manual(manual) = &*self.0 {
            let wake: Vec<_> = {
                let mut manual = lock(manual);
                manual.now = manual.now.saturating_add(by);
                manual.wake.retain(|wake| wake.strong_count() > 0);
                manual.wake.iter().filter_map(Weak::upgrade).collect()
            };
            wake.iter().for_each(|wake| wake());
        }
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.since_1970()
    }

    pub(crate) fn since_1970(&self) -> Duration {
        match &*self.0 {
            Inner::System { begun, at } => at.saturating_add(begun.elapsed()),
            Inner::Manual(manual) => lock(manual).now,
        }
    }

    /// Milliseconds since 1970, as Flink writes points in time.
    pub(crate) fn millis(&self) -> i64 {
        self.since_1970().as_millis().try_into().unwrap_or(i64::MAX)
    }

    /// Whether time passes by itself, so that a thread can wait for it.
    pub(crate) fn passes(&self) -> bool {
        matches!(&*self.0, Inner::System { .. })
    }

    /// Calls `wake` whenever a manual clock is moved, as long as `wake` lives.
    pub(crate) fn on_advance(&self, wake: &Arc<dyn Fn() + Send + Sync>) {
        if let Inner::Manual(manual) = &*self.0 {
            lock(manual).wake.push(Arc::downgrade(wake));
        }
    }
}

impl fmt::Debug for MiniClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniClock").field("manual", &!self.passes()).field("now", &self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn clones_of_a_manual_clock_are_the_same_clock_and_tell_their_waiters() {
        let clock = MiniClock::manual(UNIX_EPOCH);
        let woken = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&woken);
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        clock.on_advance(&wake);
        clock.clone().advance(Duration::from_millis(1500));
        assert_eq!((clock.millis(), woken.load(Ordering::Relaxed)), (1500, 1));
        drop(wake);
        clock.advance(Duration::MAX);
        assert_eq!((clock.millis(), woken.load(Ordering::Relaxed)), (i64::MAX, 1));
    }

    #[test]
    fn the_machines_clock_cannot_be_moved() {
        let clock = MiniClock::system();
        let before = clock.since_1970();
        clock.advance(Duration::from_secs(1 << 30));
        assert!(clock.since_1970() - before < Duration::from_secs(1 << 20));
    }
}
