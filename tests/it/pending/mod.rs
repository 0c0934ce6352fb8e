//! The handle and its runtime, as a program uses them.

mod acceptance;
mod chains;
mod drops;
mod futures;
mod methods;
mod panics;
mod places;
mod several;
mod stress;
mod support;
