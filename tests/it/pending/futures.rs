//! Handles as futures and as channels.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use flink_client::{AsCompleted, Error, ErrorKind, Pending, Promise, Runtime, RuntimeBuilder};

use super::support::{HANG, gone, later, narrow, within};

/// The smallest executor: one thread, one task.
fn run<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

async fn program(runtime: Runtime) -> Result<u32, Error> {
    let (promise, pending) = runtime.promise();
    let other = runtime.clone();
    thread::spawn(move || promise.complete(Ok(20)));
    let twenty: u32 = pending.await?;
    let doubled = other.spawn(move || Ok(twenty)).then(|n| Ok(n * 2)).and_then(Pending::ready).await?;
    let failed = other.spawn(|| Err::<(), _>(gone())).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::JobNotFound);
    let (_never, never) = other.promise::<()>();
    assert!(never.timeout(Duration::from_millis(1)).await.unwrap_err().is_timeout());
    let two = Pending::ready(2).await?;
    Ok(doubled + two)
}

#[test]
fn a_handle_is_awaited_under_an_executor_of_twenty_lines() {
    within(HANG, || assert_eq!(run(program(narrow())).unwrap(), 42));
}

#[test]
fn a_handle_is_awaited_under_pollster() {
    within(HANG, || assert_eq!(pollster::block_on(program(narrow())).unwrap(), 42));
}

#[test]
fn polled_again_after_its_result_a_handle_says_so_and_does_not_panic() {
    let mut pending = Pending::ready(1);
    let mut poll = || Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll(), Poll::Ready(Ok(1))));
    assert!(matches!(poll(), Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed));
    let (mut pending, complete) = later(&narrow(), Ok(1));
    complete();
    let mut poll = || Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll(), Poll::Ready(Ok(1))));
    assert!(matches!(poll(), Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed));
    assert!(!pending.is_done());
    assert_eq!(pending.then(Ok).wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_handle_that_was_polled_can_still_be_waited_for_and_continued() {
    within(HANG, || {
        for way in 0..3 {
            let (mut pending, complete) = later(&narrow(), Ok(1));
            assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let completer = thread::spawn(complete);
            let result = match way {
                0 => pending.wait(),
                1 => pending.then(Ok).wait(),
                _ => pending.into_receiver().recv().unwrap(),
            };
            assert_eq!(result.unwrap(), 1);
            completer.join().unwrap();
        }
    });
}

#[test]
fn receivers_are_selected_among() {
    within(HANG, || {
        let runtime = narrow();
        let (_never, never) = runtime.promise::<&str>();
        let never = never.into_receiver();
        let soon = runtime.spawn(|| Ok("soon")).into_receiver();
        crossbeam_channel::select! {
            recv(never) -> _ => panic!("nothing was sent"),
            recv(soon) -> result => assert_eq!(result.unwrap().unwrap(), "soon"),
        }
        crossbeam_channel::select! {
            recv(never) -> _ => panic!("nothing was sent"),
            default(Duration::from_millis(1)) => {}
        }
        assert!(soon.recv().is_err(), "exactly one message");
        drop(_never);
        assert_eq!(never.recv().unwrap().unwrap_err().kind(), ErrorKind::Closed, "lost is an outcome too");
    });
}

#[test]
fn a_receiver_outlives_everything_else_of_its_runtime() {
    within(HANG, || {
        let receiver = {
            let runtime = narrow();
            let (promise, pending) = runtime.promise();
            let receiver = pending.timeout(HANG).then(|n: u32| Ok(n + 1)).into_receiver();
            thread::spawn(move || promise.complete(Ok(41)));
            receiver
        };
        assert_eq!(receiver.recv().unwrap().unwrap(), 42);
    });
}

#[test]
fn handles_go_to_other_threads_and_need_no_pinning() {
    fn send<T: Send + 'static>() {}
    fn sync<T: Sync>() {}
    fn unpin<T: Unpin>() {}
    send::<Pending<std::cell::Cell<u8>>>();
    sync::<Pending<u8>>();
    unpin::<Pending<std::marker::PhantomPinned>>();
    send::<Promise<std::cell::Cell<u8>>>();
    sync::<Promise<std::cell::Cell<u8>>>();
    send::<AsCompleted<std::cell::Cell<u8>>>();
    send::<Runtime>();
    sync::<Runtime>();
    send::<RuntimeBuilder>();
    assert!(size_of::<Pending<Vec<u8>>>() <= 64, "a handle is a light thing");
}

#[test]
fn a_handle_says_what_it_is_about_without_its_value() {
    let (promise, pending) = narrow().promise::<std::cell::Cell<u8>>();
    assert_eq!(format!("{pending:?}"), "Pending { done: false, .. }");
    assert_eq!(format!("{promise:?}"), "Promise { unwanted: false }");
    promise.complete(Ok(1.into()));
    assert_eq!(format!("{pending:?}"), "Pending { done: true, .. }");
    assert_eq!(format!("{:?}", Pending::as_completed([pending])), "AsCompleted { left: 1, .. }");
}
