//! Timelines as columns: the layout that operators read.
//!
//! A shard holds complete timelines of some actors; rows are sorted by actor, then time, then tie-break
//! (docs/decisions/0003-order.md).

use std::ops::Range;

use crate::actors::ActorIds;
use crate::index::Index;

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
    /// First row of each actor, shape `[actors]`, ascending: everybody has a row. Rows between two actors' rows are nobody's.
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
    /// What was found among the rows beforehand.
    pub index: Index<'a>,
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

    /// Walks the rows that are nobody's. O(actors).
    pub fn nobodys_rows(&self) -> impl Iterator<Item = usize> + '_ {
        let starts = self.starts.iter().copied().chain([self.n_rows() as u64]);
        std::iter::once(0).chain(self.ends.iter().copied()).zip(starts).flat_map(|(end, start)| end as usize..start as usize)
    }

    /// Walks the rows that are somebody's.
    pub fn owned_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.n_actors()).flat_map(|actor_idx| self.rows(actor_idx))
    }

    /// Returns the rows of one actor.
    pub fn rows(&self, actor_idx: usize) -> Range<usize> {
        self.starts[actor_idx] as usize..self.ends[actor_idx] as usize
    }
}

/// One column beside time and name.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The values, shape `[rows]`.
    pub values: Values<'a>,
    /// Whether a value may be missing; false where it is known that none is.
    pub may_miss: bool,
}

/// The values of a column.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Codes into the column's dictionary; [`NO_CODE`] where the value is missing.
    Text(Codes<'a>),
    /// Whole numbers.
    Integer(Integers<'a>),
    /// Numbers; NaN where the value is missing (NaN is rejected on import).
    Number(&'a [f64]),
}

/// Whole numbers, shape `[rows]`, as narrow as those of their segment allowed when they were written.
#[derive(Debug, Clone, Copy)]
pub enum Integers<'a> {
    /// How far each lies above the least; the largest number of the width stands for a missing one, as with codes.
    Above {
        /// The least, or a lower one.
        least: i64,
        /// Shape `[rows]`.
        above: Codes<'a>,
    },
    /// The numbers themselves; `i64::MIN` where one is missing.
    Whole(&'a [i64]),
}

impl<'a> Integers<'a> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Above { above, .. } => above.len(),
            Self::Whole(numbers) => numbers.len(),
        }
    }

    /// Tells whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of a row, if it has one. O(1).
    #[inline]
    pub fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Above { least, above } => {
                let above = above.get(row);
                (above != NO_CODE).then(|| least + i64::from(above))
            }
            Self::Whole(numbers) => Some(numbers[row]).filter(|number| *number != i64::MIN),
        }
    }

    /// Walks the numbers of some rows.
    pub fn of_rows(self, rows: Range<usize>) -> impl Iterator<Item = Option<i64>> + use<'a> {
        rows.map(move |row| self.get(row))
    }
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

    /// Tells whether a text is missing among some rows. O(rows), many at a time.
    pub fn has_missing(&self, rows: Range<usize>) -> bool {
        match self {
            Self::Byte(codes) => codes[rows].contains(&u8::MAX),
            Self::Short(codes) => codes[rows].contains(&u16::MAX),
            Self::Long(codes) => codes[rows].contains(&NO_CODE),
        }
    }

    /// Walks the codes, [`NO_CODE`] where the text is missing.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }
}

/// A code as it is stored.
pub trait Code: Copy + Default + PartialEq {
    /// Returns the code, [`NO_CODE`] for a missing text.
    fn code(self) -> u32;
}

impl Code for u8 {
    #[inline]
    fn code(self) -> u32 {
        if self == u8::MAX { NO_CODE } else { u32::from(self) }
    }
}

impl Code for u16 {
    #[inline]
    fn code(self) -> u32 {
        if self == u16::MAX { NO_CODE } else { u32::from(self) }
    }
}

impl Code for u32 {
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
    fn whole_numbers_are_the_same_at_every_width() {
        let numbers: Vec<Option<i64>> = (0..100).map(|row| (row % 11 != 10).then_some(row * 7 % 23 - 5)).collect();
        let above: Vec<u32> = numbers.iter().map(|number| number.map_or(NO_CODE, |number| (number + 5) as u32)).collect();
        let narrow: Vec<u8> = above.iter().map(|above| (*above).min(255) as u8).collect();
        let whole: Vec<i64> = numbers.iter().map(|number| number.unwrap_or(i64::MIN)).collect();
        let above_least = |above| Integers::Above { least: -5, above };
        for integers in [above_least(Codes::Byte(&narrow)), above_least(Codes::Long(&above)), Integers::Whole(&whole)] {
            assert_eq!(integers.of_rows(0..100).collect::<Vec<_>>(), numbers);
            assert_eq!((integers.len(), integers.is_empty()), (100, false));
        }
    }

    #[test]
    fn codes_are_the_same_at_every_width() {
        let codes: Vec<u32> = (0..100).map(|row| if row % 11 == 10 { NO_CODE } else { row * 7 % 23 }).collect();
        let narrow: Vec<u8> = codes.iter().map(|code| (*code).min(255) as u8).collect();
        let short: Vec<u16> = codes.iter().map(|code| (*code).min(65_535) as u16).collect();
        for of_width in [Codes::Byte(&narrow), Codes::Short(&short), Codes::Long(&codes)] {
            assert_eq!(of_width.iter().collect::<Vec<_>>(), codes);
            assert_eq!((of_width.len(), of_width.get(10)), (codes.len(), NO_CODE));
            assert!(!of_width.has_missing(0..10) && of_width.has_missing(5..11) && !of_width.has_missing(11..21));
        }
    }
}
