//! The standard library's locks and atomics, or loom's when the races are being model-checked.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64};
#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU64};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(loom)]
use loom::thread::yield_now;
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::thread::yield_now;

/// How often a thread that finds nothing to do looks again before it sleeps. To fall asleep and be woken takes longer
/// than much of what is waited for; where it does not, the looks are lost in it.
pub(crate) const LOOKS: u32 = if cfg!(loom) { 1 } else { 4 };

/// Locks `mutex`. No code of a caller ever runs under one of this crate's locks, so a poisoned lock means a panic
/// between two complete states, and the data is good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Lets other threads run, without the lock.
pub(crate) fn look_again<'a, T>(mutex: &'a Mutex<T>, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    drop(guard);
    yield_now();
    lock(mutex)
}
