//! What the derivations share: which rows they may read, and which they need to.

use std::ops::Range;

use diptych_event::Shard;
use diptych_event::index::RowSet;

use crate::seam::Matcher;

/// Tells whether a row is user activity.
pub fn is_activity(shard: &Shard, row: usize) -> bool {
    shard.interactive.is_none_or(|interactive| interactive[row] != 0)
}

/// Returns those of one actor's `rows` that lie before the end of observation, which is included.
pub fn observed(shard: &Shard, rows: Range<usize>, observed_until_us: i64) -> Range<usize> {
    let times_us = &shard.time_us[rows.clone()];
    if times_us.last().is_none_or(|last_us| *last_us <= observed_until_us) {
        return rows;
    }
    let n = times_us.partition_point(|time_us| *time_us <= observed_until_us);
    rows.start..rows.start + n
}

/// Returns the rows with a name that one of some matchers means; whether its condition holds is not asked.
/// O(rows found + rows / 64).
pub fn named<'a>(shard: &Shard, matchers: impl IntoIterator<Item = &'a Matcher>) -> RowSet {
    let names = matchers.into_iter().flat_map(Matcher::codes);
    RowSet::new(shard.n_rows(), names.flat_map(|name| shard.index.rows_of(name)).copied())
}
