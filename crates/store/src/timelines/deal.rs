//! Dealing rows to shards, and sorting them there.
//!
//! Rows are dealt to shards as they come, by as many dealers as there are cores, spilled to disk when they become many, then
//! sorted shard by shard: memory is bounded by [`SPILL_ROWS`], one shard for each core and one more, and the distinct ids and
//! texts, once for each dealer; beside what a dealer's reader holds.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use diptych_event::Names;
use diptych_event::timeline::{ColumnKind, NO_CODE};

use super::segment::{
    ANY, Collected, FIXED, NAME, NONE, SegmentWriter, Shape, ShardData, Span, rows_schema, write_dictionaries, write_error,
};
use super::{Card, ColumnSpec, MAX_DISTINCT};
use crate::StoreError;
use crate::hash::shard_of;
use crate::workspace::FORMAT;

/// Rows that are collected in memory before they are spilled, by all dealers.
pub(super) const SPILL_ROWS: usize = 3 << 20;

/// Rows on their way to shards: dealt as they come, spilled to disk when they become many.
pub struct Dealer {
    pub(super) columns: Vec<ColumnSpec>,
    /// Event names; rows carry their codes.
    pub names: Names,
    /// Dictionaries of the text columns; empty for the others.
    pub dictionaries: Vec<Names>,
    shards: Vec<Building>,
    /// Folder of spilled rows.
    spill: PathBuf,
    /// Tells it from the others that deal side by side.
    number: usize,
    /// Most rows that are collected before they are spilled.
    most_collected: usize,
    /// Rows collected since the last spill.
    n_collected: usize,
    n_rows: u64,
    /// Spans of the columns in the rows that were spilled.
    spilled_spans: Vec<Span>,
    /// Whether some row has another order at its instant than 0.
    has_seq: bool,
    /// Whether some row is not user activity.
    has_passive: bool,
}

/// A row that is added to an actor of a finished shard.
#[derive(Debug, Clone)]
pub struct Amended {
    /// Position of the actor in the shard.
    pub actor_idx: usize,
    /// The row.
    pub row: DealtRow,
    /// Shape of the columns.
    pub values: Vec<DealtValue>,
}

/// Looks at a finished shard with the names and dictionaries, and says which rows to add.
pub type Amend<'a, E> = &'a mut dyn FnMut(&diptych_event::Shard, &Names, &[Names]) -> Result<Vec<Amended>, E>;

/// One row for [`Dealer::deal`].
#[derive(Debug, Clone)]
pub struct DealtRow {
    /// Instant in microseconds.
    pub time_us: i64,
    /// Code of the name.
    pub name: u32,
    /// Order at one instant.
    pub seq: i64,
    /// Order at one instant and `seq`; equal ones stay in the order in which they are dealt.
    pub tie: u64,
    /// Whether it is user activity.
    pub interactive: bool,
}

/// The value of a column of a row that is dealt.
#[derive(Debug, Clone, Copy)]
pub enum DealtValue {
    /// Code into the column's dictionary.
    Text(u32),
    /// Whole number; `i64::MIN` for none.
    Integer(i64),
    /// Number; NaN for none.
    Number(f64),
}

/// One shard while it is built by one dealer.
#[derive(Default)]
struct Building {
    ids: Names,
    rows: Collected,
    /// Where rows were written to disk: one stream for each time, one after the other, as open files are few.
    spilled: Option<PathBuf>,
}

impl Dealer {
    /// Makes a dealer that goes on with the names and dictionaries given; `spill` is a folder for rows that are many.
    pub fn new(columns: &[ColumnSpec], names: &Names, dictionaries: &[Names], n_shards: usize, spill: PathBuf) -> Self {
        Self::side_by_side(1, columns, names, dictionaries, n_shards, spill).pop().expect("one was asked for")
    }

