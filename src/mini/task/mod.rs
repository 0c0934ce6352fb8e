//! Tasks: what runs a vertex's function, and what the function is given.

mod accumulators;
mod context;
mod control;
mod run;
mod state;

pub(crate) use self::accumulators::AccumulatorState;
pub use self::accumulators::{
    AverageAccumulator, DoubleCounter, DoubleMaximum, DoubleMinimum, HistogramAccumulator, IntCounter,
    IntMaximum, IntMinimum, ListAccumulator, LongCounter, LongMaximum, LongMinimum, OwnAccumulator,
};
pub use self::context::{CoordinationRequest, TaskContext};
pub(crate) use self::control::{Barrier, BarrierKind, Control, Deployed};
pub(crate) use self::run::run;
#[cfg(test)]
pub(crate) use self::state::StateKind;
pub use self::state::{KeyedState, ListState, ValueState};
pub(crate) use self::state::{StateSnapshot, TaskSnapshot, redistribute};
