//! The nearest known word to one that is not known, for "did you mean".

/// Returns the candidate nearest to `word`, when one is near enough to be a likely slip.
///
/// Distance is Levenshtein's with swaps of neighbours, on lower-cased characters; at most a third of the word may differ.
/// O(|word| × Σ|candidate|).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let limit = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Writes `, did you mean "x"?` when a near word is known, nothing otherwise.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |near| format!(", did you mean \"{near}\"?"))
}

/// Counts the insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (row[j] + usize::from(x != y)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_slip_and_leaves_strangers_alone() {
        assert_eq!(nearest("add_to_crat", ["view", "add_to_cart"]), Some("add_to_cart"));
        assert_eq!(nearest("Purchase", ["purchase", "refund"]), Some("purchase"));
        assert_eq!(nearest("veiw", ["view", "cart"]), Some("view"));
        assert_eq!(nearest("logout", ["view", "cart"]), None);
    }
}
