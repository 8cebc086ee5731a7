//! Reads amounts of money: decimal text in, whole minor units (cents) out, without floating point on the way.
//!
//! `1,234.50`, `1.234,50`, `1 234,50`, `1'234.50`, `€ 12,30`, `12.30 EUR`, `-5`, `5-` and `(5.00)` are all read.
//! A lone comma before exactly three digits separates thousands, as in `1,234`; before any other number of digits, or
//! after a group that cannot be thousands (`0,123`, `1234,567`), it is the decimal sign.
//! A lone point is always the decimal sign; several points separate thousands.

/// Holds an amount in whole minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// The amount in minor units, for example cents.
    pub minor_units: i64,
    /// Whether the text had smaller parts, which were rounded half away from zero.
    pub rounded: bool,
}

/// Says why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// There is nothing to read.
    #[error("an empty text is not an amount; expected is a number as 1234.50")]
    Empty,
    /// The value is NaN or infinite.
    #[error("`{text}` is not an amount; expected is a finite number as 1234.50")]
    NotFinite {
        /// The text or value.
        text: String,
    },
    /// The text is no number.
    #[error("`{text}` is not an amount: {reason}; expected is a number as 1234.50, 1,234.50, 1.234,50 or (5.00)")]
    Shape {
        /// The text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The amount does not fit.
    #[error("`{text}` is too large an amount; expected are at most {} minor units", i64::MAX)]
    Overflow {
        /// The text or value.
        text: String,
    },
}

/// Reads an amount written with or without thousands separators, sign and currency.
pub fn parse_minor_units(text: &str, decimals: u32) -> Result<Amount, MoneyError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(MoneyError::Empty);
    }
    let (number, is_negative) = without_sign_and_currency(trimmed).ok_or_else(|| not_a_number(trimmed))?;
    let (whole, fraction) = split(number).map_err(|reason| MoneyError::Shape { text: quoted(trimmed), reason })?;
    from_digits(whole, fraction, is_negative, decimals).ok_or_else(|| MoneyError::Overflow { text: quoted(trimmed) })
}

/// Turns a floating-point amount into the nearest minor units; halves go away from zero.
///
/// The shortest decimal text of the value counts, so that 1.005 with two decimals is 1.01 although the value that the
/// machine holds is a little less.
/// A difference below a millionth of a minor unit is noise of the machine and does not count as rounded.
pub fn from_f64(value: f64, decimals: u32) -> Result<Amount, MoneyError> {
    if !value.is_finite() {
        return Err(MoneyError::NotFinite { text: value.to_string() });
    }
    let text = value.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut amount = from_digits(whole, fraction, value < 0.0, decimals).ok_or_else(|| MoneyError::Overflow { text: text.clone() })?;
    if amount.rounded {
        let scaled = value * 10f64.powi(decimals.min(30) as i32);
        amount.rounded = 1e-6 < (scaled - amount.minor_units as f64).abs();
    }
    Ok(amount)
}

/// Takes sign, parentheses and currency off, in whatever order they stand, each at most once.
fn without_sign_and_currency(text: &str) -> Option<(&str, bool)> {
    if let [first, .., last] = text.as_bytes()
        && first.is_ascii_digit()
        && last.is_ascii_digit()
    {
        return Some((text, false));
    }
    let mut rest = text;
    let (mut n_signs, mut n_currencies, mut is_negative, mut has_parentheses) = (0, 0, false, false);
    loop {
        rest = rest.trim();
        if let Some(inner) = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')) {
            if has_parentheses || 0 < n_signs {
                return None;
            }
            (rest, has_parentheses, is_negative, n_signs) = (inner, true, true, 1);
        } else if let Some((inner, sign)) = take_end(rest, |c| matches!(c, '-' | '\u{2212}' | '+')) {
            n_signs += 1;
            is_negative = sign != '+';
            rest = inner;
        } else if let Some((inner, _)) = take_end(rest, |c| matches!(c, '€' | '$' | '£' | '¥')) {
            n_currencies += 1;
            rest = inner;
        } else if let Some(inner) = without_code(rest) {
            n_currencies += 1;
            rest = inner;
        } else {
            break;
        }
    }
    let is_number = rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
    (n_signs <= 1 && n_currencies <= 1 && is_number).then_some((rest, is_negative))
}

fn take_end(text: &str, fits: impl Fn(char) -> bool) -> Option<(&str, char)> {
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    if fits(first) {
        Some((&text[first.len_utf8()..], first))
    } else if fits(last) {
        Some((&text[..text.len() - last.len_utf8()], last))
    } else {
        None
    }
}

fn without_code(text: &str) -> Option<&str> {
    let is_code = |code: &str| code.bytes().all(|b| b.is_ascii_uppercase());
    let is_letter = |c: char| c.is_alphabetic();
    if let Some((code, rest)) = text.split_at_checked(3)
        && is_code(code)
        && !rest.starts_with(is_letter)
    {
        return Some(rest);
    }
    let (rest, code) = text.split_at_checked(text.len().checked_sub(3)?)?;
    (is_code(code) && !rest.ends_with(is_letter)).then_some(rest)
}

