//! Looks into the directory of a zip archive to see how large a workbook is before it is loaded.
//!
//! Only the directory is read, by hand, because one table of sizes does not justify a dependency.

/// Names a part of an archive with its size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// The size uncompressed, in bytes; `u64::MAX` where the directory says that it is beyond 4 GiB.
    pub(crate) bytes: u64,
}

const END_BYTES: usize = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";
const ENTRY_BYTES: usize = 46;
const ENTRY_MAGIC: &[u8] = b"PK\x01\x02";

/// Lists the parts of an archive; nothing if the bytes are no complete archive.
///
/// Source: PKWARE APPNOTE.TXT 6.3, sections 4.3.12 and 4.3.16.
pub(crate) fn parts(archive: &[u8]) -> Option<Vec<Part>> {
    // The end record stands last, before a comment of at most 64 KiB.
    let search_from = archive.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let tail = archive.get(search_from..)?;
    let end = search_from + tail.windows(END_MAGIC.len()).rposition(|w| w == END_MAGIC)?;
    let n_entries = u16_at(archive, end + 10)?;
    let mut at = u32_at(archive, end + 16)? as usize;
    let mut parts = Vec::new();
    for _ in 0..n_entries {
        if archive.get(at..at.checked_add(ENTRY_MAGIC.len())?)? != ENTRY_MAGIC {
            return None;
        }
        let size = u32_at(archive, at + 24)?;
        let lens = [u16_at(archive, at + 28)?, u16_at(archive, at + 30)?, u16_at(archive, at + 32)?].map(usize::from);
        let name = archive.get(at + ENTRY_BYTES..at + ENTRY_BYTES + lens[0])?;
        let bytes = if size == u32::MAX { u64::MAX } else { u64::from(size) };
        parts.push(Part { name: String::from_utf8_lossy(name).into_owned(), bytes });
        at += ENTRY_BYTES + lens.iter().sum::<usize>();
    }
    Some(parts)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_workbook_are_listed() {
        let mut book = rust_xlsxwriter::Workbook::new();
        book.add_worksheet().write(0, 0, "a").unwrap();
        let archive = book.save_to_buffer().unwrap();
        let parts = parts(&archive).unwrap();
        let sheet = parts.iter().find(|p| p.name == "xl/worksheets/sheet1.xml").unwrap();
        assert!((200..5_000).contains(&sheet.bytes), "{sheet:?}");
        assert_eq!(super::parts(&archive[..archive.len() - 30]), None);
        assert_eq!(super::parts(b""), None);
        assert_eq!(super::parts(b"PK\x05\x06"), None);
    }
}
