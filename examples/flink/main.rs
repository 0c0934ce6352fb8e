//! A command line for Flink clusters, like Flink's own but without a JVM.
//!
//! ```text
//! cargo run --example flink -- list -a
//! cargo run --example flink -- -m localhost:8081 run -d -c com.acme.Etl target/etl.jar --topic orders
//! cargo run --example flink -- savepoint 5f1c…  s3://savepoints/etl
//! ```
//!
//! The actions, their options and what they print are Flink's where Flink has them. What differs: times are in UTC, there
//! is nothing but the result on standard output (what goes on shows as a spinner on standard error, if that is a
//! terminal), an error is one line, and `--json` makes every result machine-readable.

mod command;

use std::io::ErrorKind;
use std::process::ExitCode;

use self::command::Failure;

fn main() -> ExitCode {
    let stdout = std::io::stdout().lock();
    match command::run(std::env::args_os().skip(1), stdout) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the results has read enough, as in `flink list | head -1`.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("flink: {failure}");
            ExitCode::FAILURE
        }
    }
}
