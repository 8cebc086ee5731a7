//! Whose rows are whose.

use diptych_event::index::RowSet;

use crate::seam::View;

/// The actors of rows, found by counting the first rows of actors before them.
pub struct Owners<'a> {
    starts: RowSet,
    ends: &'a [u64],
}

impl<'a> Owners<'a> {
    /// O(actors + rows / 64).
    pub fn new(view: &View<'a>) -> Self {
        let shard = &view.shard;
        let starts = RowSet::new(shard.n_rows(), shard.starts.iter().map(|start| *start as u32));
        Self { starts, ends: shard.ends }
    }

    /// Returns the actor whose row it is, and true; where a row is nobody's, another one, and false. O(1).
    #[inline]
    pub fn of(&self, row: u32) -> (usize, bool) {
        debug_assert!(!self.ends.is_empty(), "a shard without actors is not looked at");
        let n_begun = self.starts.rank_with(row as usize);
        let actor = n_begun.max(1) - 1;
        (actor, (n_begun > 0) & (u64::from(row) < self.ends[actor]))
    }

    /// Tells for each actor whether one of the rows is theirs; of those selected alone. O(rows + actors).
    pub fn among(&self, rows: &[u32], selected: Option<&[bool]>) -> Vec<bool> {
        let mut found = vec![false; self.ends.len()];
        for row in rows {
            let (actor, is_owned) = self.of(*row);
            found[actor] |= is_owned;
        }
        if let Some(selected) = selected {
            found.iter_mut().zip(selected).for_each(|(found, selected)| *found &= selected);
        }
        found
    }

    /// Adds what is in rows of the actors that are wanted, and the actors; `row` tells in which row something is.
    /// O(some), without a branch.
    pub fn keep<T: Copy + Default>(
        &self,
        some: &[T],
        row: impl Fn(&T) -> u32,
        wanted: impl Fn(usize) -> bool,
        kept: &mut Vec<T>,
        actors: &mut Vec<u32>,
    ) {
        let mut n = kept.len();
        kept.resize(n + some.len(), T::default());
        actors.resize(n + some.len(), 0);
        for of in some {
            let (actor, is_owned) = self.of(row(of));
            (kept[n], actors[n]) = (*of, actor as u32);
            n += usize::from(wanted(actor) & is_owned);
        }
        kept.truncate(n);
        actors.truncate(n);
    }
}
