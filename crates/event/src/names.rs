//! A list of distinct texts with a number for each: event names and the values of text properties.

use std::collections::HashMap;
use std::sync::Arc;

/// Distinct texts in order of first appearance; the code of a text is its position.
///
/// Useful for: comparing and grouping by number instead of by text.
/// Not useful for: ordering; codes depend on arrival, so no answer may depend on them.
/// A clone is a handle to the same texts until one of the two is added to.
#[derive(Debug, Default, Clone)]
pub struct Names(Arc<Texts>);

#[derive(Debug, Default, Clone)]
struct Texts {
    texts: Vec<Box<str>>,
    codes: HashMap<Box<str>, u32>,
}

impl Names {
    /// Returns the code of `text`, adding it when it is new.
    ///
    /// # Panics
    /// When there are 2³² − 1 texts; storage stops well before.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(code) = self.0.codes.get(text) {
            return *code;
        }
        let own = Arc::make_mut(&mut self.0);
        let code = u32::try_from(own.texts.len()).expect("fewer than 2^32 distinct texts");
        own.texts.push(text.into());
        own.codes.insert(text.into(), code);
        code
    }

    /// Returns the code of `text` if it is known.
    pub fn code(&self, text: &str) -> Option<u32> {
        self.0.codes.get(text).copied()
    }

    /// Returns the text of `code`.
    ///
    /// # Panics
    /// When `code` was not given by this list.
    pub fn text(&self, code: u32) -> &str {
        &self.0.texts[code as usize]
    }

    /// Returns the number of texts.
    pub fn len(&self) -> usize {
        self.0.texts.len()
    }

    /// Tells whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.texts.is_empty()
    }

    /// Walks the texts in order of their codes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.texts.iter().map(|text| &**text)
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
