//! Routing: which handlers learn of an event. A pure decision over data.
//!
//! **Invariant:** nothing in here reads a clock, a store or the network; the same table,
//! event and time always give the same plan.

mod filter;
mod plan;
mod table;

pub use filter::{Explanation, Filter, InvalidFilter};
pub use plan::{Plan, Reason, WhyNot, explain, plan};
pub use table::{FollowUp, Route, RoutingTable};
