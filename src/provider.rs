//! Where a client comes from: made once, when it is first asked for.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, ThreadId};

use crate::client::ClusterClient;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Condvar, Mutex, lock, wait};

/// The identifier of a provider's cluster.
type IdOf<C> = <C as ClusterClient>::ClusterId;

/// Gives the client of one cluster, and owns it.
///
/// A trait and not only a type, because what stands behind it differs: a client that is made when it is first asked
/// for ([`LazyClusterClientProvider`]), or a cluster whose processes live as long as the provider does. It is
/// object-safe: `Arc<dyn ClusterClientProvider<Client = C>>` is a provider too.
pub trait ClusterClientProvider: fmt::Debug + Send + Sync {
    /// What it gives. Clones are the same client.
    type Client: ClusterClient + Clone + 'static;

    /// The cluster's client: the same one for everybody who asks.
    ///
    /// Making it may take a moment, during which callers wait; it sends no request unless the provider says so.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after [`close`](Self::close); else whatever kept the client from being made, which the
    /// next call tries again.
    fn cluster_client(&self) -> Result<Self::Client>;

    /// The name of the cluster. No client is made for it.
    fn cluster_id(&self) -> &IdOf<Self::Client>;

    /// Closes the client if one was made, with every operation of it that is open; no other is made afterwards. The
    /// cluster is not touched. Any thread may call it, at any time; twice is fine.
    fn close(&self);
}

macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<P: ClusterClientProvider + ?Sized> ClusterClientProvider for $pointer<P> {
            type Client = P::Client;

            fn cluster_client(&self) -> Result<Self::Client> {
                (**self).cluster_client()
            }
            fn cluster_id(&self) -> &IdOf<Self::Client> {
                (**self).cluster_id()
            }
            fn close(&self) {
                (**self).close();
            }
        }
    };
}

forward!(Arc);
forward!(Box);

type Factory<C> = Box<dyn Fn() -> Result<C> + Send + Sync>;

/// Makes the client when it is first asked for, once, however many ask at a time.
///
/// Those who ask while it is being made wait for that one attempt and share its outcome, a failure too; whoever asks
/// after a failure tries again.
///
/// # Threads
///
/// The factory runs on the thread that asked first, with no lock held. So it may call anything, this provider's
/// [`cluster_id`](ClusterClientProvider::cluster_id) and [`close`](ClusterClientProvider::close) too, and wait for
/// operations, which need no other thread than its own. Asking this provider for the client that it is itself to make
/// is an error and not a deadlock. What no design can save is a factory that waits for another thread which waits for
/// this provider.
///
/// # Examples
/// ```
/// use flink_client::prelude::*;
/// use flink_client::{LazyClusterClientProvider, RestClusterClient, StandaloneClusterId};
///
/// let provider = LazyClusterClientProvider::new(StandaloneClusterId, || {
///     RestClusterClient::connect("localhost:8081")
/// });
/// let client = provider.cluster_client()?; // made here; nothing is sent yet
/// provider.close();
/// assert!(client.overview().wait().unwrap_err().to_string().contains("closed"));
/// # Ok::<(), flink_client::Error>(())
/// ```
pub struct LazyClusterClientProvider<C: ClusterClient> {
    cluster_id: IdOf<C>,
    factory: Factory<C>,
    state: Mutex<State<C>>,
}

/// `Unmade -> Making -> Made | Unmade`, and `Closed` from any of them, for ever.
enum State<C> {
    Unmade,
    Making(Arc<Attempt<C>>),
    /// Behind a pointer because cloning a client is a caller's code, which runs under no lock.
    Made(Arc<C>),
    Closed,
}

/// One run of the factory, and those who wait for it.
struct Attempt<C> {
    by: ThreadId,
    outcome: Mutex<Option<Result<Arc<C>>>>,
    done: Condvar,
}

