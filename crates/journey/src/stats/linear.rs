//! Small systems of linear equations.

/// Pivots below are zero: the rows of what is solved here have entries of the order of 1.
const SMALLEST_PIVOT: f64 = 1e-12;

/// Returns X with A·X = B, both as rows; `None` when A is singular. Gaussian elimination with row pivoting, O(n³).
pub fn solve(a: &[Vec<f64>], b: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = a.len();
    let mut rows: Vec<Vec<f64>> = a.iter().zip(b).map(|(left, right)| [left.as_slice(), right.as_slice()].concat()).collect();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| rows[i][column].abs().total_cmp(&rows[j][column].abs()))?;
        if rows[pivot][column].abs() < SMALLEST_PIVOT {
            return None;
        }
        rows.swap(column, pivot);
        let scale = rows[column][column];
        rows[column].iter_mut().for_each(|x| *x /= scale);
        let leading = rows[column].clone();
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if i != column {
                row.iter_mut().zip(&leading).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    Some(rows.into_iter().map(|row| row[n..].to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_with_a_zero_on_the_diagonal_and_refuses_a_singular_matrix() {
        let x = solve(&[vec![0.0, 2.0], vec![4.0, 0.0]], &[vec![2.0], vec![12.0]]);
        assert_eq!(x, Some(vec![vec![3.0], vec![1.0]]));
        assert_eq!(solve(&[vec![1.0, 2.0], vec![2.0, 4.0]], &[vec![1.0], vec![2.0]]), None);
    }
}
