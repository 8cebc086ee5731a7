//! Guesses what the values of a column are.
//!
//! A kind is guessed where at least nine in ten values fit it, the particular kinds before the general ones.
//! Names help where values cannot tell: `1` to `2357` are identifiers under `customer_id` and numbers under `age`.

use super::time_format::TimeCounts;
use crate::money::parse_minor_units;
use crate::time::TimeFormat;

/// How many values must fit a kind, in percent.
const FITTING_PERCENT: u64 = 90;

/// After how many values the costly tests stop where fewer than half of the values fit.
const TRIED_BEFORE_GIVING_UP: u64 = 100;

/// Names what the values of a column seem to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Times.
    Time {
        /// How they are written.
        format: TimeFormat,
        /// Whether most of them name their zone or offset.
        has_zone: bool,
        /// Whether no value tells day from month; the format given is then the one with the day first.
        ambiguous: bool,
    },
    /// Whole numbers.
    Integer,
    /// Numbers, some with a fraction.
    Number,
    /// Amounts: with a currency, with separated thousands, or with two decimals under a name such as `price`.
    Money,
    /// Two truth values.
    Boolean,
    /// Addresses of pages, whole or from the root.
    Url,
    /// Addresses of mail.
    Email,
    /// Names of things that come up again: many distinct ones, such as customers or sessions.
    Identifier,
    /// Few distinct values.
    Category,
    /// A name for every row.
    UniqueId,
    /// Anything else.
    Text,
    /// No values.
    Empty,
}

/// Counts the values that fit each kind.
#[derive(Default)]
pub(super) struct Counts {
    n: u64,
    n_repeats: u64,
    n_boolean: u64,
    n_zero_or_one: u64,
    n_integer: u64,
    n_number: u64,
    /// How many numbers are whole, also where they are written as `12346.0`.
    n_whole: u64,
    n_money: u64,
    n_with_currency: u64,
    /// How many amounts have at most two decimals.
    n_exact: u64,
    n_url: u64,
    n_email: u64,
    n_code: u64,
    n_leading_zero: u64,
    /// How many values count up by one from the value before.
    n_counting_up: u64,
    integer_before: Option<i64>,
    time: TimeCounts,
}

impl Counts {
    pub(super) fn add(&mut self, text: &str, is_repeat: bool) {
        let trimmed = text.trim_ascii();
        self.n += 1;
        self.n_repeats += u64::from(is_repeat);
        self.time.add(trimmed);
        self.n_boolean += u64::from(is_boolean(trimmed));
        self.n_zero_or_one += u64::from(matches!(trimmed, "0" | "1"));
        let integer = integer(trimmed);
        self.n_integer += u64::from(integer.is_some());
        self.n_counting_up +=
            u64::from(integer.is_some_and(|i| self.integer_before.is_some_and(|before| before.checked_add(1) == Some(i))));
        self.integer_before = integer;
        self.n_leading_zero += u64::from(integer.is_some() && 1 < trimmed.len() && trimmed.starts_with('0'));
        let number = number(trimmed);
        self.n_number += u64::from(number.is_some());
        self.n_whole += u64::from(number.is_some_and(|number| number.fract() == 0.0));
        if self.n <= TRIED_BEFORE_GIVING_UP || TRIED_BEFORE_GIVING_UP <= 2 * self.n_money {
            self.add_money(trimmed);
        }
        self.n_url += u64::from(is_url(trimmed));
        self.n_email += u64::from(is_email(trimmed));
        let is_token = (1..=128).contains(&trimmed.len()) && trimmed.bytes().all(|b| b.is_ascii_graphic());
        self.n_code += u64::from(is_token && (16 <= trimmed.len() || trimmed.bytes().any(|b| b.is_ascii_digit())));
    }