impl<C: ClusterClient + Clone + 'static> LazyClusterClientProvider<C> {
    /// A provider of the cluster `cluster_id`, whose client `factory` makes. A panic of the factory is an error,
    /// [`ErrorKind::Panicked`].
    pub fn new(cluster_id: IdOf<C>, factory: impl Fn() -> Result<C> + Send + Sync + 'static) -> Self {
        Self { cluster_id, factory: Box::new(factory), state: Mutex::new(State::Unmade) }
    }

    /// A provider of a client that is there already, and that closing it closes.
    pub fn of(client: C) -> Self
    where
        IdOf<C>: Clone,
    {
        let provider = Self::new(client.cluster_id().clone(), || Err(closed()));
        *lock(&provider.state) = State::Made(Arc::new(client));
        provider
    }

    fn make(&self, attempt: &Attempt<C>) -> Result<Arc<C>> {
        let made = match catch_unwind(AssertUnwindSafe(&self.factory)) {
            Ok(made) => made.map(Arc::new),
            Err(payload) => Err(Error::from_panic(&*payload).with_operation("making the cluster's client")),
        };
        let closed_meanwhile = {
            let mut state = lock(&self.state);
            let closed = matches!(*state, State::Closed);
            if !closed {
                *state = made.as_ref().map_or(State::Unmade, |client| State::Made(Arc::clone(client)));
            }
            closed
        };
        let outcome = match made {
            // Nobody else will ever see this client, so nobody else could close it.
            Ok(client) if closed_meanwhile => {
                client.close();
                Err(closed())
            }
            outcome => outcome,
        };
        *lock(&attempt.outcome) = Some(outcome.clone());
        attempt.done.notify_all();
        outcome
    }
}

impl<C: ClusterClient> Attempt<C> {
    fn wait(&self) -> Result<Arc<C>> {
        if self.by == thread::current().id() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the function that makes the cluster's client asks its own provider for that client",
            ));
        }
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => outcome = wait(&self.done, outcome),
            }
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the provider of the cluster's client was closed")
}

impl<C: ClusterClient + Clone + 'static> ClusterClientProvider for LazyClusterClientProvider<C> {
    type Client = C;

    fn cluster_client(&self) -> Result<C> {
        enum Next<C> {
            Take(Arc<C>),
            Wait(Arc<Attempt<C>>),
            Make(Arc<Attempt<C>>),
        }
        let next = {
            let mut state = lock(&self.state);
            match &*state {
                State::Made(client) => Next::Take(Arc::clone(client)),
                State::Making(attempt) => Next::Wait(Arc::clone(attempt)),
                State::Closed => return Err(closed()),
                State::Unmade => {
                    let by = thread::current().id();
                    let attempt = Arc::new(Attempt { by, outcome: Mutex::new(None), done: Condvar::new() });
                    *state = State::Making(Arc::clone(&attempt));
                    Next::Make(attempt)
                }
            }
        };
        let client = match next {
            Next::Take(client) => client,
            Next::Wait(attempt) => attempt.wait()?,
            Next::Make(attempt) => self.make(&attempt)?,
        };
        Ok(C::clone(&client))
    }

    fn cluster_id(&self) -> &IdOf<C> {
        &self.cluster_id
    }

    fn close(&self) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Closed);
        // What is being made is closed by whoever makes it.
        if let State::Made(client) = before {
            client.close();
        }
    }
}

impl<C: ClusterClient> fmt::Debug for LazyClusterClientProvider<C>
where
    IdOf<C>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*lock(&self.state) {
            State::Unmade => "not made yet",
            State::Making(_) => "being made",
            State::Made(_) => "made",
            State::Closed => "closed",
        };
        f.debug_struct("LazyClusterClientProvider")
            .field("cluster_id", &self.cluster_id)
            .field("client", &format_args!("{state}"))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::client::RestClusterClient;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    type Provider = LazyClusterClientProvider<RestClusterClient<&'static str>>;

    #[test]
    fn those_who_wait_for_a_failing_attempt_share_its_failure_and_start_no_other() {
        static PROVIDER: OnceLock<Arc<Provider>> = OnceLock::new();
        static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
        let holders = || match &*lock(&PROVIDER.get().expect("set below").state) {
            State::Making(attempt) => Arc::strong_count(attempt),
            _ => 0,
        };
        let provider = PROVIDER.get_or_init(|| {
            Arc::new(Provider::new("it", move || {
                ATTEMPTS.fetch_add(1, Ordering::SeqCst);
                // The state, the maker, and three who wait.
                while holders() < 5 {
                    thread::yield_now();
                }
                Err(Error::new(ErrorKind::Unavailable, "no leader"))
            }))
        });
        let askers: Vec<_> = (0..4).map(|_| thread::spawn(|| provider.cluster_client())).collect();
        for asker in askers {
            let error = asker.join().expect("no panic").expect_err("the factory fails");
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Unavailable, "no leader".to_owned()));
        }
        assert_eq!(ATTEMPTS.load(Ordering::SeqCst), 1);
    }
}
