//! Timelines as columns: the layout that operators read.
//!
//! A shard holds complete timelines of some actors; rows are sorted by actor, then time, then tie-break
//! (docs/decisions/0003-order.md).

use crate::actors::ActorIds;

/// Code of a missing text value.
pub const NO_CODE: u32 = u32::MAX;

/// Some actors with all their rows.
///
/// Useful for: loops over one actor's rows in time order.
/// Not useful for: looking a row up by its id.
#[derive(Debug, Clone, Copy)]
pub struct Shard<'a> {
    /// Ids of the actors, shape `[actors]`.
    pub actors: ActorIds<'a>,
    /// First row of each actor, shape `[actors]`, ascending. Rows between two actors' rows are nobody's.
    pub starts: &'a [u64],
    /// One after the last row of each actor, shape `[actors]`.
    pub ends: &'a [u64],
    /// Instants in microseconds since 1970-01-01T00:00Z, shape `[rows]`, ascending within an actor.
    pub time_us: &'a [i64],
    /// Codes of event names, shape `[rows]`; none is missing.
    pub name: Codes<'a>,
    /// Order of rows of one actor at one instant, shape `[rows]`; `None` when all are 0.
    pub seq: Option<&'a [i64]>,
    /// Order where `seq` is the same too: a hash of the event id (of the content where there is none); shape `[rows]`.
    pub tie: &'a [u64],
    /// False where the row is not user activity (heartbeats, server events); `None` when all are. Shape `[rows]`.
    pub interactive: Option<&'a [u8]>,
    /// The other columns, in the order of the catalog.
    pub columns: &'a [Column<'a>],
}

impl Shard<'_> {
    /// Returns the number of actors.
    pub fn n_actors(&self) -> usize {
        self.starts.len()
    }

    /// Returns the number of rows, nobody's included: the length of the columns.
    pub fn n_rows(&self) -> usize {
        self.time_us.len()
    }

    /// Walks the rows that are somebody's.
    pub fn owned_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.n_actors()).flat_map(|actor_idx| self.rows(actor_idx))
    }

    /// Returns the rows of one actor.
    pub fn rows(&self, actor_idx: usize) -> std::ops::Range<usize> {
        self.starts[actor_idx] as usize..self.ends[actor_idx] as usize
    }
}

/// One column beside time and name.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The values, shape `[rows]`.
    pub values: Values<'a>,
}