    fn add_money(&mut self, text: &str) {
        let Ok(amount) = parse_minor_units(text, 2) else { return };
        self.n_money += 1;
        self.n_exact += u64::from(!amount.rounded);
        let is_amount = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '-' | '+' | '(' | ')' | ' ');
        self.n_with_currency += u64::from(!text.chars().all(is_amount));
    }

    /// Names the kind and how many values are of it.
    pub(super) fn guess(&self, name: &str, n_distinct: u64) -> (Kind, u64) {
        if self.n == 0 {
            return (Kind::Empty, 0);
        }
        let words = words(name);
        let fits = |n: u64| FITTING_PERCENT * self.n <= 100 * n;
        if self.n_boolean == self.n || (self.n_zero_or_one == self.n && n_distinct == 2) {
            return (Kind::Boolean, self.n);
        }
        if let Some(time) = self.time.best().filter(|t| fits(t.n_fitting)) {
            // Numbers that could be times may as well be identifiers, which then say so.
            let is_bare_number = fits(self.n_number);
            if !is_bare_number || !names_identifier(&words) {
                let kind = Kind::Time { format: time.format, has_zone: time.has_zone, ambiguous: time.ambiguous };
                return (kind, time.n_fitting);
            }
        }
        if fits(self.n_email) {
            return (Kind::Email, self.n_email);
        }
        if fits(self.n_url) {
            return (Kind::Url, self.n_url);
        }
        if names_identifier(&words) {
            let kind = if self.is_unique() && 1 < self.n { Kind::UniqueId } else { Kind::Identifier };
            return (kind, if fits(self.n_whole) { self.n_whole } else { self.n });
        }
        // Numbers of which some have a fraction are no integers, however few.
        if fits(self.n_integer) && self.n_integer == self.n_number {
            // Numbers do not begin with zeros, codes do.
            let is_code = self.n <= 10 * self.n_leading_zero;
            let kind = match () {
                () if self.is_unique() && (is_code || self.counts_up()) => Kind::UniqueId,
                () if !is_code => Kind::Integer,
                () if self.has_few(n_distinct) => Kind::Category,
                () => Kind::Identifier,
            };
            return (kind, self.n_integer);
        }
        let is_named_exact = names_money(&words) && fits(self.n_exact);
        if fits(self.n_money) && (self.n < 2 * self.n_with_currency || is_named_exact) {
            return (Kind::Money, self.n_money);
        }
        if fits(self.n_number) {
            return (Kind::Number, self.n_number);
        }
        if fits(self.n_money) {
            return (Kind::Money, self.n_money);
        }
        if self.is_unique() && fits(self.n_code) && 1 < self.n {
            return (Kind::UniqueId, self.n_code);
        }
        if self.has_few(n_distinct) {
            return (Kind::Category, self.n);
        }
        if fits(self.n_code) {
            return (Kind::Identifier, self.n_code);
        }
        (Kind::Text, self.n)
    }

    fn is_unique(&self) -> bool {
        self.n_repeats == 0
    }

    fn counts_up(&self) -> bool {
        20 <= self.n && self.n_counting_up + 1 == self.n
    }

    /// Says whether there are few distinct values, and each of them often enough.
    fn has_few(&self, n_distinct: u64) -> bool {
        (n_distinct <= 50 && 2 * n_distinct <= self.n) || (n_distinct <= 200 && 10 * n_distinct <= self.n)
    }
}

fn is_boolean(text: &str) -> bool {
    ["true", "false", "yes", "no", "y", "n", "t", "f"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn number(text: &str) -> Option<f64> {
    let first = text.trim_start_matches(['-', '+']).bytes().next()?;
    let may_be = first.is_ascii_digit() || first == b'.';
    text.parse().ok().filter(|number: &f64| may_be && number.is_finite())
}

fn is_url(text: &str) -> bool {
    let starts = ["http://", "https://", "ftp://", "www.", "/"];
    starts.iter().any(|s| text.starts_with(s)) && !text.bytes().any(|b| b.is_ascii_whitespace())
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
            && !host.contains('@')
            && !text.bytes().any(|b| b.is_ascii_whitespace())
    })
}

/// Splits `customerID`, `customer_id` and `Customer ID` into the same words.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (was_lower && c.is_uppercase()) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

fn names_identifier(words: &[String]) -> bool {
    const IDS: [&str; 6] = ["id", "ids", "uid", "uuid", "guid", "sku"];
    const THINGS: [&str; 11] =
        ["user", "customer", "client", "visitor", "account", "member", "household", "session", "order", "invoice", "basket"];
    const NUMBERS: [&str; 4] = ["no", "nr", "number", "key"];
    let is_thing = |word: &str| THINGS.contains(&word);
    let Some((last, before)) = words.split_last() else { return false };
    let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
    IDS.contains(&last)
        || last.strip_suffix("id").is_some_and(is_thing)
        || (before.is_empty() && is_thing(last))
        || (NUMBERS.contains(&last) && before.last().is_some_and(|word| is_thing(word)))
}