    /// Makes dealers that share the rows that may be collected in memory.
    pub(super) fn side_by_side(
        n_dealers: usize,
        columns: &[ColumnSpec],
        names: &Names,
        dictionaries: &[Names],
        n_shards: usize,
        spill: PathBuf,
    ) -> Vec<Self> {
        let dealer = |number: usize| Self {
            shards: (0..n_shards).map(|_| Building { rows: Collected::new(columns), ..Building::default() }).collect(),
            spilled_spans: vec![NONE; columns.len()],
            columns: columns.to_vec(),
            names: names.clone(),
            dictionaries: dictionaries.to_vec(),
            spill: spill.clone(),
            number,
            most_collected: SPILL_ROWS / n_dealers,
            n_collected: 0,
            n_rows: 0,
            has_seq: false,
            has_passive: false,
        };
        (0..n_dealers).map(dealer).collect()
    }

    /// Deals a row to the timeline of an actor; `values` has the shape of the columns.
    ///
    /// # Panics
    /// When a value is not of its column's kind.
    pub fn deal(&mut self, actor: &str, row: &DealtRow, values: &[DealtValue]) -> Result<(), StoreError> {
        let n_shards = self.shards.len();
        let shard = &mut self.shards[shard_of(actor, n_shards)];
        let actor = shard.ids.intern(actor);
        shard.rows.push(actor, row, values);
        self.has_seq |= row.seq != 0;
        self.has_passive |= !row.interactive;
        self.n_collected += 1;
        self.n_rows += 1;
        if self.n_collected >= self.most_collected { self.spill_all() } else { Ok(()) }
    }

    /// Writes all that was dealt as one segment into `folder`, and the dictionaries; returns the card.
    ///
    /// `overflowed` are the columns whose values were held in part already; the others are whole, however many texts they have.
    /// `amend` sees every shard in order, and may add rows to its actors.
    pub(super) fn write<E: From<StoreError>>(self, folder: &Path, overflowed: BTreeSet<String>, amend: Amend<E>) -> Result<Card, E> {
        let (columns, spill, n_shards) = (self.columns.clone(), self.spill.clone(), self.shards.len());
        let mut dealt = Dealt::new(vec![self]);
        let spans = vec![ANY; columns.len()];
        let (names, dictionaries) = (&dealt.names.clone(), &dealt.dictionaries.clone());
        let shape = Shape { columns: &columns, names, dictionaries, spans: &spans, has_seq: true, has_passive: true };
        let mut writer = SegmentWriter::create(folder, 0, &shape)?;
        dealt.each_shard(
            |_, shard| Ok(shard),
            |dealt, shard| {
                let amended = shard.with(|shard| amend(shard, &dealt.names, &dealt.dictionaries))?;
                writer.write(&dealt.amended(shard, amended)?).map_err(E::from)
            },
        )?;
        let dictionaries = "dictionaries.arrow".to_owned();
        write_dictionaries(&folder.join(&dictionaries), &dealt.names, &dealt.dictionaries)?;
        let _ = fs::remove_dir_all(spill);
        let segments = vec![writer.finish()?];
        Ok(Card { columns, overflowed, segments, dictionaries: Some(dictionaries), format: FORMAT, n_shards, ..Card::default() })
    }

    /// Returns the spans of the columns in all rows so far. O(rows collected since the last spill).
    fn spans(&self) -> Vec<Span> {
        let of_column =
            |(idx, spilled): (usize, &Span)| self.shards.iter().fold(*spilled, |span, shard| shard.rows.columns[idx].span(span));
        self.spilled_spans.iter().enumerate().map(of_column).collect()
    }

    fn spill_all(&mut self) -> Result<(), StoreError> {
        fs::create_dir_all(&self.spill).map_err(StoreError::io(&self.spill, "making"))?;
        let schema = spill_schema(&self.columns);
        self.spilled_spans = self.spans();
        for (idx, shard) in self.shards.iter_mut().enumerate() {
            let path = self.spill.join(format!("{}-{idx}.arrow", self.number));
            let rows = std::mem::replace(&mut shard.rows, Collected::new(&self.columns));
            let spill = || -> Result<(), ArrowError> {
                let rows = with_actors(rows.into_batch(&self.columns)?, &schema)?;
                let file = File::options().create(true).append(true).open(&path)?;
                let mut writer = StreamWriter::try_new_buffered(file, &schema)?;
                writer.write(&rows)?;
                writer.finish()
            };
            spill().map_err(|error| write_error(&path, error))?;
            shard.spilled = Some(path);
        }
        self.n_collected = 0;
        Ok(())
    }
}

