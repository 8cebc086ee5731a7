//! Temporary.
use diptych_intake::*;
use std::time::Instant;
fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap();
    if what == "zones" {
        use chrono::{Offset, TimeZone};
        let mut n_bad = 0;
        for zone in chrono_tz::TZ_VARIANTS {
            let off = |secs: i64| zone.offset_from_local_datetime(&chrono::DateTime::from_timestamp(secs, 0).unwrap().naive_utc()).map(|o| o.fix().local_minus_utc()).single();
            for day in -25567i64..25000 {
                let p: Vec<_> = (0..=4).map(|n| off(day * 86400 + (n * 21600).min(86399))).collect();
                if p[0].is_some() && p.iter().all(|o| *o == p[0]) {
                    for h in [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23] { if off(day * 86400 + h * 3600) != p[0] { n_bad += 1; println!("{zone} {day} {h}"); } }
                }
            }
        }
        println!("bad {n_bad}");
        return;
    }
    if what == "time" {
        let tz: chrono_tz::Tz = "Europe/Berlin".parse().unwrap();
        for (text, zone) in [
            ("2014-01-07 00:00:15", chrono_tz::Tz::UTC),
            ("2014-01-07T00:00:15.123456Z", tz),
            ("2014-07-07 00:00:15", tz),
            ("2014-01-07", tz),
        ] {
            let t = Instant::now();
            let mut sum = 0i64;
            for _ in 0..2_000_000 {
                sum = sum.wrapping_add(time::parse_time(std::hint::black_box(text), &time::TimeFormat::Auto, zone).unwrap().time_us);
            }
            println!("{text} {zone}: {} ns ({sum})", t.elapsed().as_nanos() / 2_000_000);
        }
        for (pattern, text) in [("%m/%d/%Y %H:%M", "12/1/2010 8:26"), ("%Y%m%d", "19970101")] {
            let f: time::TimeFormat = pattern.parse().unwrap();
            let t = Instant::now();
            for _ in 0..1_000_000 {
                std::hint::black_box(time::parse_time(std::hint::black_box(text), &f, tz).unwrap());
            }
            println!("{pattern}: {} ns", t.elapsed().as_nanos() / 1_000_000);
        }
        for text in ["29.33", "$1,234.50"] {
            let t = Instant::now();
            for _ in 0..1_000_000 {
                std::hint::black_box(money::parse_minor_units(std::hint::black_box(text), 2).unwrap());
            }
            println!("{text}: {} ns", t.elapsed().as_nanos() / 1_000_000);
        }
        return;
    }
    let names: Vec<String> = args.collect();
    let path = std::path::Path::new(&what);
    let mut format = format_of(path).unwrap();
    if !names.is_empty() {
        format = Format::Csv(CsvOptions { delimiter: Delimiter::Whitespace, header: Header::Names(names), quote: None });
    }
    let t = Instant::now();
    let mut reader = Reader::open(path, &format, 8192).unwrap();
    let (mut rows, mut bad, mut first) = (0, 0, None);
    loop {
        match reader.next() {
            Ok(Some(p)) => {
                rows += p.rows.num_rows();
                bad += p.rejections.len();
                if first.is_none() {
                    first = p.rejections.first().cloned();
                }
            }
            Ok(None) => break,
            Err(e) => {
                println!("{e}");
                break;
            }
        }
    }
    println!("{what}: {rows} rows, {bad} rejected, {:?}; first {first:?}; notes {:?}", t.elapsed(), reader.notes());
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap());
    let mut reader = Reader::open(path, &format, 8192).unwrap();
    let t = Instant::now();
    let p = profile::profile(&mut reader, profile::ROWS_DEFAULT).unwrap();
    for c in &p.columns {
        println!(
            "  {} n={} nulls={} distinct={} {:?} {:?} {:?}",
            c.name,
            c.n,
            c.n_nulls,
            c.n_distinct,
            c.kind,
            c.share_fitting(),
            c.samples.first().map(|s| &s.text)
        );
    }
    println!("profile {:?}", t.elapsed());
}
