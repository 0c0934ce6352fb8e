//! Behaviour as a program sees it: one binary, so that it links once.

mod faults;
mod pending;
mod support;
