//! Upgrades a running job without losing what it has computed, and goes back to the old program if the new one does not
//! run.
//!
//! ```text
//! cargo run --example upgrade -- -m localhost:8081 -p s3://savepoints/etl \
//!     5f1c2d0e7a3b4c6d8e9f0a1b2c3d4e5f old/etl.jar new/etl.jar
//! ```
//!
//! 1. The old job is stopped with a savepoint.
//! 2. The new program is started from that savepoint, and has to run: all of its tasks, and for a while.
//! 3. If it does not, it is cancelled, and the old program is started again from the same savepoint.
//!
//! This program may be killed at any moment, or lose its network, and be run again with the same arguments: what it does
//! has ids that it chose and wrote into a journal file before, so it finds what it did already, and does nothing twice.

mod upgrade;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;

use self::upgrade::{Arguments, Outcome};

fn main() -> ExitCode {
    match upgrade::run(&Arguments::parse(), std::io::stdout().lock()) {
        Ok(Outcome::Upgraded) => ExitCode::SUCCESS,
        Ok(Outcome::RolledBack) => ExitCode::from(2),
        Err(failure) => {
            eprintln!("upgrade: {failure}");
            ExitCode::FAILURE
        }
    }
}
