//! Cuts a stream of bytes into lines, with their numbers and within bounded memory.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use crate::compression::{Compression, Source};
use crate::{IntakeError, MAX_RECORD_BYTES};

const BUFFER_BYTES: usize = 256 << 10;
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Gives the lines of a text one by one.
pub(crate) struct Lines {
    file: PathBuf,
    compression: Compression,
    inner: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    number: u64,
    newline: u8,
}

impl Lines {
    /// Reads lines from `source`, whose `head` tells how lines end.
    pub(crate) fn new(source: Source) -> Self {
        let newline = newline_of(&source.head);
        Self {
            file: source.file,
            compression: source.compression,
            inner: BufReader::with_capacity(BUFFER_BYTES, source.body),
            line: Vec::new(),
            number: 0,
            newline,
        }
    }

    /// Gives the next line that is not blank, without its end, and its number from 1.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>, IntakeError> {
        while self.read()? {
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, without_end(&self.line))));
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Result<bool, IntakeError> {
        self.line.clear();
        if self.line.capacity() > KEPT_BYTES_MAX {
            self.line.shrink_to(0);
        }
        let number = self.number + 1;
        let limit = MAX_RECORD_BYTES as u64 + 1;
        let n = (&mut self.inner)
            .take(limit)
            .read_until(self.newline, &mut self.line)
            .map_err(|e| IntakeError::reading(&self.file, self.compression, number, e))?;
        if n == 0 {
            return Ok(false);
        }
        if n > MAX_RECORD_BYTES {
            return Err(IntakeError::LineTooLong { file: self.file.clone(), line: number });
        }
        self.number = number;
        Ok(true)
    }
}

/// Tells the byte that ends lines: a line feed, or a carriage return in files that have no line feed at all.
pub(crate) fn newline_of(head: &[u8]) -> u8 {
    if !head.contains(&b'\n') && head.contains(&b'\r') { b'\r' } else { b'\n' }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(u64, &str)]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        let mut lines = Lines::new(crate::compression::open(&path).unwrap());
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push((number, String::from_utf8(line.to_vec()).unwrap()));
        }
        let expected: Vec<_> = expected.iter().map(|(n, t)| (*n, (*t).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_end_in_any_way() {
        check("a\nb\n", &[(1, "a"), (2, "b")]);
        check("a\r\n\r\nb", &[(1, "a"), (3, "b")]);
        check("a\rb\r", &[(1, "a"), (2, "b")]);
    }
}
