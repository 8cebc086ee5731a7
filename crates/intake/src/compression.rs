//! Opens a file and undoes its compression.
//!
//! The first bytes decide, never the name: `1f 8b` is gzip (of one or many members), `28 b5 2f fd` is zstd.
//! Compressed bytes are counted as they are read, for progress.
//! A decoder's error does not lose what was decoded before it: the error waits behind those bytes.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::IntakeError;

/// How much is looked at before a format or a delimiter is decided on, in bytes.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// Names the compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Holds an opened file: its decompressed bytes and the beginning of them.
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    pub(crate) compression: Compression,
    /// The first decompressed bytes, at most [`HEAD_BYTES`]; `body` gives them again.
    pub(crate) head: Vec<u8>,
    /// Whether `head` is all there is.
    pub(crate) head_is_whole: bool,
    /// All decompressed bytes.
    pub(crate) body: Box<dyn Read + Send>,
    pub(crate) progress: Progress,
}

/// Counts the bytes of the file as it lies on the disk.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    read: Arc<AtomicU64>,
    pub(crate) bytes_total: u64,
}

impl Progress {
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn set_bytes_read(&self, bytes: u64) {
        self.read.store(bytes, Ordering::Relaxed);
    }
}

/// Opens a file for reading and says how long it is.
pub(crate) fn open_file(path: &Path) -> Result<(File, Progress), IntakeError> {
    let file = File::open(path).map_err(|e| IntakeError::opening(path, e))?;
    let about = file.metadata().map_err(|e| IntakeError::opening(path, e))?;
    if about.is_dir() {
        return Err(IntakeError::IsFolder { file: path.to_path_buf() });
    }
    Ok((file, Progress { read: Arc::new(AtomicU64::new(0)), bytes_total: about.len() }))
}

/// Opens a file, undoes its compression and reads its beginning; an empty file is an error.
pub(crate) fn open(path: &Path) -> Result<Source, IntakeError> {
    let (file, progress) = open_file(path)?;
    let mut counted = Counted { inner: file, read: Arc::clone(&progress.read) };
    let mut first = [0; 4];
    let n_first = read_up_to(&mut counted, &mut first).map_err(|e| IntakeError::opening(path, e))?;
    let compression = Compression::of(&first[..n_first]);
    let raw = Cursor::new(first[..n_first].to_vec()).chain(counted);
    let mut body: Box<dyn Read + Send> = match compression {
        Compression::Plain => Box::new(raw),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(64 << 10, raw))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(raw).map_err(|e| IntakeError::opening(path, e))?),
    };
    let mut head = vec![0; HEAD_BYTES];
    let (n_head, failure) = fill(&mut body, &mut head);
    head.truncate(n_head);
    if head.is_empty() {
        return Err(match failure {
            Some(e) => IntakeError::reading(path, compression, 1, e),
            None => IntakeError::Empty { file: path.to_path_buf() },
        });
    }
    let head_is_whole = n_head < HEAD_BYTES;
    let rest: Box<dyn Read + Send> = match failure {
        Some(error) => Box::new(Failing(Some(error))),
        None => body,
    };
    Ok(Source {
        file: path.to_path_buf(),
        compression,
        body: Box::new(Cursor::new(head.clone()).chain(rest)),
        head,
        head_is_whole,
        progress,
    })
}

fn read_up_to(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    match fill(from, into) {
        (_, Some(error)) => Err(error),
        (n, None) => Ok(n),
    }
}

fn fill(from: &mut impl Read, into: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut n = 0;
    while n < into.len() {
        match from.read(&mut into[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (n, Some(e)),
        }
    }
    (n, None)
}

struct Counted {
    inner: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0.take() {
            Some(error) => Err(error),
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> Result<Source, IntakeError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("named.csv");
        std::fs::write(&path, bytes).unwrap();
        open(&path)
    }

    fn check(bytes: &[u8], compression: Compression, expected: &[u8]) {
        let mut source = opened(bytes).unwrap();
        assert_eq!(source.compression, compression);
        let mut all = Vec::new();
        source.body.read_to_end(&mut all).unwrap();
        assert_eq!(all, expected);
        assert!(source.head_is_whole);
        assert_eq!(source.progress.bytes_read(), bytes.len() as u64);
        assert_eq!(source.progress.bytes_total, bytes.len() as u64);
    }

    #[test]
    fn magic_bytes_decide_not_the_name() {
        check(b"a,b\n1,2\n", Compression::Plain, b"a,b\n1,2\n");
        check(b"a", Compression::Plain, b"a");
        check(&gzip(b"a,b\n"), Compression::Gzip, b"a,b\n");
        check(&zstd::encode_all(&b"a,b\n"[..], 1).unwrap(), Compression::Zstd, b"a,b\n");
    }

    #[test]
    fn gzip_of_many_members_and_zstd_of_many_frames_are_read_to_the_end() {
        check(&[gzip(b"a,b\n"), gzip(b"1,2\n")].concat(), Compression::Gzip, b"a,b\n1,2\n");
        let frame = |b: &[u8]| zstd::encode_all(b, 1).unwrap();
        check(&[frame(b"a,b\n"), frame(b"1,2\n")].concat(), Compression::Zstd, b"a,b\n1,2\n");
    }

    #[test]
    fn nothing_is_empty_even_when_compressed() {
        assert!(matches!(opened(b""), Err(IntakeError::Empty { .. })));
        assert!(matches!(opened(&gzip(b"")), Err(IntakeError::Empty { .. })));
    }

    #[test]
    fn what_was_decoded_before_a_cut_is_not_lost() {
        let text: Vec<u8> = (0..20_000).flat_map(|i| format!("{i},{}\n", i * 7919 % 104_729).into_bytes()).collect();
        let whole = gzip(&text);
        let mut source = opened(&whole[..whole.len() / 2]).unwrap();
        let mut all = Vec::new();
        let error = source.body.read_to_end(&mut all).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(all.len() > text.len() / 4 && text.starts_with(&all));
    }
}
