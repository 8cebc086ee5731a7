//! The System Usability Scale.

/// Is one respondent's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SusScore {
    /// The score from 0 to 100, which is not a percentage.
    pub value: f64,
    /// Whether a missing answer counted as the middle one.
    pub imputed: bool,
    /// Whether all answers given are the same, which odd and even statements contradict.
    pub straight_line: bool,
}

/// Returns the score of ten answers from 1 to 5; `None` when more than one is missing or one is out of range.
///
/// The interval of several scores is that of their [`mean`](super::means::mean).
///
/// Source: Brooke 1996. METRICS 1.15.
pub fn sus_score(answers: &[Option<u8>; 10]) -> Option<SusScore> {
    let given: Vec<u8> = answers.iter().flatten().copied().collect();
    if given.len() < 9 || given.iter().any(|answer| !(1..=5).contains(answer)) {
        return None;
    }
    let points = answers.iter().enumerate().map(|(idx, answer)| {
        let answer = answer.unwrap_or(3);
        u32::from(if idx % 2 == 0 { answer - 1 } else { 5 - answer })
    });
    Some(SusScore {
        value: 2.5 * f64::from(points.sum::<u32>()),
        imputed: given.len() < answers.len(),
        straight_line: given.windows(2).all(|pair| pair[0] == pair[1]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(answers: [u8; 10]) -> SusScore {
        sus_score(&answers.map(Some)).unwrap()
    }

    // METRICS 1.15.
    #[test]
    fn scores_agree_with_the_published_values() {
        assert_eq!(score([4, 2, 4, 1, 5, 2, 4, 2, 4, 2]), SusScore { value: 80.0, imputed: false, straight_line: false });
        assert_eq!(score([3; 10]).value, 50.0);
        assert_eq!(score([5; 10]), SusScore { value: 50.0, imputed: false, straight_line: true });
        assert_eq!(score([5, 1, 5, 1, 5, 1, 5, 1, 5, 1]).value, 100.0);
    }

    #[test]
    fn one_missing_answer_is_the_middle_one() {
        let mut answers = [5, 1, 5, 1, 5, 1, 5, 1, 5, 1].map(Some);
        answers[0] = None;
        assert_eq!(sus_score(&answers), Some(SusScore { value: 95.0, imputed: true, straight_line: false }));
        answers[1] = None;
        assert_eq!(sus_score(&answers), None);
        assert_eq!(sus_score(&[Some(6); 10]), None);
        assert_eq!(sus_score(&[Some(0); 10]), None);
    }
}