/// What dealers dealt side by side, with the names and dictionaries of them all.
pub(super) struct Dealt {
    columns: Vec<ColumnSpec>,
    pub names: Names,
    pub dictionaries: Vec<Names>,
    pub n_rows: u64,
    /// Whether some row has another order at its instant than 0.
    pub has_seq: bool,
    /// Whether some row is not user activity.
    pub has_passive: bool,
    /// Spans of the columns in all rows.
    pub spans: Vec<Span>,
    /// What each dealer dealt to each shard, shape `[shards][dealers]`.
    shards: Vec<Vec<Building>>,
    /// The codes here of each dealer's texts, where they are others; shape `[dealers]`.
    recodings: Vec<Option<Recoding>>,
}

/// The codes of names and of the columns' texts by those of one dealer, shape `[1 + columns][texts]`.
struct Recoding(Vec<Vec<u32>>);

impl Dealt {
    pub fn new(dealers: Vec<Dealer>) -> Self {
        let mut dealers = dealers.into_iter();
        let first = dealers.next().expect("somebody deals");
        let mut all = Self {
            spans: first.spans(),
            columns: first.columns,
            names: first.names,
            dictionaries: first.dictionaries,
            n_rows: first.n_rows,
            has_seq: first.has_seq,
            has_passive: first.has_passive,
            recodings: vec![None],
            shards: first.shards.into_iter().map(|shard| vec![shard]).collect(),
        };
        for dealer in dealers {
            // As where one deals alone, a column of too many texts stops at one more than may be.
            let held = |into: &mut Names, text: &str| if into.len() > MAX_DISTINCT { into.code(text) } else { Some(into.intern(text)) };
            let recoded = |(into, texts): (&mut Names, &Names)| texts.iter().map(|text| held(into, text).unwrap_or(NO_CODE)).collect();
            let names = dealer.names.iter().map(|name| all.names.intern(name)).collect();
            let texts = all.dictionaries.iter_mut().zip(&dealer.dictionaries).map(recoded);
            let recoding = Recoding(std::iter::once(names).chain(texts).collect());
            for (idx, (span, more)) in all.spans.iter_mut().zip(dealer.spans()).enumerate() {
                let (least, most) = if all.columns[idx].kind == ColumnKind::Text { recoding.span(1 + idx, more) } else { more };
                *span = (span.0.min(least), span.1.max(most));
            }
            all.recodings.push(Some(recoding));
            all.n_rows += dealer.n_rows;
            all.has_seq |= dealer.has_seq;
            all.has_passive |= dealer.has_passive;
            all.shards.iter_mut().zip(dealer.shards).for_each(|(shard, more)| shard.push(more));
        }
        all
    }

    /// Returns the columns that have too many distinct texts to be held.
    pub fn overflowed(&self) -> BTreeSet<String> {
        let columns = self.columns.iter().zip(&self.dictionaries);
        columns.filter(|(_, texts)| texts.len() > MAX_DISTINCT).map(|(column, _)| column.name.clone()).collect()
    }

    /// Returns the codes here of the event names of each dealer but the first.
    pub fn recoded_names(&self) -> impl Iterator<Item = &[u32]> {
        self.recodings.iter().flatten().map(|recoding| recoding.0[0].as_slice())
    }