/// Splits a number into the digits before (with their separators) and after the decimal sign.
fn split(number: &str) -> Result<(&str, &str), &'static str> {
    if !number.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return Err("it has a character that belongs to no number");
    }
    let decimal = decimal_sign(number)?;
    let (whole, fraction) = decimal.and_then(|sign| number.rsplit_once(sign)).unwrap_or((number, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it has a separator after the decimal sign");
    }
    if !number.bytes().any(|b| b.is_ascii_digit()) {
        return Err("it has no digits");
    }
    if whole.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((whole, fraction));
    }
    let mut kinds: Vec<char> = whole.chars().filter(|c| is_separator(*c)).map(same_blank).collect();
    kinds.dedup();
    if 1 < kinds.len() || decimal == kinds.first().copied() {
        return Err("its thousands are separated in more than one way");
    }
    let groups: Vec<&str> = whole.split(is_separator).collect();
    if !are_thousands(&groups) {
        return Err("its separators do not stand at thousands");
    }
    Ok((whole, fraction))
}

fn decimal_sign(number: &str) -> Result<Option<char>, &'static str> {
    let n_of = |sign: u8| number.bytes().filter(|b| *b == sign).count();
    match (n_of(b'.'), n_of(b',')) {
        (0, 0) => Ok(None),
        (1, 0) => Ok(Some('.')),
        (0, 1) => {
            let (before, after) = number.split_once(',').unwrap_or((number, ""));
            let is_thousands = after.len() == 3 && (1..=3).contains(&before.len()) && !before.starts_with('0');
            let has_groups = before.contains(is_separator);
            Ok((!is_thousands || has_groups).then_some(','))
        }
        (0, _) | (_, 0) => Ok(None),
        // Of two kinds, the last is the decimal sign and stands once.
        (n_points, n_commas) => match number.rfind(['.', ',']).map(|at| number.as_bytes()[at]) {
            Some(b'.') if n_points == 1 => Ok(Some('.')),
            Some(b',') if n_commas == 1 => Ok(Some(',')),
            _ => Err("it has several decimal signs"),
        },
    }
}

/// Says whether groups of digits are thousands: the last has three digits, those between three, or two as in India.
fn are_thousands(groups: &[&str]) -> bool {
    let [first, between @ .., last] = groups else {
        return false;
    };
    let is_grouped_by = |n: usize| between.iter().all(|g| g.len() == n) && (1..=n).contains(&first.len());
    last.len() == 3 && (is_grouped_by(3) || is_grouped_by(2))
}

fn is_separator(c: char) -> bool {
    matches!(c, '.' | ',' | '\'' | '\u{2019}') || same_blank(c) == ' '
}

/// Treats the blanks that typographers use within numbers as one.
fn same_blank(c: char) -> char {
    if matches!(c, '\u{a0}' | '\u{202f}' | '\u{2009}') { ' ' } else { c }
}

/// Puts digits together; nothing means overflow.
fn from_digits(whole: &str, fraction: &str, is_negative: bool, decimals: u32) -> Option<Amount> {
    let n_decimals = usize::try_from(decimals).ok()?;
    let (kept, cut) = fraction.split_at(n_decimals.min(fraction.len()));
    // Beyond 19 digits nothing but zeros fits, so a large number of decimals must not count up to itself.
    let n_zeros = n_decimals - kept.len();
    let mut units: i128 = 0;
    let digits = whole.bytes().filter(u8::is_ascii_digit).chain(kept.bytes());
    for digit in digits.chain(std::iter::repeat_n(b'0', n_zeros.min(40))) {
        units = units * 10 + i128::from(digit - b'0');
        if i128::from(i64::MAX) + 1 < units {
            return None;
        }
    }
    if matches!(cut.as_bytes(), [b'5'..=b'9', ..]) {
        units += 1;
    }
    let minor_units = i64::try_from(if is_negative { -units } else { units }).ok()?;
    Some(Amount { minor_units, rounded: cut.bytes().any(|digit| digit != b'0') })
}

