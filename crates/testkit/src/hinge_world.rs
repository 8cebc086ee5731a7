//! Worlds of accounts with known truth for the hinge: what each friction really cost, with the traps that mislead comparisons.
//!
//! Accounts sign up and walk five steps to a purchase. What misleads:
//! - motivated people click more, come back more often and repeat more steps, so they meet more of everything and still buy;
//! - people on phones have slower pages and less motivation;
//! - each account has a motivation of its own that nothing in the data shows; it moves going on and coming back;
//! - long journeys meet more of everything.
//!
//! A friction with an effect multiplies the chance of going on at the visit at which it strikes.
//! Every draw is a hash of seed, account, step, visit and purpose, so a world without a friction is the same draws again
//! (common random numbers), and the accounts that a friction cost can be counted one by one.

use diptych_event::time::{DAY_US, HOUR_US, SECOND_US};

use crate::generate::Random;
use crate::world::{CodeOrder, Row, START_US, World};

/// Names of the signals, as rows of account timelines.
pub const HINGE_SIGNALS: [&str; 6] = [
    "friction:payment_failed",
    "friction:form_error",
    "task:checkout:failed",
    "friction:error",
    "friction:slow_page",
    "friction:rage_click",
];

/// The spec of these worlds.
pub const HINGE_SPEC: &str = "format: 1
stages:
  - name: trial
    enter: signup
    leave: cancel
    lost_after: 14d
    path: [browse, product, cart, address, pay]
  - { name: purchase, enter: buy, final: true }
hinge:
  strata: [device, channel]
";

const STEPS: [&str; 5] = ["browse", "product", "cart", "address", "pay"];
const MINUTE_US: i64 = 60 * SECOND_US;
/// Times that an account comes back at most; so nobody is still on the way when `lost_after` has passed.
const MAX_RETURNS: usize = 8;
/// Days in which accounts sign up, and on which observation ends.
const SIGNUP_DAYS: usize = 240;
const OBSERVED_DAYS: i64 = 250;
const LOST_AFTER_DAYS: i64 = 14;

/// What a hinge world is like.
#[derive(Debug, Clone, Copy)]
pub struct HingeOptions {
    /// Accounts that sign up.
    pub n_accounts: usize,
    /// What each signal does to the chance of going on, by the position in [`HINGE_SIGNALS`]; 1 for nothing.
    pub factors: [f64; 6],
    /// How many times as often as usual signals strike.
    pub frequency: f64,
    /// Seed of all draws.
    pub seed: u64,
}

/// A world with the truth about it.
#[derive(Debug)]
pub struct HingeWorld {
    /// The account timelines.
    pub world: World,
    /// End of observation in microseconds.
    pub observed_until_us: i64,
    /// Accounts that would not have been lost without each signal alone, net of those lost for its absence.
    pub lost_by: [i64; 6],
    /// The same without all signals at once.
    pub lost_by_all: i64,
    /// Accounts lost among those that signed up early enough.
    pub n_lost: i64,
}

/// Makes a world and its truth.
pub fn hinge_world(options: &HingeOptions) -> HingeWorld {
    let mut rows = Vec::new();
    let (mut lost_by, mut lost_by_all, mut n_lost) = ([0; 6], 0, 0);
    let observed_until_us = START_US + OBSERVED_DAYS * DAY_US;
    for account in 0..options.n_accounts {
        let person = Person::draw(options, account);
        let is_lost = person.live([false; 6], &mut |row| rows.push(row));
        if person.signup_us + LOST_AFTER_DAYS * DAY_US > observed_until_us {
            continue;
        }
        let saved = |removed: [bool; 6]| i64::from(is_lost) - i64::from(person.live(removed, &mut |_| {}));
        n_lost += i64::from(is_lost);
        lost_by_all += saved([true; 6]);
        for (signal, lost) in lost_by.iter_mut().enumerate() {
            let mut removed = [false; 6];
            removed[signal] = true;
            *lost += saved(removed);
        }
    }
    rows.retain(|row: &Row| row.time_us <= observed_until_us);
    HingeWorld { world: World::new(rows, CodeOrder::Arrival), observed_until_us, lost_by, lost_by_all, n_lost }
}

