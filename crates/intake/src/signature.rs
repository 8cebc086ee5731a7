//! What the first bytes of a file look like, for errors that name what was given instead of text or a workbook.

use crate::IntakeError;
use crate::compression::Source;

const SIGNATURES: &[(&[u8], &str)] = &[
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive or an .xlsx workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls) or one with a password"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
];

/// Says what the bytes look like, or that they are not text.
pub(crate) fn describe(head: &[u8]) -> &'static str {
    if is_utf16(head) {
        return "text in UTF-16";
    }
    SIGNATURES.iter().find(|(magic, _)| head.starts_with(magic)).map_or_else(
        || {
            if head.contains(&0) { "binary data (it has NUL bytes)" } else { "text" }
        },
        |(_, name)| name,
    )
}

/// Refuses a source that is obviously no UTF-8 text.
pub(crate) fn require_text(source: &Source, expected: &'static str) -> Result<(), IntakeError> {
    let found = describe(&source.head);
    // `BZh`, `ORC` and the like may begin a text; only with a NUL are they what they seem.
    if !is_utf16(&source.head) && !source.head.contains(&0) && !is_sure(&source.head) {
        return Ok(());
    }
    let advice = if is_utf16(&source.head) { "save it as UTF-8" } else { "check the path, or name the format that the file has" };
    Err(IntakeError::WrongFormat { file: source.file.clone(), expected, found: found.to_owned(), advice: advice.to_owned() })
}

/// Takes a UTF-8 byte order mark off the beginning.
pub(crate) fn without_bom(source: &mut Source) -> Result<(), IntakeError> {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    if !source.head.starts_with(BOM) {
        return Ok(());
    }
    source.head.drain(..BOM.len());
    let mut bom = [0; 3];
    std::io::Read::read_exact(&mut source.body, &mut bom).map_err(|e| IntakeError::reading(&source.file, source.compression, 1, e))?;
    if source.head.is_empty() {
        return Err(IntakeError::Empty { file: source.file.clone() });
    }
    Ok(())
}

fn is_utf16(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff")
}

fn is_sure(head: &[u8]) -> bool {
    [&b"\x89PNG"[..], b"\xff\xd8\xff", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF-"].iter().any(|m| head.starts_with(m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_named() {
        assert_eq!(describe(b"\x89PNG\r\n\x1a\n\0"), "a PNG image");
        assert_eq!(describe(b"\xff\xfea\0,\0"), "text in UTF-16");
        assert_eq!(describe(b"a\0b"), "binary data (it has NUL bytes)");
        assert_eq!(describe(b"a,b"), "text");
    }
}