fn not_a_number(text: &str) -> MoneyError {
    let lower = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    if matches!(lower.as_str(), "nan" | "inf" | "infinity" | "∞") {
        return MoneyError::NotFinite { text: quoted(text) };
    }
    MoneyError::Shape { text: quoted(text), reason: "it has no number between sign and currency" }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, decimals: u32, minor_units: i64) {
        assert_eq!(parse_minor_units(text, decimals), Ok(Amount { minor_units, rounded: false }), "{text}");
    }

    fn check_rounded(text: &str, decimals: u32, minor_units: i64) {
        assert_eq!(parse_minor_units(text, decimals), Ok(Amount { minor_units, rounded: true }), "{text}");
    }

    fn check_error(text: &str, expected: &str) {
        assert_eq!(parse_minor_units(text, 2).unwrap_err().to_string(), expected);
    }

    #[test]
    fn plain_numbers_are_exact() {
        check("29.33", 2, 2933);
        check("0", 2, 0);
        check("5", 2, 500);
        check("5.", 2, 500);
        check(".5", 2, 50);
        check("1.005", 3, 1005);
        check("100", 0, 100);
        check("1.230000", 2, 123);
        check("92233720368547758.07", 2, i64::MAX);
        check("-92233720368547758.08", 2, i64::MIN);
    }

    #[test]
    fn thousands_and_decimals_of_every_country() {
        check("1,234.50", 2, 123_450);
        check("1.234,50", 2, 123_450);
        check("1 234,50", 2, 123_450);
        check("1\u{a0}234\u{202f}567,50", 2, 123_456_750);
        check("1'234.50", 2, 123_450);
        check("1’234.50", 2, 123_450);
        check("1,234,567", 2, 123_456_700);
        check("1.234.567", 2, 123_456_700);
        check("1.234.567,8", 2, 123_456_780);
        check("12,34,567.89", 2, 123_456_789);
    }

    #[test]
    fn a_lone_comma_is_decimal_unless_three_digits_follow() {
        check("12,34", 2, 1_234);
        check("12,3", 2, 1_230);
        check("1,234", 2, 123_400);
        check("1,234", 3, 1_234_000);
        check_rounded("0,123", 2, 12);
        check_rounded("1234,567", 2, 123_457);
        check("1 234,567", 3, 1_234_567);
        check_rounded("1.234", 2, 123);
    }

    #[test]
    fn signs_parentheses_and_currencies() {
        check("-5", 2, -500);
        check("5-", 2, -500);
        check("+5", 2, 500);
        check("\u{2212}5", 2, -500);
        check("(5.00)", 2, -500);
        check("($5.00)", 2, -500);
        check("$(5.00)", 2, -500);
        check("-$5", 2, -500);
        check("$-5", 2, -500);
        check("€ 12,30", 2, 1_230);
        check("12,30 €", 2, 1_230);
        check("£12", 2, 1_200);
        check("12.30 EUR", 2, 1_230);
        check("USD 1,234.50", 2, 123_450);
        check("CHF1'234.50", 2, 123_450);
        check("-12.30EUR", 2, -1_230);
    }

    #[test]
    fn halves_go_away_from_zero_and_say_so() {
        check_rounded("0.125", 2, 13);
        check_rounded("-0.125", 2, -13);
        check_rounded("0.124", 2, 12);
        check_rounded("0.1249999999999999999999", 2, 12);
        check_rounded("0.5", 0, 1);
        check_rounded("0.001", 2, 0);
    }

    #[test]
    fn errors_quote_the_text_and_say_what_is_expected() {
        let expected = "expected is a number as 1234.50, 1,234.50, 1.234,50 or (5.00)";
        check_error("", "an empty text is not an amount; expected is a number as 1234.50");
        check_error("  ", "an empty text is not an amount; expected is a number as 1234.50");
        check_error("NaN", "`NaN` is not an amount; expected is a finite number as 1234.50");
        check_error("-inf", "`-inf` is not an amount; expected is a finite number as 1234.50");
        let no_number = ["free", "$", "EUR", "--5", "(-5)", "€5€", "-5-", "(5", "Infinity War 5", "()"];
        for text in no_number {
            let error = parse_minor_units(text, 2).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not an amount: ")) && error.ends_with(expected), "{error}");
        }
        check_error("1e3", &format!("`1e3` is not an amount: it has a character that belongs to no number; {expected}"));
        check_error("1,23,4", &format!("`1,23,4` is not an amount: its separators do not stand at thousands; {expected}"));
        check_error("1.2,3.4", &format!("`1.2,3.4` is not an amount: it has several decimal signs; {expected}"));
        check_error("1 234'567", &format!("`1 234'567` is not an amount: its thousands are separated in more than one way; {expected}"));
        check_error("1.5 3", &format!("`1.5 3` is not an amount: it has a separator after the decimal sign; {expected}"));
        check_error(
            "92233720368547758.08",
            "`92233720368547758.08` is too large an amount; expected are at most 9223372036854775807 minor units",
        );
    }

    #[test]
    fn absurd_decimals_overflow_and_do_not_hang() {
        assert!(parse_minor_units("1", u32::MAX).is_err());
        check("0", u32::MAX, 0);
    }

    #[test]
    fn floats_go_to_the_nearest_minor_unit() {
        let check = |value, units, rounded| {
            assert_eq!(from_f64(value, 2), Ok(Amount { minor_units: units, rounded }), "{value}");
        };
        check(29.33, 2933, false);
        check(-29.33, -2933, false);
        check(0.1 + 0.2, 30, false);
        check(1.005, 101, true);
        check(1e-300, 0, false);
        check(-0.0, 0, false);
        check(1e15, 100_000_000_000_000_000, false);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(from_f64(value, 2), Err(MoneyError::NotFinite { .. })));
        }
        assert!(matches!(from_f64(1e300, 2), Err(MoneyError::Overflow { .. })));
    }
}
