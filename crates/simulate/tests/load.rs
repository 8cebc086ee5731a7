//! The load's files hold what the returned truth says: a recount that reads the files only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use arrow::array::{Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use diptych_simulate::load::{LOAD_FUNNEL, LOAD_FUNNEL_SHARES, LOAD_START_US};
use diptych_simulate::{LoadOptions, LoadTruth, write_load};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 1440 * MINUTE_US;

fn small() -> LoadOptions {
    LoadOptions { events: 240_000, users: 12_000, seed: 9, rows_per_file: 100_000, ..LoadOptions::default() }
}

#[test]
fn same_seed_gives_the_same_bytes() {
    let write = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let truth = write_load(&LoadOptions { events: 30_000, users: 1_500, seed, ..small() }, dir.path(), &mut |_| {}).unwrap();
        assert_eq!(truth.files.len(), 1);
        fs::read(dir.path().join("events-00000.parquet")).unwrap()
    };
    let (first, again, other) = (write(1), write(1), write(2));
    assert!(first == again && first != other);
}

#[test]
fn files_hold_what_the_truth_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    let truth = write_load(&small(), dir.path(), &mut |n| reports.push(n)).unwrap();
    assert!(reports.is_sorted() && reports.last() == Some(&240_000));
    assert_eq!(
        truth.files.iter().map(|file| (file.name.as_str(), file.n_rows)).collect::<Vec<_>>(),
        [("events-00000.parquet", 100_000), ("events-00001.parquet", 100_000), ("events-00002.parquet", 40_000)]
    );
    let rows = read(dir.path(), &truth);
    assert_eq!(rows.len(), 240_000);

    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len());
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    let times: BTreeSet<i64> = rows.iter().map(|row| row.time_us).collect();
    assert_eq!(times.len(), rows.len(), "every event has its own microsecond");
    assert_eq!((times.first(), times.last()), (Some(&truth.time_us_first), Some(&truth.time_us_last)));
    assert!(LOAD_START_US <= truth.time_us_first && truth.time_us_last < LOAD_START_US + 90 * DAY_US);

    let mut events: BTreeMap<String, u64> = BTreeMap::new();
    let mut timelines: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    for row in &rows {
        *events.entry(row.name.clone()).or_default() += 1;
        timelines.entry(&row.user).or_default().push((row.time_us, &row.name));
    }
    assert_eq!(truth.events, events);
    assert_eq!(truth.n_users, timelines.len() as u64);
    let (mut n_sessions, mut n_one_session, mut funnel_people) = (0, 0, [0u64; 4]);
    for timeline in timelines.values_mut() {
        timeline.sort_unstable();
        let n_own = 1 + timeline.windows(2).filter(|pair| 30 * MINUTE_US < pair[1].0 - pair[0].0).count() as u64;
        n_sessions += n_own;
        n_one_session += u64::from(n_own == 1);
        for n in &mut funnel_people[..best_attempt(timeline)] {
            *n += 1;
        }
    }
    assert_eq!(truth.n_sessions, n_sessions);
    assert_eq!(truth.n_users_one_session, n_one_session);
    assert_eq!(truth.funnel_people, funnel_people);
    assert_eq!(truth.n_events_top_user, timelines.values().map(|timeline| timeline.len() as u64).max().unwrap());
}

/// Tries every entry, which the generator's own count does not.
fn best_attempt(timeline: &[(i64, &str)]) -> usize {
    let depth = |start: usize| {
        let mut reached = 1;
        for (time_us, name) in &timeline[start + 1..] {
            if 7 * DAY_US < time_us - timeline[start].0 || reached == LOAD_FUNNEL.len() {
                break;
            }
            reached += usize::from(*name == LOAD_FUNNEL[reached]);
        }
        reached
    };
    (0..timeline.len()).filter(|&idx| timeline[idx].1 == LOAD_FUNNEL[0]).map(depth).max().unwrap_or(0)
}

