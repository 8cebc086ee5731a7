//! Fixed hashes of ids and rows: they are stored, so they never change within a format.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use diptych_event::log::PROPERTY_PREFIX;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Returns the hash of an event id within its source.
pub fn id_hash(source: &str, event_id: &str) -> u64 {
    xxh3_64_with_seed(event_id.as_bytes(), xxh3_64(source.as_bytes()))
}

/// Returns the shard of an actor.
pub fn shard_of(actor: &str, n_shards: usize) -> usize {
    (xxh3_64(actor.as_bytes()) % n_shards as u64) as usize
}

/// Returns a hash of what each row says, shape `[rows]`.
///
/// Where a row came from (`kind`, `file`, `line`) does not count, nor whether a property was declared at the time:
/// values count as text under their names, and missing values do not count. O(rows × columns).
pub fn content_hashes(batch: &RecordBatch) -> Vec<u64> {
    let mut hashes = vec![0_u64; batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let name = field.name().as_str();
        if matches!(name, "kind" | "file" | "line" | "reason" | "original") || column.null_count() == column.len() {
            continue;
        }
        let seed = xxh3_64(name.strip_prefix(PROPERTY_PREFIX).unwrap_or(name).as_bytes());
        let mut add = |row: usize, bytes: &[u8]| hashes[row] = hashes[row].wrapping_add(spread(xxh3_64_with_seed(bytes, seed)));
        let rows = (0..column.len()).filter(|row| column.is_valid(*row));
        match column.data_type() {
            DataType::Utf8 if name == "properties" => {
                let texts = column.as_string::<i32>();
                rows.for_each(|row| hashes[row] = hashes[row].wrapping_add(property_hashes(texts.value(row))));
            }
            DataType::Utf8 => {
                let texts = column.as_string::<i32>();
                rows.for_each(|row| add(row, texts.value(row).as_bytes()));
            }
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>();
                rows.for_each(|row| add(row, numbers.value(row).to_string().as_bytes()));
            }
            DataType::Float64 => {
                let numbers = column.as_primitive::<Float64Type>();
                rows.for_each(|row| add(row, numbers.value(row).to_string().as_bytes()));
            }
            DataType::Timestamp(..) => {
                let times = column.as_primitive::<TimestampMicrosecondType>();
                rows.for_each(|row| add(row, &times.value(row).to_le_bytes()));
            }
            DataType::Boolean => {
                let truths = column.as_boolean();
                rows.for_each(|row| add(row, if truths.value(row) { b"true" } else { b"false" }));
            }
            other => unreachable!("the log has no column of type {other}"),
        }
    }
    hashes
}

/// Returns the sum of the hashes of the properties in a JSON object, as if each stood in a column of its own.
fn property_hashes(json: &str) -> u64 {
    let Ok(serde_json::Value::Object(properties)) = serde_json::from_str(json) else { return 0 };
    properties.iter().filter(|(_, value)| !value.is_null()).fold(0, |sum, (name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        sum.wrapping_add(spread(xxh3_64_with_seed(text.as_bytes(), xxh3_64(name.as_bytes()))))
    })
}

/// Spreads a hash before it is summed, so that sums of related hashes do not cancel.
fn spread(hash: u64) -> u64 {
    (hash ^ hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
