//! Handles are futures: awaited under an executor of a dozen lines, and so under any.
//!
//! ```text
//! cargo run --example async_await
//! ```
//!
//! It needs Rust alone. Nothing asynchronous is behind a handle: the crate's own threads complete it and wake whoever
//! awaits it, so no executor has to provide a timer or a reactor.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use flink_client::prelude::*;
use flink_client::{ErrorKind, MiniCluster, MiniClusterConfiguration, MiniJob, Pending, Result};

fn main() -> Result<()> {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(2))?;
    block_on(run(&cluster))
}

async fn run(cluster: &MiniCluster) -> Result<()> {
    let client = cluster.client();
    let endless = |name: &str| {
        MiniJob::new(name).vertex("source", 1, |task| {
            while task.keep_running()? {
                task.sleep(Duration::from_millis(1))?;
            }
            Ok(())
        })
    };

    // Both are under way at once, whether awaited or not: an operation starts when it is called.
    let submitted = [cluster.submit(endless("first")), cluster.submit(endless("second"))];
    let jobs = Pending::all(submitted).await?;
    for &job in &jobs {
        client.wait_until_running(job).await?;
    }
    println!("{} jobs run", client.list_jobs().await?.len());

    // A limit is the handle's own, so it needs no timer of the executor's.
    let limited = client.job_result(jobs[0]).timeout(Duration::from_millis(20)).await;
    assert_eq!(limited.unwrap_err().kind(), ErrorKind::Timeout);

    for job in jobs {
        client.cancel(job).await?;
        let result = client.job_result(job).await?;
        println!("{job} ran for {:?} and is {}", result.net_runtime, result.application_status);
    }
    Ok(())
}

/// Runs a future on this thread, which sleeps while there is nothing to do.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}
