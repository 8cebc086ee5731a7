//! A list of distinct texts with a number for each: event names and the values of text properties.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Distinct texts in order of first appearance; the code of a text is its position.
///
/// Useful for: comparing and grouping by number instead of by text.
/// Not useful for: ordering; codes depend on arrival, so no answer may depend on them.
/// A clone is a handle to the same texts until one of the two is added to.
#[derive(Debug, Default, Clone)]
pub struct Names(Arc<Texts>);

#[derive(Debug, Default, Clone)]
struct Texts {
    texts: Joined,
    /// Codes, by the hashes of their texts.
    codes: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Texts one after the other.
#[derive(Debug, Default, Clone)]
struct Joined {
    text: String,
    /// One after the last byte of each, shape `[texts]`.
    ends: Vec<usize>,
}

impl Joined {
    fn get(&self, code: u32) -> &str {
        let code = code as usize;
        &self.text[if code == 0 { 0 } else { self.ends[code - 1] }..self.ends[code]]
    }
}

impl Texts {
    fn find(&self, hash: u64, text: &str) -> Option<u32> {
        self.codes.find(hash, |code| self.texts.get(*code) == text).copied()
    }
}

impl Names {
    /// Returns the code of `text`, adding it when it is new.
    ///
    /// # Panics
    /// When there are 2³² − 1 texts; storage stops well before.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = self.0.hasher.hash_one(text);
        if let Some(code) = self.0.find(hash, text) {
            return code;
        }
        let Texts { texts, codes, hasher } = Arc::make_mut(&mut self.0);
        let code = u32::try_from(texts.ends.len()).expect("fewer than 2^32 distinct texts");
        texts.text.push_str(text);
        texts.ends.push(texts.text.len());
        codes.insert_unique(hash, code, |code| hasher.hash_one(texts.get(*code)));
        code
    }

    /// Returns the code of `text` if it is known.
    pub fn code(&self, text: &str) -> Option<u32> {
        self.0.find(self.0.hasher.hash_one(text), text)
    }

    /// Returns the text of `code`.
    ///
    /// # Panics
    /// When `code` was not given by this list.
    pub fn text(&self, code: u32) -> &str {
        self.0.texts.get(code)
    }

    /// Returns the number of texts.
    pub fn len(&self) -> usize {
        self.0.texts.ends.len()
    }

    /// Tells whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.texts.ends.is_empty()
    }

    /// Walks the texts in order of their codes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.0.texts.ends.len() as u32).map(|code| self.0.texts.get(code))
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut names = Self::default();
        for text in texts {
            names.intern(text);
        }
        names
    }
}