/// How motivated the people of a channel are: `(name, going on, coming back, clicks, steps repeated)`.
const CHANNELS: [(&str, f64, f64, f64, usize); 3] =
    [("ad", 0.88, 0.25, 1.0, 0), ("search", 1.0, 0.4, 2.0, 1), ("friend", 1.1, 0.55, 4.0, 2)];

/// One account before anything happens to it.
struct Person<'a> {
    options: &'a HingeOptions,
    account: usize,
    signup_us: i64,
    is_phone: bool,
    channel: (&'static str, f64, f64, f64, usize),
    /// Motivation that nothing in the data shows: a factor of going on and of coming back.
    motivation: f64,
}

/// What a draw decides.
#[derive(Clone, Copy)]
enum Draw {
    Strikes(usize),
    GoesOn,
    ComesBack,
    Cancels,
    Pause,
}

impl<'a> Person<'a> {
    fn draw(options: &'a HingeOptions, account: usize) -> Self {
        // One in twenty accounts shares its member, and so its motivation and habits, with the account before it.
        let shares = account % 20 == 1;
        let mut random = Random::new(options.seed.wrapping_mul(0x9e37_79b9).wrapping_add((account - usize::from(shares)) as u64 * 7_919));
        let mut share = || random.next() as f64 / u64::MAX as f64;
        let is_phone = share() < 0.55;
        // Phones and low motivation go together.
        let (ad, search) = if is_phone { (0.5, 0.3) } else { (0.25, 0.35) };
        let which = share();
        let channel = CHANNELS[usize::from(which > ad) + usize::from(which > ad + search)];
        let motivation = [0.8, 0.95, 1.1][(share() * 3.0) as usize % 3];
        let signup_us = START_US + (share() * SIGNUP_DAYS as f64 * DAY_US as f64) as i64 + account as i64;
        Self { options, account, signup_us, is_phone, channel, motivation }
    }

