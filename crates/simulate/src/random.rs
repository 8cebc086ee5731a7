//! Random numbers that are a pure function of a seed and a stream number.
//!
//! Useful for: simulations that must give the same rows on every machine and for every order of work.
//! Not useful for: secrets.
//!
//! Logarithm and exponential are computed here with the four IEEE operations only,
//! because those of the platform's libm differ in the last bit and would change a row now and then.

/// The increment of splitmix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes 64 bits; a bijection, so distinct inputs give distinct outputs (splitmix64's finaliser).
#[inline]
pub fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A splitmix64 generator: 8 bytes of state, period 2^64.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Opens the given stream of the given seed; streams of one seed are independent for the purposes of a simulation.
    #[inline]
    pub fn new(seed: u64, stream: u64) -> Self {
        let key = mix(seed.wrapping_add(GOLDEN_GAMMA));
        Self { state: mix(key ^ mix(stream.wrapping_mul(GOLDEN_GAMMA).wrapping_add(1))) }
    }

    /// Draws 64 uniform bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Draws a number in [0, 1), a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Draws an integer in 0..n; the bias is below n / 2^64.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(0 < n);
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Draws an integer in lo..=hi.
    #[inline]
    pub fn between(&mut self, lo: i64, hi: i64) -> i64 {
        assert!(lo <= hi);
        lo + self.below((hi - lo) as u64 + 1) as i64
    }

    /// Says yes with the given probability.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Draws from the exponential distribution with the given mean.
    #[inline]
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * ln(1.0 - self.unit())
    }

    /// Draws from an approximately normal distribution, mean 0 and deviation 1, within -6..6 (the sum of 12 uniform numbers).
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Draws from a log-normal distribution with the given median; `sigma` is the deviation of the logarithm.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * self.normal())
    }

    /// Picks a position in proportion to its weight; O(weights). For large tables see [`Alias`].
    pub fn pick(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut left = self.unit() * total;
        for (idx, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return idx;
            }
        }
        weights.len() - 1
    }
}

/// A table that picks a position in proportion to its weight in O(1) (Walker 1977; Vose 1991).
#[derive(Clone, Debug)]
pub struct Alias {
    /// Shape `[n]`: the share of the position's own cell that is its own, as a fraction of 2^32.
    own: Vec<u32>,
    /// Shape `[n]`: who has the rest of the cell.
    other: Vec<u32>,
}

impl Alias {
    /// Builds the table from weights, not all zero; O(n).
    pub fn new(weights: &[f64]) -> Self {
        let n = weights.len();
        assert!(0 < n);
        let total: f64 = weights.iter().sum();
        assert!(0.0 < total);
        let mut scaled: Vec<f64> = weights.iter().map(|w| w * n as f64 / total).collect();
        let mut own = vec![u32::MAX; n];
        let mut other: Vec<u32> = (0..n as u32).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| scaled[i] < 1.0);
        while let (Some(&s), Some(&l)) = (small.last(), large.last()) {
            small.pop();
            own[s] = (scaled[s] * 4_294_967_295.0) as u32;
            other[s] = l as u32;
            scaled[l] -= 1.0 - scaled[s];
            if scaled[l] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        Self { own, other }
    }

    /// Builds a Zipf table: position i has weight (i + 1)^-exponent.
    pub fn zipf(n: usize, exponent: f64) -> Self {
        let weights: Vec<f64> = (0..n).map(|i| exp(-exponent * ln((i + 1) as f64))).collect();
        Self::new(&weights)
    }

    /// Draws a position in 0..n.
    #[inline]
    pub fn draw(&self, random: &mut Random) -> usize {
        let bits = random.next_u64();
        let cell = (((bits >> 32) * self.own.len() as u64) >> 32) as usize;
        if (bits as u32) < self.own[cell] { cell } else { self.other[cell] as usize }
    }
}

/// Computes the natural logarithm of a normal positive number, to about 1e-15 relative, alike on every machine.
pub fn ln(x: f64) -> f64 {
    assert!(0.0 < x);
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if std::f64::consts::SQRT_2 < mantissa {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln(m) = 2 artanh((m - 1) / (m + 1)), a series in a number of at most 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let mut sum = 0.0;
    for odd in (0..11).rev() {
        sum = sum * s2 + 1.0 / (2 * odd + 1) as f64;
    }
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * sum
}

/// Computes e^x for |x| < 700, to about 1e-15 relative, alike on every machine.
pub fn exp(x: f64) -> f64 {
    assert!(-700.0 < x && x < 700.0);
    let power = (x / std::f64::consts::LN_2).round();
    let rest = x - power * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for k in (1..16).rev() {
        sum = 1.0 + sum * rest / k as f64;
    }
    sum * f64::from_bits(((1023 + power as i64) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_exponential_agree_with_the_platform() {
        for i in 1..2000 {
            let x = f64::from(i) * 0.037;
            assert!((ln(x) - x.ln()).abs() < 1e-14 * (1.0 + x.ln().abs()), "ln {x}");
            let y = f64::from(i) * 0.01 - 10.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-13, "exp {y}");
        }
    }

    #[test]
    fn streams_are_reproducible_and_differ() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..4).map(|_| random.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn alias_table_keeps_the_weights() {
        let weights = [5.0, 0.0, 1.0, 3.0, 1.0];
        let table = Alias::new(&weights);
        let mut random = Random::new(7, 0);
        let mut n_drawn = [0u32; 5];
        for _ in 0..100_000 {
            n_drawn[table.draw(&mut random)] += 1;
        }
        for (n, weight) in n_drawn.iter().zip(weights) {
            assert!((f64::from(*n) / 100_000.0 - weight / 10.0).abs() < 0.006, "{n_drawn:?}");
        }
        assert_eq!(n_drawn[1], 0);
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut random = Random::new(3, 1);
        let n = 100_000;
        let mean = (0..n).map(|_| random.exponential(4.0)).sum::<f64>() / f64::from(n);
        assert!((mean - 4.0).abs() < 0.06, "{mean}");
        let squares = (0..n).map(|_| random.normal()).map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!((squares - 1.0).abs() < 0.02, "{squares}");
        let picked = (0..n).filter(|_| random.pick(&[1.0, 3.0]) == 1).count();
        assert!((picked as f64 / f64::from(n) - 0.75).abs() < 0.006);
    }
}