    /// Sorts the shards, as many at a time as there are cores, finishes each with `finish`, and hands them to `take` in order.
    pub fn each_shard<E: From<StoreError>>(
        &mut self,
        finish: impl Fn(usize, ShardData) -> Result<ShardData, StoreError> + Sync,
        mut take: impl FnMut(&Dealt, ShardData) -> Result<(), E>,
    ) -> Result<(), E> {
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        let n_shards = self.shards.len();
        let mut left: Vec<Vec<(usize, Vec<Building>)>> = (0..n_threads).map(|_| Vec::new()).collect();
        for (shard_idx, parts) in std::mem::take(&mut self.shards).into_iter().enumerate() {
            left[shard_idx % n_threads].push((shard_idx, parts));
        }
        let (dealt, finish) = (&*self, &finish);
        std::thread::scope(|scope| {
            // Threads sort shards in turn, and wait until each was taken; they end when nobody takes any more.
            let sort = |left: Vec<(usize, Vec<Building>)>| -> Receiver<Result<ShardData, StoreError>> {
                let (sender, receiver) = sync_channel(0);
                scope.spawn(move || {
                    left.into_iter().all(|(shard_idx, parts)| {
                        let sorted = dealt.sorted(parts).and_then(|sorted| finish(shard_idx, sorted));
                        sender.send(sorted).is_ok()
                    })
                });
                receiver
            };
            let threads: Vec<_> = left.into_iter().map(sort).collect();
            threads.iter().cycle().take(n_shards).try_for_each(|thread| take(dealt, thread.recv().expect("each of its shards is sent")?))
        })
    }

    /// Sorts the rows of one shard.
    fn sorted(&self, parts: Vec<Building>) -> Result<ShardData, StoreError> {
        let mut ids = Names::default();
        let mut batches = Vec::new();
        for (part, recoding) in parts.into_iter().zip(&self.recodings) {
            let (of_part, rows) = part.into_batches(&self.columns)?;
            match recoding {
                None => {
                    ids = of_part;
                    batches.extend(rows);
                }
                Some(recoding) => {
                    let actors: Vec<u32> = of_part.iter().map(|id| ids.intern(id)).collect();
                    batches.extend(rows.iter().map(|rows| recoding.recoded(rows, &actors)));
                }
            }
        }
        let sort = || -> Result<ShardData, ArrowError> {
            let all = concat_batches(&spill_schema(&self.columns), &batches)?;
            drop(batches);
            let rows = RecordBatch::try_new(rows_schema(&self.columns), all.columns()[1..].to_vec())?;
            ShardData::sorted(&ids, all.column(0).as_primitive::<UInt32Type>().values(), &rows)
        };
        sort().map_err(|error| StoreError::damaged(Path::new("timelines"), error))
    }

    fn amended(&self, shard: ShardData, amended: Vec<Amended>) -> Result<ShardData, StoreError> {
        if amended.is_empty() {
            return Ok(shard);
        }
        let ids: Names = shard.with(|shard| shard.actors.iter().collect());
        let mut rows = Collected::new(&self.columns);
        amended.iter().for_each(|added| rows.push(added.actor_idx as u32, &added.row, &added.values));
        let added = rows.into_batch(&self.columns).and_then(|(actor, batch)| ShardData::sorted(&ids, &actor, &batch));
        let added = added.map_err(|error| StoreError::damaged(Path::new("timelines"), error))?;
        ShardData::merge(&[shard, added], &self.columns)
    }
}

impl Building {
    /// Returns the ids and the rows, those that were spilled first.
    fn into_batches(self, columns: &[ColumnSpec]) -> Result<(Names, Vec<RecordBatch>), StoreError> {
        let mut batches = Vec::new();
        if let Some(path) = self.spilled {
            let read = || -> Result<Vec<RecordBatch>, ArrowError> {
                let mut file = BufReader::new(File::open(&path)?);
                let mut batches = Vec::new();
                while !file.fill_buf()?.is_empty() {
                    let stream = StreamReader::try_new(&mut file, None)?;
                    batches.extend(stream.collect::<Result<Vec<_>, _>>()?);
                }
                Ok(batches)
            };
            batches = read().map_err(|error| write_error(&path, error))?;
            let _ = fs::remove_file(&path);
        }
        let rows = self.rows.into_batch(columns).and_then(|rows| with_actors(rows, &spill_schema(columns)));
        batches.push(rows.map_err(|error| StoreError::damaged(Path::new("timelines"), error))?);
        Ok((self.ids, batches))
    }
}