/// The values of a column.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Codes into the column's dictionary; [`NO_CODE`] where the value is missing.
    Text(Codes<'a>),
    /// Whole numbers; `i64::MIN` where the value is missing.
    Integer(&'a [i64]),
    /// Numbers; NaN where the value is missing (NaN is rejected on import).
    Number(&'a [f64]),
}

/// Codes of texts, shape `[rows]`, as narrow as their dictionary allowed when they were written.
///
/// The largest number of each width stands for a missing text.
#[derive(Debug, Clone, Copy)]
pub enum Codes<'a> {
    /// Of at most 255 texts.
    Byte(&'a [u8]),
    /// Of at most 65,535 texts.
    Short(&'a [u16]),
    /// Of any number.
    Long(&'a [u32]),
}

impl Codes<'_> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Byte(codes) => codes.len(),
            Self::Short(codes) => codes.len(),
            Self::Long(codes) => codes.len(),
        }
    }

    /// Tells whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the code of a row, [`NO_CODE`] where the text is missing. O(1).
    #[inline]
    pub fn get(&self, row: usize) -> u32 {
        match self {
            Self::Byte(codes) => codes[row].code(),
            Self::Short(codes) => codes[row].code(),
            Self::Long(codes) => codes[row],
        }
    }

    /// Adds the rows whose text is wanted to `found`, ascending; `wanted` has an entry per code and may lack the last ones.
    ///
    /// O(rows), without a branch per row: codes are compared block by block, and only blocks with a wanted one are looked into.
    pub fn rows_with(&self, wanted: &[bool], found: &mut Vec<u32>) {
        match self {
            Self::Byte(codes) => rows_with(codes, wanted, found),
            Self::Short(codes) => rows_with(codes, wanted, found),
            Self::Long(codes) => rows_with(codes, wanted, found),
        }
    }

    /// Walks the codes, [`NO_CODE`] where the text is missing.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }
}

/// Rows that are compared together.
const BLOCK: usize = 64;
/// More wanted codes than this are looked up in a table instead of being compared one by one.
const FEW: usize = 8;

fn rows_with<C: Code>(codes: &[C], wanted: &[bool], found: &mut Vec<u32>) {
    let few: Vec<C> = wanted.iter().enumerate().filter(|(_, wanted)| **wanted).filter_map(|(code, _)| C::of(code)).take(FEW + 1).collect();
    if few.is_empty() {
        return;
    }
    let table: Vec<u8> = wanted.iter().map(|wanted| u8::from(*wanted)).collect();
    let in_table = |code: &C| table.get(code.code() as usize).copied().unwrap_or(0);
    let (blocks, rest) = codes.as_chunks::<BLOCK>();
    for (idx, block) in blocks.iter().enumerate() {
        let mut hits = [0_u8; BLOCK];
        if few.len() > FEW {
            hits.iter_mut().zip(block).for_each(|(hit, code)| *hit = in_table(code));
        } else {
            for wanted in &few {
                hits.iter_mut().zip(block).for_each(|(hit, code)| *hit |= u8::from(code == wanted));
            }
        }
        for (word_idx, word) in hits.as_chunks::<8>().0.iter().enumerate() {
            let mut word = u64::from_le_bytes(*word);
            while word != 0 {
                found.push((idx * BLOCK + word_idx * 8) as u32 + word.trailing_zeros() / 8);
                word &= word - 1;
            }
        }
    }
    let first = codes.len() - rest.len();
    found.extend(rest.iter().enumerate().filter(|(_, code)| in_table(code) != 0).map(|(idx, _)| (first + idx) as u32));
}

/// A code as it is stored.
pub trait Code: Copy + PartialEq {
    /// Returns a code as it is stored; `None` where it does not fit.
    fn of(code: usize) -> Option<Self>;
    /// Returns the code, [`NO_CODE`] for a missing text.
    fn code(self) -> u32;
}

impl Code for u8 {
    fn of(code: usize) -> Option<Self> {
        u8::try_from(code).ok().filter(|code| *code != u8::MAX)
    }

    #[inline]
    fn code(self) -> u32 {
        if self == u8::MAX { NO_CODE } else { u32::from(self) }
    }
}

impl Code for u16 {
    fn of(code: usize) -> Option<Self> {
        u16::try_from(code).ok().filter(|code| *code != u16::MAX)
    }

    #[inline]
    fn code(self) -> u32 {
        if self == u16::MAX { NO_CODE } else { u32::from(self) }
    }
}

impl Code for u32 {
    fn of(code: usize) -> Option<Self> {
        u32::try_from(code).ok().filter(|code| *code != u32::MAX)
    }

    #[inline]
    fn code(self) -> u32 {
        self
    }
}

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Text, kept as codes into a dictionary.
    Text,
    /// Whole numbers; also booleans as 0 and 1, and money in minor units.
    Integer,
    /// Floating-point numbers.
    Number,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_at_every_width_and_by_any_number_of_codes() {
        for n_rows in [0, 1, 63, 64, 65, 1000] {
            let codes: Vec<u32> = (0..n_rows).map(|row| if row % 11 == 10 { NO_CODE } else { row * 7 % 23 }).collect();
            let narrow: Vec<u8> = codes.iter().map(|code| (*code).min(255) as u8).collect();
            let short: Vec<u16> = codes.iter().map(|code| (*code).min(65_535) as u16).collect();
            for n_wanted in [0, 1, 3, 8, 9, 20] {
                let wanted: Vec<bool> = (0..20).map(|code| code % 20 < n_wanted).collect();
                let expected: Vec<u32> =
                    (0..n_rows).filter(|row| wanted.get(codes[*row as usize] as usize).is_some_and(|wanted| *wanted)).collect();
                for codes in [Codes::Byte(&narrow), Codes::Short(&short), Codes::Long(&codes)] {
                    let mut found = Vec::new();
                    codes.rows_with(&wanted, &mut found);
                    assert_eq!(found, expected, "{n_wanted} codes, {n_rows} rows");
                    assert!(codes.iter().zip(0..).all(|(code, row)| code == codes.get(row)) && codes.len() == n_rows as usize);
                }
            }
            assert_eq!(Codes::Byte(&narrow).iter().collect::<Vec<_>>(), codes);
        }
    }
}
