//! The few conditions that tests need; real questions take SQL, which the engine evaluates.

/// Conditions that all must hold.
pub(crate) struct Condition {
    parts: Vec<(String, Test)>,
}

enum Test {
    Equals(String),
    Differs(String),
    Missing,
}

impl Condition {
    /// Tells whether a row meets the condition; a missing value meets only `is null`.
    pub(crate) fn holds<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.parts.iter().all(|(column, test)| match (value(column), test) {
            (Some(value), Test::Equals(wanted)) => value == wanted,
            (Some(value), Test::Differs(shunned)) => value != shunned,
            (value, Test::Missing) => value.is_none(),
            (None, _) => false,
        })
    }
}

/// Reads `column = 'text'`, `column <> 'text'`, `column is null`, with `and` between several.
pub(crate) fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Condition, String> {
    let parts = text.split(" and ").map(|part| {
        let refuse = || format!("tests understand column = 'text', column <> 'text' and column is null, not \"{part}\"");
        let literal = |text: &str| {
            let text = text.trim();
            let quoted = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            quoted.or(text.parse::<i64>().ok().map(|_| text)).map(str::to_owned).ok_or_else(refuse)
        };
        let (column, test) = if let Some(column) = part.trim().strip_suffix(" is null") {
            (column, Test::Missing)
        } else if let Some((column, value)) = part.split_once("<>") {
            (column, Test::Differs(literal(value)?))
        } else if let Some((column, value)) = part.split_once('=') {
            (column, Test::Equals(literal(value)?))
        } else {
            return Err(refuse());
        };
        let column = column.trim();
        if !known(column) {
            return Err(format!("there is no property \"{column}\" in \"{part}\""));
        }
        Ok((column.to_owned(), test))
    });
    Ok(Condition { parts: parts.collect::<Result<_, String>>()? })
}