impl Recoding {
    /// Returns the span of a column of texts, shape of `self`, in the codes that they have here.
    fn span(&self, column: usize, (least, most): Span) -> Span {
        let code = |code: i64| self.0[column].get(code as usize).map(|code| i64::from(*code));
        match (least, most) {
            NONE => NONE,
            (least, most) if least == most => code(least).map_or(ANY, |code| (code, code)),
            _ => ANY,
        }
    }

    /// Returns rows with the codes that their actors and texts have here.
    fn recoded(&self, rows: &RecordBatch, actors: &[u32]) -> RecordBatch {
        let name = 1 + NAME;
        let columns = rows.columns().iter().enumerate().map(|(idx, column)| {
            let codes = match idx.checked_sub(1 + FIXED) {
                Some(column) => self.0[1 + column].as_slice(),
                None if idx == 0 => actors,
                None if idx == name => &self.0[0],
                None => return column.clone(),
            };
            let Some(theirs) = column.as_primitive_opt::<UInt32Type>() else { return column.clone() };
            let here = |code: &u32| codes.get(*code as usize).copied().unwrap_or(NO_CODE);
            Arc::new(UInt32Array::from_iter_values(theirs.values().iter().map(here)))
        });
        RecordBatch::try_new(rows.schema(), columns.collect()).expect("columns have the types that they had")
    }
}

/// Returns the schema of rows with their actors, as they are collected and spilled.
fn spill_schema(columns: &[ColumnSpec]) -> SchemaRef {
    let mut fields = vec![Field::new("actor", DataType::UInt32, false)];
    fields.extend(rows_schema(columns).fields().iter().map(|field| field.as_ref().clone()));
    Arc::new(Schema::new(fields))
}

fn with_actors((actor, rows): (Vec<u32>, RecordBatch), schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(actor))];
    columns.extend(rows.columns().iter().cloned());
    RecordBatch::try_new(schema.clone(), columns)
}

#[cfg(test)]
mod tests {
    use diptych_event::timeline::{Shard, Values};

    use super::*;

    const N_SHARDS: usize = 4;

    fn columns() -> Vec<ColumnSpec> {
        let column = |name: &str, kind| ColumnSpec { name: name.into(), log_column: name.into(), kind };
        vec![column("plan", ColumnKind::Text), column("amount", ColumnKind::Integer), column("country", ColumnKind::Text)]
    }

    /// Deals 3,000 rows in turn to dealers that spill after `most_collected` rows, and tells all rows as they lie in the shards.
    fn told(n_dealers: usize, most_collected: usize) -> (Vec<String>, Vec<Span>) {
        let folder = tempfile::tempdir().unwrap();
        // All of them know a name and a text from before.
        let names: Names = ["open"].into_iter().collect();
        let dictionaries = [["free"].into_iter().collect(), Names::default(), Names::default()];
        let mut dealers = Dealer::side_by_side(n_dealers, &columns(), &names, &dictionaries, N_SHARDS, folder.path().join("spill"));
        dealers.iter_mut().for_each(|dealer| dealer.most_collected = most_collected);
        for n in 0..3_000_u64 {
            let dealer = &mut dealers[n as usize % n_dealers];
            let drawn = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let name = dealer.names.intern(["pay", "open", "close"][drawn as usize % 3]);
            let plan = if drawn % 7 == 0 { NO_CODE } else { dealer.dictionaries[0].intern(["team", "free"][drawn as usize % 2]) };
            let amount = if drawn % 5 == 0 { i64::MIN } else { drawn as i64 % 900 - 300 };
            let country = dealer.dictionaries[2].intern("NL");
            let row = DealtRow { time_us: drawn as i64 % 100, name, seq: drawn as i64 % 2, tie: n, interactive: drawn % 11 != 0 };
            let values = [DealtValue::Text(plan), DealtValue::Integer(amount), DealtValue::Text(country)];
            dealer.deal(&format!("u{}", drawn % 61), &row, &values).unwrap();
        }
        let mut dealt = Dealt::new(dealers);
        assert_eq!((dealt.n_rows, dealt.has_seq, dealt.has_passive), (3_000, true, true));
        let spans = dealt.spans.clone();
        let mut told = Vec::new();
        dealt
            .each_shard(
                |_, shard| Ok(shard),
                |dealt, shard| -> Result<(), StoreError> {
                    shard.with(|shard| told.extend((0..shard.actors.len()).flat_map(|actor| rows(dealt, shard, actor))));
                    told.push("end of a shard".into());
                    Ok(())
                },
            )
            .unwrap();
        assert!(std::fs::read_dir(folder.path().join("spill")).into_iter().flatten().next().is_none(), "spilled rows are removed");
        (told, spans)
    }

