//! The operators: one folder each, and one line each in [`OPERATORS`].

mod anchors;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod asking;
mod behind;
mod channels;
mod drop_offs;
mod frictions;
mod funnel;
mod nps;
mod retention;
mod sessions;
mod stages;
mod tasks;
#[cfg(test)]
mod testing;
mod transitions;
mod users_customers;
mod value;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AnyOperator;
use crate::seam::{AskError, Context};

/// Which times an answer gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// None.
    None,
    /// Medians, and what else the operator says about times.
    #[default]
    Median,
}

/// Every operator; the command line, help, docs, tests and benches are loops over this list.
pub const OPERATORS: &[&dyn AnyOperator] = &[
    &behind::Behind,
    &channels::Channels,
    &drop_offs::DropOffs,
    &frictions::Frictions,
    &funnel::Funnel,
    &nps::Nps,
    &retention::Retention,
    &sessions::Sessions,
    &stages::Stages,
    &tasks::Tasks,
    &transitions::Transitions,
    &users_customers::UsersCustomers,
    &value::Value,
];

/// Finds an operator by its id.
pub fn find(id: &str) -> Option<&'static dyn AnyOperator> {
    OPERATORS.iter().copied().find(|operator| operator.about().id == id)
}

/// Reads event names with `|` between them; returns which names are meant, shape `[names]`.
fn events(context: &Context, parameter: &str, text: &str) -> Result<Vec<bool>, AskError> {
    let mut meant = vec![false; context.catalog.names.len()];
    // A name may contain `|` itself, so the whole text is tried first.
    if let Some(code) = context.catalog.names.code(text) {
        meant[code as usize] = true;
        return Ok(meant);
    }
    for name in text.split('|') {
        meant[context.name(parameter, name.trim())? as usize] = true;
    }
    Ok(meant)
}
