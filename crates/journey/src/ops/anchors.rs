//! The anchors of one actor, all together and by group: what operators whose units are rows loop over.

use std::ops::Range;

use crate::seam::{Groups, View};

/// Gives `add` the rows of one actor that the question admits, ascending: once for the total, and once per group with its own.
///
/// A group is thus counted exactly as the question with its condition would be.
/// O(rows), and O(rows · log rows) where the question splits.
pub fn each<P>(view: &View, rows: Range<usize>, out: &mut Groups<P>, mut add: impl FnMut(&mut P, &[usize])) {
    let mut anchors = admitted(view, rows);
    if anchors.is_empty() {
        return;
    }
    add(&mut out.total, &anchors);
    if out.split.is_empty() {
        return;
    }
    // Stable, so the rows of each group stay in time order.
    anchors.sort_by_key(|row| view.group(*row));
    for of_group in anchors.chunk_by(|a, b| view.group(*a) == view.group(*b)) {
        if let Some(partial) = out.split.get_mut(view.group(of_group[0]) as usize) {
            add(partial, of_group);
        }
    }
}

/// Returns the rows of one actor that the question admits, ascending.
pub fn admitted(view: &View, rows: Range<usize>) -> Vec<usize> {
    rows.filter(|row| view.admits(*row)).collect()
}
