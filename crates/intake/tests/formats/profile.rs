//! Profiles of whole files.

use diptych_intake::profile::{Kind, Profile, ROWS_DEFAULT, Sample, profile};
use diptych_intake::time::TimeFormat;
use diptych_intake::{CsvOptions, Format, Reader};

use crate::file;

fn profile_of(text: &str, rows: usize, batch_rows: usize) -> Profile {
    let made = file("a.csv", text);
    let mut reader = Reader::open(&made.path, &Format::Csv(CsvOptions::default()), batch_rows).unwrap();
    profile(&mut reader, rows).unwrap()
}

fn shop(n_rows: usize) -> String {
    let mut text = String::from("event_id,user_id,at,kind,price,url,note,blank\n");
    for n in 0..n_rows {
        let kind = ["view", "cart", "buy"][n % 3];
        let price = if n % 3 == 2 { format!("{}.{:02}", n % 90, n % 100) } else { String::new() };
        text.push_str(&format!(
            "e{n},u{},2024-03-{:02}T10:{:02}:00Z,{kind},{price},/p/{},it says {n} things,\n",
            n % 70,
            1 + n % 28,
            n % 60,
            n % 500
        ));
        if n % 100 == 50 {
            text.push_str("broken,row\n");
        }
    }
    text
}

#[test]
fn kinds_of_a_shop_are_guessed() {
    let found = profile_of(&shop(1_000), ROWS_DEFAULT, 128);
    assert_eq!((found.n_rows, found.n_rejections), (1_000, 10));
    let kinds: Vec<&Kind> = found.columns.iter().map(|c| &c.kind).collect();
    let time = Kind::Time { format: TimeFormat::Auto, has_zone: true, ambiguous: false };
    assert_eq!(kinds, [&Kind::UniqueId, &Kind::Identifier, &time, &Kind::Category, &Kind::Money, &Kind::Url, &Kind::Text, &Kind::Empty]);
    let kind = &found.columns[3];
    assert_eq!((kind.n, kind.n_nulls, kind.n_distinct, kind.share_fitting()), (1_000, 0, 3, Some(1.0)));
    let sample = |text: &str, n| Sample { text: text.to_owned(), n };
    assert_eq!(kind.samples, [sample("view", 334), sample("buy", 333), sample("cart", 333)]);
    let price = &found.columns[4];
    assert_eq!((price.n_nulls, price.samples.len()), (667, 5));
    let blank = &found.columns[7];
    assert_eq!((blank.n_nulls, blank.share_fitting()), (1_000, None));
}

#[test]
fn pieces_do_not_matter_and_rows_are_a_bound() {
    let text = shop(3_000);
    let all: Vec<Profile> = [1, 7, 1_000, 8_192].map(|batch_rows| profile_of(&text, 777, batch_rows)).into();
    assert_eq!(all[0].n_rows, 777);
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn distinct_values_are_counted_to_a_bound() {
    let text: String = std::iter::once("id,x\n".to_owned()).chain((0..15_000).map(|i| format!("k{i},1\n"))).collect();
    let found = profile_of(&text, ROWS_DEFAULT, 5_000);
    assert_eq!((found.columns[0].n, found.columns[0].n_distinct), (15_000, 10_000));
    assert_eq!(found.columns[0].kind, Kind::UniqueId);
}

#[test]
fn long_values_are_cut_in_samples() {
    let found = profile_of(&format!("a,b\n{},1\n", "ä".repeat(5_000)), 10, 10);
    assert_eq!(found.columns[0].samples[0].text.chars().count(), 120);
}

#[test]
fn parquet_types_are_profiled_by_their_text() {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, TimestampMillisecondArray};
    let columns: [(&str, ArrayRef); 3] = [
        ("at", Arc::new(TimestampMillisecondArray::from(vec![1_389_052_815_000, 1_389_052_871_500]))),
        ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
        ("age", Arc::new(Int64Array::from(vec![31, 40]))),
    ];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let made = file("a.parquet", "x");
    let sink = std::fs::File::create(&made.path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(sink, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let mut reader = Reader::open(&made.path, &Format::Parquet, 10).unwrap();
    let kinds: Vec<Kind> = profile(&mut reader, 10).unwrap().columns.into_iter().map(|c| c.kind).collect();
    let time = Kind::Time { format: TimeFormat::Auto, has_zone: false, ambiguous: false };
    assert_eq!(kinds, [time, Kind::Boolean, Kind::Integer]);
}
