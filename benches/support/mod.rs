//! What the benches share.
//!
//! - [`Server`]: the same quick server for everybody.
//! - [`Bench`] and [`Contender`]: several ways to do the same thing, by criterion or, with `--table`, in turns.
//! - [`cluster`]: what a Flink of some size would answer.
//! - [`process`]: memory, threads and time of this process and of others.

// Each bench uses its share of this.
#![allow(dead_code, unused_imports)]

pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod contest;
pub(crate) mod process;
pub(crate) mod server;

pub(crate) use contest::{Bench, Contender, Limit};
pub(crate) use server::{Answer, Server};