    /// Returns the number in [0, 1) that decides something at a visit to a step.
    fn uniform(&self, step: usize, visit: usize, draw: Draw) -> f64 {
        let draw = match draw {
            Draw::Strikes(signal) => signal,
            Draw::GoesOn => 6,
            Draw::ComesBack => 7,
            Draw::Cancels => 8,
            Draw::Pause => 9,
        };
        let place = (self.account as u64 * 16 + step as u64) * 64 + visit as u64;
        let mut random = Random::new(self.options.seed ^ (place * 16 + draw as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        (random.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns the chance that a signal strikes at a visit. It depends on the place, the device and the channel alone.
    fn chance(&self, signal: usize, step: usize, visit: usize) -> f64 {
        let n_repeated = if visit > 0 { self.channel.4 } else { 0 };
        // A repeated step is a chance to meet again what strikes there.
        let reaches_back = |from: usize| step >= from && step - from <= n_repeated;
        let chance = match signal {
            0 => f64::from(u8::from(step == 5)) * if self.is_phone { 0.3 } else { 0.22 },
            1 => f64::from(u8::from(reaches_back(4))) * if self.is_phone { 0.3 } else { 0.2 },
            2 => f64::from(u8::from(reaches_back(3))) * 0.2,
            3 => 1.0 - 0.94_f64.powf(self.channel.3 * (1 + n_repeated) as f64),
            4 => {
                if self.is_phone {
                    0.25
                } else {
                    0.05
                }
            }
            _ => {
                if visit > 0 {
                    0.15
                } else {
                    0.05
                }
            }
        };
        (chance * self.options.frequency).min(0.9)
    }

    /// Lives one life; gives its rows to `emit` and returns whether the account was lost.
    fn live(&self, removed: [bool; 6], emit: &mut impl FnMut(Row)) -> bool {
        let mut tie = 0;
        let mut row = |time_us: i64, name: &str, revenue_cents: Option<i64>| {
            let mut properties = vec![
                ("device".to_owned(), if self.is_phone { "phone" } else { "desktop" }.to_owned()),
                ("channel".to_owned(), self.channel.0.to_owned()),
            ];
            if self.account % 20 < 2 {
                properties.push(("member".to_owned(), format!("m{:05}", self.account / 20)));
            }
            properties.extend(revenue_cents.map(|cents| ("revenue_cents".to_owned(), cents.to_string())));
            let actor = format!("a{:05}", self.account);
            emit(Row { actor, time_us, tie, name: name.to_owned(), interactive: true, properties });
            tie += 1;
        };
        let mut now_us = self.signup_us;
        row(now_us - SECOND_US, "session:started", None);
        row(now_us, "signup", None);
        let (mut step, mut visit, mut n_returns) = (0, 0, 0);
        loop {
            let mut goes_on = [0.72, 0.72, 0.74, 0.74, 0.7, 0.72][step] * self.channel.1 * self.motivation;
            goes_on *= if self.is_phone { 0.94 } else { 1.06 };
            for (signal, name) in HINGE_SIGNALS.iter().enumerate() {
                if !removed[signal] && self.uniform(step, visit, Draw::Strikes(signal)) < self.chance(signal, step, visit) {
                    goes_on *= self.options.factors[signal];
                    row(now_us + (10 + 5 * signal as i64) * SECOND_US, name, None);
                }
            }
            now_us += 2 * MINUTE_US + (self.uniform(step, visit, Draw::Pause) * 3.0) as i64 * MINUTE_US;
            if self.uniform(step, visit, Draw::GoesOn) < goes_on.min(0.97) {
                if step == STEPS.len() {
                    let cents = 2_000 + (self.uniform(step, visit, Draw::ComesBack) * 6_000.0) as i64;
                    row(now_us, "buy", Some(cents));
                    return false;
                }
                row(now_us, STEPS[step], None);
                (step, visit) = (step + 1, 0);
                continue;
            }
            let comes_back = self.channel.2 * self.motivation;
            if n_returns == MAX_RETURNS || self.uniform(step, visit, Draw::ComesBack) >= comes_back {
                if self.uniform(step, visit, Draw::Cancels) < 0.1 {
                    row(now_us + HOUR_US, "cancel", None);
                }
                return true;
            }
            n_returns += 1;
            visit += 1;
            now_us += 20 * HOUR_US + (self.uniform(step, visit, Draw::Pause) * 8.0) as i64 * HOUR_US;
            row(now_us - SECOND_US, "session:started", None);
            for repeated in &STEPS[step.saturating_sub(self.channel.4)..step] {
                row(now_us, repeated, None);
                now_us += SECOND_US;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seed: u64) -> HingeOptions {
        HingeOptions { n_accounts: 300, factors: [0.6, 0.7, 1.0, 1.0, 1.0, 1.0], frequency: 1.0, seed }
    }

    #[test]
    fn a_seed_makes_one_world_and_effects_cost_accounts() {
        let (one, two) = (hinge_world(&options(1)), hinge_world(&options(1)));
        assert_eq!(one.world.rows(), two.world.rows());
        assert_ne!(one.world.rows(), hinge_world(&options(2)).world.rows());
        assert_eq!(one.lost_by[2..], [0; 4], "what has no effect costs nobody");
        assert!(one.lost_by[0] > 0 && one.lost_by_all >= one.lost_by[0], "{:?} {}", one.lost_by, one.lost_by_all);
        assert!(one.lost_by_all < one.n_lost);
    }

    #[test]
    fn nothing_costs_anybody_in_a_null_world() {
        let null = hinge_world(&HingeOptions { factors: [1.0; 6], ..options(3) });
        assert_eq!((null.lost_by, null.lost_by_all), ([0; 6], 0));
        for signal in HINGE_SIGNALS {
            assert!(null.world.rows().iter().any(|row| row.name == signal), "{signal} strikes");
        }
    }
}
