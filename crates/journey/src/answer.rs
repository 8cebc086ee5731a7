//! Asking one operator about shards in memory: the fold that every runner shares.

use crate::seam::{AnyOperator, AnyPlan, AnyTotals, View};

/// Scans a shard and adds what it holds to `total`.
pub fn add_shard(operator: &dyn AnyOperator, plan: &AnyPlan, view: &View, labels: &[Option<String>], total: &mut AnyTotals) {
    let groups = operator.scan(plan, view, labels.len());
    operator.merge(plan, total, operator.totals(groups, labels));
}