#[test]
fn the_load_is_skewed_as_described() {
    let dir = tempfile::tempdir().unwrap();
    let truth = write_load(&small(), dir.path(), &mut |_| {}).unwrap();
    let rows = read(dir.path(), &truth);
    assert_eq!(truth.n_users, 12_000);
    assert!(8 * truth.n_sessions <= truth.n_events, "{} sessions", truth.n_sessions);
    assert!(truth.n_users < 2 * truth.n_users_one_session, "most users have one session");
    assert!((1_000..20_000).contains(&truth.n_events_top_user), "{}", truth.n_events_top_user);
    for (n, share) in truth.funnel_people.iter().zip(LOAD_FUNNEL_SHARES) {
        assert!((*n as f64 / truth.n_users as f64 - share).abs() < 0.012, "{:?}", truth.funnel_people);
    }

    // Names: few are frequent, and the next name depends on this one.
    let mut n_by_name: Vec<u64> = truth.events.values().copied().collect();
    n_by_name.sort_unstable_by(|a, b| b.cmp(a));
    assert!(truth.n_events < 3 * n_by_name.iter().take(20).sum::<u64>(), "twenty names make a third");
    assert!(2_000 < n_by_name.len());
    let mut in_order: Vec<(&str, i64, &str)> = rows.iter().map(|row| (row.user.as_str(), row.time_us, row.name.as_str())).collect();
    in_order.sort_unstable();
    let mut after_frequent: BTreeMap<&str, u64> = BTreeMap::new();
    for pair in in_order.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].2 == "e0000") {
        *after_frequent.entry(pair[1].2).or_default() += 1;
    }
    let lift = after_frequent
        .iter()
        .map(|(name, n)| *n as f64 / after_frequent.values().sum::<u64>() as f64 / (truth.events[*name] as f64 / truth.n_events as f64));
    assert!(3.0 < lift.fold(0.0, f64::max), "transitions are not uniform");

    // Rows: in the order of time but for one in a hundred, with different users next to each other.
    let (mut n_behind, mut time_us_max) = (0, i64::MIN);
    for row in &rows {
        n_behind += u64::from(row.time_us < time_us_max);
        time_us_max = time_us_max.max(row.time_us);
    }
    assert!((0.005..0.015).contains(&(n_behind as f64 / rows.len() as f64)), "{n_behind}");
    let n_same = rows.windows(2).filter(|pair| pair[0].user == pair[1].user).count();
    assert!(n_same * 4 < rows.len() * 3, "{n_same}: even at this size, one event in 32 seconds");

    for (idx, n_values) in [3, 10, 50, 200, 1_000].into_iter().enumerate() {
        let values: BTreeSet<&str> = rows.iter().map(|row| row.properties[idx].as_str()).collect();
        assert_eq!(values.len(), n_values);
    }
    assert!(rows.iter().all(|row| (0..=10_000).contains(&row.amount_cents)));
}

#[test]
fn any_size_gives_exactly_so_many_rows() {
    for (events, users, names, properties) in
        [(4, 1, 8, 0), (5, 100, 8, 6), (1_000, 1, 100, 3), (7_777, 7_777, 5_000, 1), (50_000, 20, 50, 5)]
    {
        let dir = tempfile::tempdir().unwrap();
        let options = LoadOptions { events, users, names, properties, seed: 2, rows_per_file: 3_000 };
        let truth = write_load(&options, dir.path(), &mut |_| {}).unwrap();
        assert_eq!(truth.n_events, events);
        assert_eq!(truth.files.iter().map(|file| file.n_rows).sum::<u64>(), events);
        assert!(truth.n_users <= users);
        let file = File::open(dir.path().join("events-00000.parquet")).unwrap();
        let schema = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone();
        assert_eq!(schema.fields().len(), 4 + properties as usize);
    }
    let dir = tempfile::tempdir().unwrap();
    for wrong in [
        LoadOptions { events: 0, ..small() },
        LoadOptions { users: 0, ..small() },
        LoadOptions { names: 3, ..small() },
        LoadOptions { properties: 7, ..small() },
        LoadOptions { rows_per_file: 0, ..small() },
    ] {
        assert!(write_load(&wrong, dir.path(), &mut |_| {}).is_err(), "{wrong:?}");
    }
}

/// Measures the rate: `RUN_SLOW_TESTS=1 LOAD_EVENTS=20000000 cargo test -p diptych-simulate --test load rate -- --nocapture`.
#[test]
fn rate() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let events = std::env::var("LOAD_EVENTS").map_or(20_000_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let truth = write_load(&LoadOptions { events, users: events / 20, ..LoadOptions::default() }, dir.path(), &mut |_| {}).unwrap();
    let secs = start.elapsed().as_secs_f64();
    let size_bytes: u64 = truth.files.iter().map(|file| file.size_bytes).sum();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    eprintln!("{events} events, {secs:.1} s, {:.0} per s, {size_bytes} bytes, {peak}", events as f64 / secs);
    eprintln!("{:?}", LoadTruth { events: BTreeMap::new(), ..truth });
}

/// One row as read from a file.
struct Row {
    id: String,
    time_us: i64,
    user: String,
    name: String,
    properties: [String; 5],
    amount_cents: i64,
}

fn read(dir: &Path, truth: &LoadTruth) -> Vec<Row> {
    let mut rows = Vec::new();
    for file in &truth.files {
        let path = dir.join(&file.name);
        assert_eq!(fs::metadata(&path).unwrap().len(), file.size_bytes);
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let text =
                |name: &str| -> StringArray { batch.column_by_name(name).unwrap().as_any().downcast_ref::<StringArray>().unwrap().clone() };
            let time = batch.column_by_name("time").unwrap().as_any().downcast_ref::<TimestampMicrosecondArray>().unwrap();
            assert!(matches!(time.data_type(), DataType::Timestamp(_, Some(zone)) if zone.as_ref() == "UTC"));
            let amount_cents = batch.column_by_name("amount_cents").unwrap().as_any().downcast_ref::<Int64Array>().unwrap();
            let (id, user, name) = (text("event_id"), text("user"), text("name"));
            let properties = ["plan", "country", "campaign", "page", "sku"].map(text);
            for idx in 0..batch.num_rows() {
                rows.push(Row {
                    id: id.value(idx).to_owned(),
                    time_us: time.value(idx),
                    user: user.value(idx).to_owned(),
                    name: name.value(idx).to_owned(),
                    properties: properties.each_ref().map(|column| column.value(idx).to_owned()),
                    amount_cents: amount_cents.value(idx),
                });
            }
        }
    }
    rows
}
