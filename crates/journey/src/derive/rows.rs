//! What the derivations share: which rows they may read.

use std::ops::Range;

use diptych_event::Shard;

/// Tells whether a row is user activity.
pub fn is_activity(shard: &Shard, row: usize) -> bool {
    shard.interactive.is_none_or(|interactive| interactive[row] != 0)
}

/// Returns those of one actor's `rows` that lie before the end of observation, which is included.
pub fn observed(shard: &Shard, rows: Range<usize>, observed_until_us: i64) -> Range<usize> {
    let n = shard.time_us[rows.clone()].partition_point(|time_us| *time_us <= observed_until_us);
    rows.start..rows.start + n
}
