//! Finds the delimiter of a text from its beginning.
//!
//! A delimiter is one that stands in every line equally often, quotes respected.
//! Blanks are never detected: they stand within values too often.

const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many of the lines must agree before a delimiter counts as found, in percent.
const AGREEING_PERCENT: usize = 90;

/// Names a candidate and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guess {
    pub(crate) byte: u8,
    /// How many lines have as many delimiters as the first one (or as wanted), in percent.
    pub(crate) agreeing_percent: usize,
}

impl Guess {
    pub(crate) fn is_sure(self) -> bool {
        AGREEING_PERCENT <= self.agreeing_percent
    }
}

/// Finds the delimiter that divides the lines of `head` evenly.
///
/// `wanted` is the number of fields where it is known; otherwise the first line says it.
/// Time O(bytes × candidates).
pub(crate) fn detect(head: &[u8], is_whole: bool, quote: Option<u8>, wanted: Option<usize>) -> Option<Guess> {
    let mut best: Option<(Guess, (usize, usize))> = None;
    for byte in CANDIDATES {
        let counts = delimiters_per_line(head, is_whole, byte, quote);
        let Some(n) = wanted.map(|n| n.saturating_sub(1)).or(counts.first().copied()) else {
            continue;
        };
        if n == 0 {
            continue;
        }
        let agreeing_percent = counts.iter().filter(|c| **c == n).count() * 100 / counts.len().max(1);
        if agreeing_percent == 0 {
            continue;
        }
        // Among those that fit well enough the one that divides most wins; ties go to the order of the candidates.
        let rank = (agreeing_percent.min(AGREEING_PERCENT), n);
        if best.is_none_or(|(_, r)| r < rank) {
            best = Some((Guess { byte, agreeing_percent }, rank));
        }
    }
    best.map(|(guess, _)| guess)
}

/// Names a delimiter as a person would.
pub(crate) fn name(byte: u8) -> String {
    match byte {
        b'\t' => "the tab".to_owned(),
        b' ' => "the blank".to_owned(),
        byte if byte.is_ascii_graphic() => format!("'{}'", char::from(byte)),
        byte => format!("the byte {byte:#04x}"),
    }
}

fn delimiters_per_line(head: &[u8], is_whole: bool, delimiter: u8, quote: Option<u8>) -> Vec<usize> {
    let mut counts = Vec::new();
    let (mut n, mut in_quotes, mut at_field_start, mut is_blank) = (0, false, true, true);
    for &byte in head {
        if Some(byte) == quote && (in_quotes || at_field_start) {
            // A doubled quote leaves and enters again, which comes to the same.
            in_quotes = !in_quotes;
            at_field_start = !in_quotes;
            is_blank = false;
        } else if in_quotes {
        } else if byte == delimiter {
            n += 1;
            at_field_start = true;
            is_blank = false;
        } else if byte == b'\n' || byte == b'\r' {
            if !is_blank {
                counts.push(n);
            }
            (n, at_field_start, is_blank) = (0, true, true);
        } else {
            at_field_start = false;
            is_blank = false;
        }
    }
    // The last line is cut where the head ends, unless the head is the whole file or has no other.
    if !is_blank && (is_whole || counts.is_empty()) {
        counts.push(n);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, wanted: Option<usize>, expected: Option<u8>) {
        let found = detect(head.as_bytes(), true, Some(b'"'), wanted).map(|g| g.byte);
        assert_eq!(found.map(char::from), expected.map(char::from), "{head:?}");
    }

    #[test]
    fn the_delimiter_that_divides_evenly_is_found() {
        check("a,b,c\n1,2,3\n", None, Some(b','));
        check("a;b;c\n1,5;2,5;3,5\n", None, Some(b';'));
        check("a\tb\n1, one\t2\n", None, Some(b'\t'));
        check("a|b\r\n1|2\r\n", None, Some(b'|'));
        check("a\n1\n", None, None);
        check("only text, here\nmore\nand, more, of it\nx\ny\n", None, Some(b','));
        check("\"a;x\",b\n\"1;2;3\",2\n\"say \"\"a;b\"\"\",4\n", None, Some(b','));
    }

    #[test]
    fn a_known_number_of_fields_decides() {
        check("x;y,z,w\n1;2,3,4\n", Some(2), Some(b';'));
        check("x;y,z,w\n1;2,3,4\n", Some(3), Some(b','));
        check("x y z\n", Some(3), None);
    }

    #[test]
    fn a_cut_last_line_is_not_counted() {
        let guess = detect(b"a,b\n1,2\n3", false, None, None).unwrap();
        assert_eq!(guess, Guess { byte: b',', agreeing_percent: 100 });
    }
}
