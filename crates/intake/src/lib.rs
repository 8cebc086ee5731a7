//! File formats in, batches of raw columns and rejections out.
//!
//! The crate turns the bytes of one file into Arrow record batches, with a line number for every row, and says of
//! every row that it cannot read why, where, and what stood there.
//! It knows nothing of events, mappings or storage: what a column means is decided by its callers.
//!
//! Memory stays bounded whatever the size of the file: CSV, JSON Lines and Parquet are streamed, a spreadsheet is
//! loaded whole and refused above [`SHEET_BYTES_MAX`].
//! Errors are values; nothing in a file makes the crate panic.
//!
//! [`time`] and [`money`] read the texts of cells, and [`mod@profile`] looks at the first rows of a file to propose
//! what its columns are.

mod blanks;
mod columns;
mod compression;
mod csv;
mod delimiter;
mod error;
mod format;
mod jsonl;
mod lines;
pub mod money;
mod original;
mod parquet;
pub mod profile;
mod reader;
mod signature;
pub mod time;
mod workbook_size;
mod xlsx;

pub use error::IntakeError;
pub use format::{CsvOptions, Delimiter, Format, Header, XlsxOptions, format_of};
pub use original::original;
pub use reader::{Piece, Reader, Rejection};

/// Bounds one field of text, in bytes; a row with a longer one is rejected.
pub const MAX_FIELD_BYTES: usize = 1 << 20;

/// Bounds one record or line, in bytes; a longer one is an unclosed quote or no text at all, and an error.
pub const MAX_RECORD_BYTES: usize = 256 << 20;

/// Bounds a file that is one JSON array, in bytes, because it is held in memory.
pub const JSON_ARRAY_BYTES_MAX: usize = 256 << 20;

/// Bounds one sheet of a workbook, in bytes of its uncompressed XML, because it is held in memory.
pub const SHEET_BYTES_MAX: u64 = 200 << 20;

/// Bounds the text kept of a rejected row, in bytes.
pub const ORIGINAL_BYTES_MAX: usize = 64 << 10;