fn names_money(words: &[String]) -> bool {
    const MONEY: [&str; 16] = [
        "price", "amount", "revenue", "total", "cost", "costs", "spend", "spent", "paid", "charge", "charges", "sales", "fee", "dollars",
        "money", "value",
    ];
    words.iter().any(|w| MONEY.contains(&w.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, values: &[&str], expected: Kind) {
        let mut counts = Counts::default();
        let mut seen = std::collections::HashSet::new();
        for value in values {
            counts.add(value, !seen.insert(*value));
        }
        let (kind, _) = counts.guess(name, seen.len() as u64);
        assert_eq!(kind, expected, "{name}: {values:?}");
    }

    fn time(format: &str, has_zone: bool, ambiguous: bool) -> Kind {
        Kind::Time { format: format.parse().unwrap(), has_zone, ambiguous }
    }

    #[test]
    fn times_and_their_formats() {
        check("t", &["2014-01-07 00:00:15", "2014-01-07 00:01:11"], time("auto", false, false));
        check("t", &["2014-01-07T00:00:15Z", "2014-01-07T00:01:11+02:00"], time("auto", true, false));
        check("t", &["1389052815", "1389052871"], time("epoch_s", true, false));
        check("t", &["1389052815123", "1389052871456"], time("epoch_ms", true, false));
        check("t", &["1389052815123456", "1389052871456789"], time("epoch_us", true, false));
        check("t", &["19970101", "19970118"], time("%Y%m%d", false, false));
        check("t", &["12/1/2010 8:26", "12/13/2010 8:28"], time("%m/%d/%Y %H:%M", false, false));
        check("t", &["13/12/2010", "01/12/2010"], time("%d/%m/%Y", false, false));
        check("t", &["01/12/2010", "03/04/2011"], time("%d/%m/%Y", false, true));
        check("t", &["13.12.10", "01.12.10"], time("%d.%m.%y", false, false));
        check("t", &["07/Jan/2014:10:20:30 +0200"], time("%d/%b/%Y:%H:%M:%S %z", true, false));
        check("user_id", &["1389052815", "1389052871", "1389052871"], Kind::Identifier);
    }

    #[test]
    fn numbers_amounts_and_codes() {
        check("age", &["31", "-5", "31"], Kind::Integer);
        check("ratio", &["0.25", "1e-3", "7"], Kind::Number);
        check("units", &["2.00", "3.50"], Kind::Number);
        check("unit_price", &["2.00", "3.50"], Kind::Money);
        check("total_value", &["2.125", "3.501"], Kind::Number);
        check("spend", &["0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "29.99"], Kind::Money);
        check("CustomerID", &["12346.0", "12347.0", "12346.0"], Kind::Identifier);
        check("x", &["€ 2,00", "3,50 EUR"], Kind::Money);
        check("x", &["1,234.50", "1,000.00"], Kind::Money);
        check("customerID", &["7", "8", "7"], Kind::Identifier);
        check("order_id", &["7", "9", "12"], Kind::UniqueId);
        check("zip", &["00004", "00007", "00004"], Kind::Identifier);
        let counting: Vec<String> = (1..=30).map(|i| i.to_string()).collect();
        check("n", &counting.iter().map(String::as_str).collect::<Vec<_>>(), Kind::UniqueId);
    }

    #[test]
    fn words_and_addresses() {
        check("x", &["Yes", "No", "yes"], Kind::Boolean);
        check("x", &["0", "1", "1"], Kind::Boolean);
        check("x", &["1", "1"], Kind::Integer);
        check("x", &["https://a.b/c", "/path?x=1"], Kind::Url);
        check("x", &["a@b.de", "c.d@e.org"], Kind::Email);
        check("x", &["red", "blue", "red", "blue"], Kind::Category);
        check("x", &["7590-VHVEG", "5575-GNVDE"], Kind::UniqueId);
        check("x", &["7590-VHVEG", "5575-GNVDE", "7590-VHVEG"], Kind::Identifier);
        check("x", &["a text that goes on", "and another one"], Kind::Text);
        check("x", &[], Kind::Empty);
    }

    #[test]
    fn one_bad_value_in_ten_is_tolerated() {
        let mut values = vec!["2014-01-07"; 9];
        values.push("unknown");
        check("t", &values, time("auto", false, false));
        values.push("never");
        check("t", &values, Kind::Category);
    }

    #[test]
    fn names_are_split_into_words() {
        for name in ["customerID", "customer_id", "Customer ID", "customer-id"] {
            assert_eq!(words(name), ["customer", "id"], "{name}");
        }
        for name in ["InvoiceNo", "session", "domain_userid", "event_id2", "Customer ID"] {
            assert!(names_identifier(&words(name)), "{name}");
        }
        assert!(!names_identifier(&words("valid")) && !names_identifier(&words("session_length")));
    }
}
