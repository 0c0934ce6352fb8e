//! The provider makes one client, whoever asks and however often, and closes what it made.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock, Weak, mpsc};
use std::thread;
use std::time::Duration;

use flink_client::{ClusterClientProvider, Error, ErrorKind, LazyClusterClientProvider, Result};

use crate::double::Double;

const LIMIT: Duration = Duration::from_secs(60);

type Provider = LazyClusterClientProvider<Double>;

/// A provider that counts how often its factory runs.
fn counting(
    factory: impl Fn(usize) -> Result<Double> + Send + Sync + 'static,
) -> (Arc<Provider>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let provider = Provider::new("double", move || factory(counted.fetch_add(1, Ordering::SeqCst)));
    (Arc::new(provider), count)
}

#[test]
fn nothing_is_made_before_somebody_asks_for_the_client() {
    let (provider, count) = counting(|_| Ok(Double::default()));
    assert_eq!(*provider.cluster_id(), "double");
    assert!(format!("{provider:?}").contains("not made yet"), "{provider:?}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    provider.cluster_client().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(format!("{provider:?}").contains(": made"), "{provider:?}");
}

#[test]
fn all_who_ask_at_once_get_the_one_client() {
    for _ in 0..200 {
        let (provider, count) = counting(|_| {
            thread::yield_now();
            Ok(Double::default())
        });
        let together = Arc::new(Barrier::new(8));
        let askers: Vec<_> = (0..8)
            .map(|_| {
                let (provider, together) = (Arc::clone(&provider), Arc::clone(&together));
                thread::spawn(move || {
                    together.wait();
                    provider.cluster_client().unwrap()
                })
            })
            .collect();
        let clients: Vec<Double> = askers.into_iter().map(|asker| asker.join().unwrap()).collect();
        assert!(clients.iter().all(|client| client.is(&clients[0])));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_failure_is_told_to_all_who_waited_and_the_next_one_tries_again() {
    let (may_fail, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let (provider, count) = counting(move |attempt| match attempt {
        0 => {
            gate.lock().unwrap().recv().unwrap();
            let cause = Error::new(ErrorKind::LocalFile, "no such certificate");
            Err(Error::new(ErrorKind::Configuration, "the key store is broken").with_source(cause))
        }
        _ => Ok(Double::default()),
    });
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let provider = Arc::clone(&provider);
            thread::spawn(move || provider.cluster_client())
        })
        .collect();
    // One of them makes it; whether the others wait already or come too late is seen below.
    while count.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    may_fail.send(()).unwrap();
    let outcomes: Vec<_> = asking.into_iter().map(|asker| asker.join().unwrap()).collect();
    let failures: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!failures.is_empty());
    for failure in failures {
        assert_eq!(failure.kind(), ErrorKind::Configuration);
        assert_eq!(failure.to_string(), "the key store is broken");
        let source = std::error::Error::source(failure).expect("the source is told to everybody");
        assert_eq!(source.downcast_ref::<Error>().unwrap().kind(), ErrorKind::LocalFile);
    }
    provider.cluster_client().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_of_the_factory_is_an_error_for_everybody_and_not_for_ever() {
    let (provider, count) = counting(|attempt| {
        assert!(attempt > 0, "no credentials yet");
        Ok(Double::default())
    });
    let error = provider.cluster_client().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(error.to_string().contains("no credentials yet"), "{error}");
    provider.cluster_client().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_factory_that_asks_its_own_provider_gets_an_error_and_no_deadlock() {
    static PROVIDER: OnceLock<Weak<Provider>> = OnceLock::new();
    let provider = Arc::new(Provider::new("double", || {
        let own = PROVIDER.get().and_then(Weak::upgrade).expect("set before it is asked");
        assert_eq!(*own.cluster_id(), "double");
        own.cluster_client()
    }));
    PROVIDER.set(Arc::downgrade(&provider)).unwrap();
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || done.send(provider.cluster_client().map(drop)));
    let error = outcome.recv_timeout(LIMIT).expect("no deadlock").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("asks its own provider"), "{error}");
}

#[test]
fn closing_closes_the_client_and_makes_no_other() {
    let (provider, count) = counting(|_| Ok(Double::default()));
    let client = provider.cluster_client().unwrap();
    provider.close();
    provider.close();
    assert!(client.is_closed());
    assert_eq!(provider.cluster_client().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(*provider.cluster_id(), "double");

    let (unused, count) = counting(|_| Ok(Double::default()));
    unused.close();
    assert_eq!(unused.cluster_client().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn a_client_that_comes_after_the_close_is_closed_too() {
    static MADE: OnceLock<Double> = OnceLock::new();
    static PROVIDER: OnceLock<Weak<Provider>> = OnceLock::new();
    let provider = Arc::new(Provider::new("double", || {
        PROVIDER.get().and_then(Weak::upgrade).expect("set before it is asked").close();
        Ok(MADE.get_or_init(Double::default).clone())
    }));
    PROVIDER.set(Arc::downgrade(&provider)).unwrap();
    assert_eq!(provider.cluster_client().unwrap_err().kind(), ErrorKind::Closed);
    assert!(MADE.get().expect("it was made").is_closed());
    assert!(format!("{provider:?}").contains("closed"), "{provider:?}");
}

#[test]
fn a_client_that_is_there_is_given_and_closed_like_one_that_was_made() {
    let client = Double::default();
    let provider: Arc<dyn ClusterClientProvider<Client = Double>> =
        Arc::new(LazyClusterClientProvider::of(client.clone()));
    assert_eq!(*provider.cluster_id(), "double");
    assert!(provider.cluster_client().unwrap().is(&client));
    provider.close();
    assert!(client.is_closed());
}
