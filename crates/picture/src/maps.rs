//! Maps: documents that are drawn from numbers and notes together.

mod customer_map;
mod task_flow;

pub use customer_map::{Kind, Lane, Map, MapCell, customer_map};
pub use task_flow::{FlowEdge, FlowStep, StepKind, TaskFlow, task_flow};