    fn rows(dealt: &Dealt, shard: &Shard, actor: usize) -> Vec<String> {
        let value = |row: usize, column: usize| match shard.columns[column].values {
            Values::Text(codes) if codes.get(row) == NO_CODE => "none".into(),
            Values::Text(codes) => dealt.dictionaries[column].text(codes.get(row)).to_owned(),
            Values::Integer(numbers) => format!("{:?}", numbers.get(row)),
            Values::Number(numbers) => numbers[row].to_string(),
        };
        let tell = |row: usize| {
            let name = dealt.names.text(shard.name.get(row));
            let values: Vec<String> = (0..shard.columns.len()).map(|column| value(row, column)).collect();
            format!("{} {} {} {name} {values:?}", shard.actors.get(actor), shard.time_us[row], shard.tie[row])
        };
        (shard.starts[actor] as usize..shard.ends[actor] as usize).map(tell).collect()
    }

    #[test]
    fn shards_are_the_same_whoever_deals_and_whatever_is_spilled() {
        let (alone, spans) = told(1, SPILL_ROWS);
        assert_eq!(alone.len(), 3_000 + N_SHARDS);
        assert_eq!(spans[1..], [(-299, 599), (0, 0)], "a text that is the same in all rows is known to be");
        for (n_dealers, most_collected) in [(1, 97), (3, SPILL_ROWS), (3, 97)] {
            let (together, spans_together) = told(n_dealers, most_collected);
            assert!(together == alone, "{n_dealers} dealers, {most_collected} rows in memory");
            assert_eq!(spans_together[1..], spans[1..]);
        }
    }

    #[test]
    fn a_column_of_too_many_texts_is_told_and_holds_no_more_of_them() {
        let columns = &columns()[..1];
        let mut dealers = Dealer::side_by_side(2, columns, &Names::default(), &[Names::default()], N_SHARDS, "spill".into());
        for (dealer, numbers) in dealers.iter_mut().zip([0..MAX_DISTINCT, MAX_DISTINCT - 1..MAX_DISTINCT + 9]) {
            dealer.dictionaries[0] = numbers.map(|n| n.to_string()).fold(Names::default(), |mut texts, text| {
                texts.intern(&text);
                texts
            });
        }
        assert!(dealers.iter().all(|dealer| dealer.dictionaries[0].len() <= MAX_DISTINCT));
        let dealt = Dealt::new(dealers);
        assert_eq!((dealt.dictionaries[0].len(), dealt.overflowed()), (MAX_DISTINCT + 1, ["plan".to_owned()].into()));
        let codes = &dealt.recodings[1].as_ref().unwrap().0[1];
        assert_eq!(codes[..2], [MAX_DISTINCT as u32 - 1, MAX_DISTINCT as u32]);
        assert!(codes[2..].iter().all(|code| *code == NO_CODE));
    }

    #[test]
    fn texts_that_are_dealt_one_by_one_may_be_any_number() {
        let folder = tempfile::tempdir().unwrap();
        let members: Names = (0..=MAX_DISTINCT).fold(Names::default(), |mut texts, n| {
            texts.intern(&n.to_string());
            texts
        });
        let dealer = Dealer::new(&columns()[..1], &Names::default(), &[members], N_SHARDS, folder.path().join("spill"));
        let card = dealer.write::<StoreError>(folder.path(), ["page".to_owned()].into(), &mut |_, _, _| Ok(Vec::new())).unwrap();
        assert_eq!(card.overflowed, ["page".to_owned()].into());
    }
}
