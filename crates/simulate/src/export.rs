//! Files as businesses export them: tables and JSON lines, with rows that came late, came twice, or are broken.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use chrono::DateTime;
use chrono_tz::Europe::Vienna;

use crate::calendar::{self, MINUTE_MS};
use crate::random::Random;
use crate::rows::{Arrival, Row, put_in_file_order};
use crate::truth::FileTruth;

/// One file on its way to the disk.
#[derive(Debug)]
pub(crate) struct Export {
    pub name: &'static str,
    pub form: Form,
    pub rows: Vec<Row>,
    pub arrival: Arrival,
}

/// How rows are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// A header and fields between delimiters.
    Table { delimiter: u8, columns: &'static [&'static str] },
    /// A row is one JSON line, which is its only field.
    Lines,
}

impl Export {
    /// Appends broken rows of each kind: copies of rows that `like` names, with a new id, spoiled in one way.
    ///
    /// `spoil` is given the kind, the number of the row in the file and its fields.
    pub fn plant_broken(
        &mut self,
        kinds: &[&'static str],
        like: &str,
        random: &mut Random,
        mut spoil: impl FnMut(&'static str, usize, &mut Vec<String>),
    ) {
        let n_rows = self.rows.len();
        let models: Vec<usize> = (0..n_rows).filter(|&idx| self.rows[idx].event == like).collect();
        if models.is_empty() {
            return;
        }
        for kind in kinds {
            for _ in 0..2 + n_rows / 20_000 {
                let mut row = self.rows[models[random.below(models.len() as u64) as usize]].clone();
                spoil(kind, self.rows.len(), &mut row.fields);
                row.broken = Some(kind);
                self.rows.push(row);
            }
        }
    }

    /// Writes the file and says what is true of it; O(rows log rows).
    pub fn write(&self, dir: &Path, random: &mut Random) -> io::Result<FileTruth> {
        let (order, truth) = put_in_file_order(&self.rows, self.arrival, random);
        let mut file = BufWriter::new(File::create(dir.join(self.name))?);
        match self.form {
            Form::Table { delimiter, columns } => {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(&mut file);
                writer.write_record(columns)?;
                for idx in order {
                    writer.write_record(&self.rows[idx].fields)?;
                }
                writer.flush()?;
            }
            Form::Lines => {
                for idx in order {
                    writeln!(file, "{}", self.rows[idx].fields[0])?;
                }
            }
        }
        file.flush()?;
        Ok(truth)
    }
}

/// Changes one JSON line as an object.
pub(crate) fn edit_line(fields: &mut [String], edit: impl FnOnce(&mut serde_json::Value)) {
    let mut object = serde_json::from_str(&fields[0]).expect("the line was written here");
    edit(&mut object);
    fields[0] = object.to_string();
}

/// Cuts a JSON line in half, as a broken connection does.
pub(crate) fn cut_line(fields: &mut [String]) {
    let half = fields[0].len() / 2;
    fields[0].truncate(half);
}

/// Writes cents with the given decimal sign, `1234,50` or `-0.05`.
pub(crate) fn decimal(cents: i64, sign: char) -> String {
    format!("{}{}{sign}{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

/// Writes an instant as the clocks in Vienna show it to the minute, `2025-01-31 23:59`.
pub(crate) fn iso_local(time_ms: i64) -> String {
    let instant = DateTime::from_timestamp_millis(time_ms).expect("simulated times are within the calendar");
    instant.with_timezone(&Vienna).format("%Y-%m-%d %H:%M").to_string()
}

/// The minutes at which one account's own rows stand, no two of them at one instant.
#[derive(Debug, Default)]
pub(crate) struct Minutes {
    taken_ms: BTreeSet<i64>,
}

impl Minutes {
    /// Draws a free minute of a day between two hours, the second included.
    pub fn draw(&mut self, day: u32, [from, to]: [i64; 2], random: &mut Random) -> i64 {
        let minute = random.between(from * 60, to * 60 + 59);
        self.at(calendar::utc_ms(day, minute * MINUTE_MS))
    }

    /// Takes the first free minute from an instant on.
    pub fn at(&mut self, from_ms: i64) -> i64 {
        let mut time_ms = from_ms + (-from_ms).rem_euclid(MINUTE_MS);
        while !self.taken_ms.insert(time_ms) {
            time_ms += MINUTE_MS;
        }
        time_ms
    }
}

/// Moves instants by a millisecond where two would be the same, or on a whole minute, where other files write; their order stays.
pub(crate) fn put_apart(mut times: Vec<&mut i64>) {
    times.sort_by_key(|time_ms| **time_ms);
    let mut last_ms = i64::MIN;
    for time_ms in times {
        *time_ms = (*time_ms).max(last_ms.saturating_add(1));
        if *time_ms % MINUTE_MS == 0 {
            *time_ms += 1;
        }
        last_ms = *time_ms;
    }
}
