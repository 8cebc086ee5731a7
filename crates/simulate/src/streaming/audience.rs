//! The listeners, households, advertisers and labels, and what they do in the year.
//!
//! Each listener, each of their days, each subscription and each advertiser has its own stream of random numbers, and how a decision ends
//! decides only what comes after it. So taking one friction away changes exactly the listeners that it struck, and what follows.

use std::collections::BTreeMap;

use super::listening::{self, GENRES, Listening, Offer, Tap};
use super::{StreamingFriction, StreamingOptions};
use crate::accounts_truth::{ConversionEffect, CounterfactualTruth};
use crate::calendar::{self, MINUTE_MS, N_DAYS};
use crate::export::{Minutes, put_apart};
use crate::random::Random;

/// The probability to begin the free month is multiplied by this when the first sessions had playback errors.
const PLAYBACK_ERROR_RATIO: f64 = 0.55;
/// The probability to subscribe after it is multiplied by this when the first payment failed.
const PAYMENT_FAILED_RATIO: f64 = 0.50;

const PLAYBACK_ERROR_SHARE: f64 = 0.25;
const PAYMENT_FAILED_SHARE: f64 = 0.20;

/// How often an advertisement is too long, on a phone, a desktop and a television.
const AD_TOO_LONG_SHARE: [f64; 3] = [0.02, 0.02, 0.20];

const DEVICES: [&str; 3] = ["phone", "desktop", "tv"];
const TRIAL_DAYS: u32 = 30;
/// A listener who came at most this many days before the end of the year had the time to convert within it.
const DECISION_DAYS: u32 = 20 + TRIAL_DAYS;

/// What a stream is for; the files use the small numbers.
#[derive(Clone, Copy)]
enum Stream {
    Listener = 1,
    Day,
    Plan,
    Household,
    Advertiser,
    Billing,
}

fn open(seed: u64, stream: Stream, number: u32, part: u32) -> Random {
    Random::new(seed, ((stream as u64) << 56) + (u64::from(number) << 16) + u64::from(part))
}

/// One row about subscriptions, on a whole minute.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub time_ms: i64,
    pub event: &'static str,
    pub account: String,
    /// Where money moves: cents and currency.
    pub money: Option<(i64, &'static str)>,
    /// The number of the row among the account's, and of the one that is refunded.
    pub number: u32,
    pub refund_of: Option<u32>,
}

/// One row about campaigns, on a whole minute.
#[derive(Clone, Debug)]
pub(super) struct Booking {
    pub time_ms: i64,
    pub kind: &'static str,
    pub advertiser: String,
    pub channel: &'static str,
    pub campaign: String,
    pub money: Option<(i64, &'static str)>,
    pub number: u32,
    pub credit_for: Option<u32>,
}

/// One row about who belongs to which household, from and until local midnights.
#[derive(Clone, Debug)]
pub(super) struct HouseholdRecord {
    pub listener: String,
    pub household: String,
    pub role: &'static str,
    pub since: u32,
    pub until: Option<u32>,
    pub withdrawn: bool,
}

/// One attribute of a listener or an account.
#[derive(Clone, Debug)]
pub(super) struct ProfileRecord {
    pub subject: String,
    pub attribute: &'static str,
    pub value: &'static str,
    pub since: Option<u32>,
}

/// Everything that happened.
#[derive(Debug)]
pub(super) struct Audience {
    /// In the order of time, at distinct milliseconds, none of them on a whole minute.
    pub taps: Vec<Tap>,
    /// In the order of time; whole minutes, distinct per account.
    pub payments: Vec<Payment>,
    /// See `payments`.
    pub bookings: Vec<Booking>,
    pub households: Vec<HouseholdRecord>,
    pub profiles: Vec<ProfileRecord>,
    pub effects: Vec<ConversionEffect>,
    pub counterfactual: CounterfactualTruth,
}

/// Where a listener stands in a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Single,
    /// Subscribes, and some time later for two.
    Head,
    /// Leaves the decision to the head.
    Partner,
}

/// A listener.
#[derive(Clone, Debug)]
struct Listener {
    number: u32,
    id: String,
    role: Role,
    /// Whether the first day is in an earlier year.
    existing: bool,
    /// The first day, and the first one gone unless paying keeps them.
    from_day: u32,
    until_day: u32,
    device_idx: usize,
    genre: &'static str,
    /// How much music matters, 0 to 1.
    taste: f64,
    sessions_per_day: f64,
    country: &'static str,
    currency: &'static str,
    pays_already: bool,
}

/// How far a listener gets, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Free,
    Trial,
    Subscriber,
}

/// What decides it: uniform draws, and what is met on the way.
#[derive(Clone, Copy, Debug)]
struct Decision {
    trial: f64,
    subscribe: f64,
    playback_error: bool,
    payment_failed: bool,
    day: u32,
}

/// When the account of a listener or a household is paid for.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    trial_day: Option<u32>,
    /// The first day paid for, and the first one not any more.
    paid: Option<(u32, u32)>,
    /// The first day on which the household pays instead, and the first one not any more.
    household: Option<(u32, u32)>,
}

impl Audience {
    /// Simulates the year; O(listeners × days).
    pub fn simulate(options: &StreamingOptions) -> Self {
        let mut audience = Self {
            taps: Vec::new(),
            payments: Vec::new(),
            bookings: Vec::new(),
            households: Vec::new(),
            profiles: Vec::new(),
            effects: effects(options),
            counterfactual: CounterfactualTruth {
                conversion: "listeners who come to subscribe".to_owned(),
                n_converted_without: [("playback_error".to_owned(), 0), ("payment_failed".to_owned(), 0)].into(),
                ..CounterfactualTruth::default()
            },
        };
        let offers = audience.book_campaigns(options);
        let listeners: Vec<Listener> = (0..options.listeners).map(|number| Listener::draw(number, options)).collect();
        let mut minutes: Vec<Minutes> = listeners.iter().map(|_| Minutes::default()).collect();
        let mut plans: Vec<Plan> = Vec::new();
        let mut last_household: Option<String> = None;
        for listener in &listeners {
            // A partner is listed right after the head, whose plan is known by then.
            let head = (listener.role == Role::Partner).then(|| plans[listener.number as usize - 1].household).flatten();
            let plan = audience.live(listener, head, &offers, &mut minutes[listener.number as usize], options);
            plans.push(plan);
            if let (Role::Partner, Some(days)) = (listener.role, head) {
                let head = &listeners[listener.number as usize - 1];
                let household = audience.share(head, listener, days, last_household.as_deref(), options.seed);
                // Only those that are there with and without frictions, so that a friction changes nobody's second household.
                if head.pays_already {
                    last_household = Some(household);
                }
            }
        }
        audience.taps.sort_by(|a, b| (a.time_ms, &a.listener).cmp(&(b.time_ms, &b.listener)));
        put_apart(audience.taps.iter_mut().map(|tap| &mut tap.time_ms).collect());
        audience.bill_advertisers(options);
        audience.payments.sort_by(|a, b| (a.time_ms, &a.account).cmp(&(b.time_ms, &b.account)));
        audience.bookings.sort_by(|a, b| (a.time_ms, &a.advertiser).cmp(&(b.time_ms, &b.advertiser)));
        audience
    }

    /// Simulates the year of one listener; gives when what was paid for.
    fn live(
        &mut self,
        listener: &Listener,
        shared: Option<(u32, u32)>,
        offers: &[Vec<Offer>],
        minutes: &mut Minutes,
        options: &StreamingOptions,
    ) -> Plan {
        let since = (!listener.existing).then_some(listener.from_day);
        self.profiles.push(ProfileRecord { subject: listener.id.clone(), attribute: "country", value: listener.country, since });

        let mut random = open(options.seed, Stream::Plan, listener.number, 0);
        let decision = Decision {
            trial: random.unit(),
            subscribe: random.unit(),
            playback_error: random.chance(PLAYBACK_ERROR_SHARE),
            payment_failed: random.chance(PAYMENT_FAILED_SHARE),
            day: listener.from_day + random.between(6, 20) as u32,
        };
        let decides = !listener.existing && listener.role != Role::Partner;
        let reach = if decides { decision.reach(listener, options, decision.playback_error, decision.payment_failed) } else { Reach::Free };
        let checkout_day = decision.day + TRIAL_DAYS;
        let mut plan = Plan { trial_day: (Reach::Trial <= reach).then_some(decision.day), ..Plan::default() };
        let mut account = Account { id: listener.id.clone(), currency: listener.currency, n_rows: 0 };
        if listener.pays_already {
            let first_day = random.below(28) as u32;
            plan = self.subscribe(&mut account, listener, 0, first_day, minutes, &mut random);
        }

        let mut n_ads_too_long = 0;
        // Nobody leaves before having decided.
        let decided_day = if Reach::Trial <= reach { checkout_day } else { decision.day };
        let stays_until = if decides { listener.until_day.max(decided_day + 1) } else { listener.until_day };
        let mut day = listener.from_day;
        while day < N_DAYS && day < stays_until.max(plan.household.or(plan.paid).map_or(0, |(_, until_day)| until_day)) {
            let mut random = open(options.seed, Stream::Day, listener.number, day);
            let [first, decides_now, pays_now] = [
                day == listener.from_day && !listener.existing,
                decides && day == decision.day,
                reach >= Reach::Trial && day == checkout_day,
            ];
            let comes = random.chance(listener.sessions_per_day);
            if first || decides_now || pays_now || comes {
                let in_trial = plan.trial_day.is_some_and(|trial_day| trial_day < day && day <= trial_day + TRIAL_DAYS);
                let pays = plan.paid.is_some_and(|(from_day, until_day)| from_day < day && day < until_day)
                    || shared.or(plan.household).is_some_and(|(from_day, until_day)| from_day <= day && day < until_day);
                let heard: &[Offer] = if in_trial || pays { &[] } else { &offers[day as usize] };
                let start_ms = listening::start_ms(day, &mut random);
                let n_tracks = 2 + random.exponential(4.0).min(14.0) as usize;
                let [looks_at_premium, looks_again, invites] = [random.chance(0.04), random.chance(0.4), random.chance(0.03)];
                let n_errors = random.between(1, 3);
                let device = DEVICES[listener.device_idx];
                let mut session = Listening::open(&listener.id, device, listener.genre, start_ms, &mut random, &mut self.taps);
                if first && decision.playback_error && decides {
                    session.add("play");
                    for _ in 0..n_errors {
                        session.add("playback_error");
                    }
                }
                session.hear(n_tracks, heard, AD_TOO_LONG_SHARE[listener.device_idx]);
                if decides && day <= decision.day {
                    n_ads_too_long += session.n_ads_too_long;
                }
                if decides_now || (looks_at_premium && !pays && !in_trial) {
                    session.add("premium_viewed");
                }
                // By then everybody who pays has been charged.
                if pays && invites && 30 <= day {
                    session.add("friend_invited");
                }
                if decides_now && Reach::Trial <= reach {
                    session.add("trial_requested");
                    let time_ms = minutes.at(session.now_ms() + MINUTE_MS);
                    self.payments.push(account.row(time_ms, "trial_started", None, None));
                }
                if pays_now {
                    if looks_again {
                        session.add("premium_viewed");
                    }
                    session.add("checkout_opened");
                    if decision.payment_failed {
                        session.add("payment_failed");
                    }
                    if reach == Reach::Subscriber {
                        session.add("checkout_done");
                        let from_ms = session.now_ms() + MINUTE_MS;
                        let mut random = open(options.seed, Stream::Plan, listener.number, 1);
                        let time_ms = minutes.at(from_ms);
                        let money = Some((price_cents(account.currency, 1), account.currency));
                        self.payments.push(account.row(time_ms, "subscription_charged", money, None));
                        let trial_day = plan.trial_day;
                        plan = self.subscribe(&mut account, listener, day, day + 30, minutes, &mut random);
                        plan.trial_day = trial_day;
                    } else if decision.subscribe < 0.75 {
                        session.add("checkout_left");
                    }
                }
            }
            day += 1;
        }

        // The others who are still undecided when the year ends could not be seen to convert.
        if decides && listener.from_day + DECISION_DAYS < N_DAYS {
            self.tally(listener, &decision, reach, 0 < n_ads_too_long, options);
        }
        plan
    }

    fn tally(&mut self, listener: &Listener, decision: &Decision, reach: Reach, heard_too_long: bool, options: &StreamingOptions) {
        let reached = |playback_error, payment_failed| decision.reach(listener, options, playback_error, payment_failed);
        let (tried, subscribed) = (Reach::Trial <= reach, reach == Reach::Subscriber);
        let [playback_error, payment_failed, ad_too_long] = &mut self.effects[..] else { unreachable!("there are three") };
        playback_error.count(decision.playback_error, tried);
        if tried {
            payment_failed.count(decision.payment_failed, subscribed);
        }
        ad_too_long.count(heard_too_long, tried);
        let truth = &mut self.counterfactual;
        truth.n_units += 1;
        truth.n_converted += u64::from(subscribed);
        truth.n_converted_without_all += u64::from(reached(false, false) == Reach::Subscriber);
        let without = [reached(false, decision.payment_failed), reached(decision.playback_error, false)];
        for (effect, reach) in [playback_error, payment_failed].into_iter().zip(without) {
            let without = reach == Reach::Subscriber;
            effect.n_conversions_lost += u64::from(without && !subscribed);
            *truth.n_converted_without.get_mut(&effect.friction).expect("named at the start") += u64::from(without);
        }
    }

    /// Charges an account every 30 days from `charge_day` on, until it is cancelled, the card is no good any more, or a household pays.
    fn subscribe(
        &mut self,
        account: &mut Account,
        listener: &Listener,
        from_day: u32,
        charge_day: u32,
        minutes: &mut Minutes,
        random: &mut Random,
    ) -> Plan {
        let hazard = 0.02 + 0.06 * (1.0 - listener.taste);
        let household_day = from_day + random.between(20, 90) as u32;
        let household_end = if random.chance(0.15) { household_day + random.between(40, 200) as u32 } else { N_DAYS };
        let shares = listener.role == Role::Head && random.chance(0.7) && household_day < N_DAYS;
        let mut until_day = N_DAYS;
        let mut silent = false;
        for day in (charge_day..N_DAYS).step_by(30) {
            let [churns, says_nothing] = [random.chance(hazard), random.chance(0.25)];
            if churns && until_day == N_DAYS && !shares {
                (until_day, silent) = ((day + random.below(28) as u32 + 1).min(N_DAYS), says_nothing);
            }
        }
        let cancel_day = if shares { household_day } else { until_day };
        self.charge(account, 1, (charge_day, cancel_day), minutes, random);
        if cancel_day < N_DAYS && !silent {
            // Early enough for the household's first charge on the same day to come later.
            let time_ms = minutes.draw(cancel_day, [0, 5], random);
            self.payments.push(account.row(time_ms, "subscription_cancelled", None, None));
        }
        let paid = Some((from_day, cancel_day));
        Plan { paid, household: shares.then_some((household_day, household_end.min(N_DAYS))), ..Plan::default() }
    }

    fn charge(&mut self, account: &mut Account, n_people: usize, (from, until): (u32, u32), minutes: &mut Minutes, random: &mut Random) {
        for day in (from..until.min(N_DAYS)).step_by(30) {
            let cents = price_cents(account.currency, n_people);
            let time_ms = minutes.draw(day, [6, 9], random);
            let charged = account.row(time_ms, "subscription_charged", Some((cents, account.currency)), None);
            let refund_day = day + random.between(1, 10) as u32;
            if random.chance(0.02) && refund_day < until.min(N_DAYS) {
                let share = if random.chance(0.6) { cents } else { cents / 2 };
                let time_ms = minutes.draw(refund_day, [10, 16], random);
                let refund = account.row(time_ms, "subscription_refunded", Some((-share, account.currency)), Some(charged.number));
                self.payments.push(refund);
            }
            self.payments.push(charged);
        }
    }

    /// Lets two people share a household between two days; gives its id.
    fn share(
        &mut self,
        head: &Listener,
        partner: &Listener,
        (day, until_day): (u32, u32),
        last_household: Option<&str>,
        seed: u64,
    ) -> String {
        let mut random = open(seed, Stream::Household, head.number, 0);
        let id = format!("H{:06}", 500_000 + head.number);
        let mut minutes = Minutes::default();
        let mut account = Account { id: id.clone(), currency: head.currency, n_rows: 0 };
        self.charge(&mut account, 2, (day, until_day), &mut minutes, &mut random);
        if until_day < N_DAYS {
            let time_ms = minutes.draw(until_day, [17, 20], &mut random);
            self.payments.push(account.row(time_ms, "subscription_cancelled", None, None));
        }
        let leaves = random.chance(0.15);
        let leave_day = day + random.between(20, 150) as u32;
        let left = (leaves && leave_day < N_DAYS).then_some(leave_day);
        let mut member = |listener: &str, household: &str, role, since, until, withdrawn| {
            let (listener, household) = (listener.to_owned(), household.to_owned());
            self.households.push(HouseholdRecord { listener, household, role, since, until, withdrawn });
        };
        member(&head.id, &id, "payer", day, None, false);
        member(&partner.id, &id, "user", day, left, false);
        let both_day = (day + random.between(5, 40) as u32).min(N_DAYS - 1);
        match (last_household, random.pick(&[0.7, 0.2, 0.1])) {
            // Belongs to two households at once.
            (Some(last), 1) => member(&partner.id, last, "user", both_day, None, false),
            // Was written into the wrong household.
            (Some(last), 2) => member(&head.id, last, "user", both_day, None, true),
            _ => {}
        }
        self.profiles.push(ProfileRecord { subject: id.clone(), attribute: "account_kind", value: "household", since: Some(day) });
        id
    }

    /// Books the campaigns of advertisers and labels; gives what may be heard on each day, shape `[days]`.
    fn book_campaigns(&mut self, options: &StreamingOptions) -> Vec<Vec<Offer>> {
        let mut offers: Vec<Vec<Offer>> = vec![Vec::new(); N_DAYS as usize];
        for number in 0..options.advertisers {
            let mut random = open(options.seed, Stream::Advertiser, number, 0);
            let advertiser = advertiser_id(number);
            let value = if is_label(number) { "label" } else { "advertiser" };
            self.profiles.push(ProfileRecord { subject: advertiser.clone(), attribute: "account_kind", value, since: None });
            let channel = ["sales_call", "agency"][random.pick(&[0.4, 0.6])];
            let weight = random.log_normal(1.0, 0.7);
            for n in 1..=random.between(1, 3) {
                let from_day = random.below(330) as u32;
                let until_day = (from_day + random.between(30, 150) as u32).min(N_DAYS);
                let campaign = format!("{advertiser}-{n}");
                // Campaigns are booked at distinct minutes: their numbers are part of them.
                let minute = 9 * 60 + 10 * i64::from(number % 30) + n;
                let booked_day = from_day.saturating_sub(random.between(5, 20) as u32);
                self.bookings.push(Booking {
                    time_ms: calendar::utc_ms(booked_day, minute * MINUTE_MS),
                    kind: "campaign_booked",
                    advertiser: advertiser.clone(),
                    channel,
                    campaign: campaign.clone(),
                    money: None,
                    number: n as u32,
                    credit_for: None,
                });
                for day in from_day..until_day {
                    offers[day as usize].push(Offer { advertiser: advertiser.clone(), campaign: campaign.clone(), weight });
                }
            }
        }
        offers
    }

    /// Bills each month's impressions on the third of the next one.
    fn bill_advertisers(&mut self, options: &StreamingOptions) {
        let mut n_heard: BTreeMap<(&str, usize), i64> = BTreeMap::new();
        let months_ms = crate::accounts_truth::months_ms();
        for tap in &self.taps {
            if let Some((advertiser, _)) = &tap.advertiser {
                let month = months_ms.iter().filter(|start_ms| **start_ms <= tap.time_ms).count() - 1;
                *n_heard.entry((advertiser, month)).or_default() += 1;
            }
        }
        for number in 0..options.advertisers {
            let mut random = open(options.seed, Stream::Billing, number, 0);
            let advertiser = advertiser_id(number);
            let currency = if random.chance(0.3) { "USD" } else { "EUR" };
            let per_impression = random.between(3, 9);
            let mut minutes = Minutes::default();
            let mut n_rows = 100;
            for month in 1..12 {
                let Some(n_impressions) = n_heard.get(&(advertiser.as_str(), month - 1)) else { continue };
                let first_day = (0..N_DAYS).find(|&day| calendar::month(day) == month).expect("a year has twelve months");
                let cents = 25_000 + per_impression * n_impressions;
                let row = |time_ms, kind, cents, number, credit_for| Booking {
                    time_ms,
                    kind,
                    advertiser: advertiser.clone(),
                    channel: "",
                    campaign: String::new(),
                    money: Some((cents, currency)),
                    number,
                    credit_for,
                };
                let invoice = row(minutes.draw(first_day + 2, [7, 8], &mut random), "ad_invoice", cents, n_rows, None);
                n_rows += 1;
                if random.chance(0.08) {
                    let share = cents / random.between(2, 4);
                    let time_ms = minutes.draw(first_day + random.between(5, 20) as u32, [15, 17], &mut random);
                    self.bookings.push(row(time_ms, "ad_credit_note", -share, n_rows, Some(invoice.number)));
                    n_rows += 1;
                }
                self.bookings.push(invoice);
            }
        }
    }
}

impl Decision {
    fn reach(&self, listener: &Listener, options: &StreamingOptions, playback_error: bool, payment_failed: bool) -> Reach {
        let ratio = |met: bool, friction, ratio| if met && !options.effects_off.contains(&friction) { ratio } else { 1.0 };
        let by_device = [1.0, 0.95, 0.55][listener.device_idx];
        let trial =
            (0.3 + 0.5 * listener.taste) * by_device * ratio(playback_error, StreamingFriction::PlaybackError, PLAYBACK_ERROR_RATIO);
        if trial <= self.trial {
            return Reach::Free;
        }
        let subscribe = (0.5 + 0.4 * listener.taste) * ratio(payment_failed, StreamingFriction::PaymentFailed, PAYMENT_FAILED_RATIO);
        if subscribe <= self.subscribe { Reach::Trial } else { Reach::Subscriber }
    }
}

/// An account that is charged.
struct Account {
    id: String,
    currency: &'static str,
    n_rows: u32,
}

impl Account {
    fn row(&mut self, time_ms: i64, event: &'static str, money: Option<(i64, &'static str)>, refund_of: Option<u32>) -> Payment {
        self.n_rows += 1;
        Payment { time_ms, event, account: self.id.clone(), money, number: self.n_rows, refund_of }
    }
}

fn price_cents(currency: &str, n_people: usize) -> i64 {
    match (currency, n_people) {
        ("USD", 1) => 1_099,
        ("USD", _) => 1_699,
        (_, 1) => 999,
        _ => 1_599,
    }
}

/// Says whether an advertiser is a label: every fifth is.
fn is_label(number: u32) -> bool {
    number % 5 == 4
}

fn advertiser_id(number: u32) -> String {
    format!("{}{:04}", if is_label(number) { "LB" } else { "AD" }, 1_000 + number)
}

impl Listener {
    fn draw(number: u32, options: &StreamingOptions) -> Self {
        // Every fifth pair is one of head and partner.
        let pair = number / 2;
        let role = match (open(options.seed, Stream::Household, pair, 1).chance(0.2), number % 2) {
            (true, 0) if number + 1 < options.listeners => Role::Head,
            (true, 1) => Role::Partner,
            _ => Role::Single,
        };
        let mut random = open(options.seed, Stream::Listener, number, 0);
        let existing = random.chance(0.35);
        let from_day = if existing { 0 } else { random.below(u64::from(N_DAYS)) as u32 };
        let leaves = random.chance(0.5);
        let stay_days = 1 + random.exponential(90.0) as u32;
        let country = ["AT", "DE", "US"][random.pick(&[0.4, 0.35, 0.25])];
        let taste = (0.5 + 0.22 * random.normal()).clamp(0.02, 0.98);
        Self {
            number,
            // A bijection on 0..2^20 scatters the numbers, so that they say nothing about the kind of listener.
            id: format!("L{:07}", 1_000_000 + (number.wrapping_mul(0x9_e375).wrapping_add(0x4_2a17) & 0xf_ffff)),
            role,
            existing,
            from_day,
            until_day: if leaves { (from_day + stay_days).min(N_DAYS) } else { N_DAYS },
            device_idx: random.pick(&[0.55, 0.25, 0.2]),
            genre: GENRES[random.pick(&[0.3, 0.25, 0.1, 0.1, 0.15, 0.1])],
            taste,
            sessions_per_day: (random.log_normal(0.028, 0.6) * (0.4 + 1.2 * taste)).min(0.9),
            country,
            currency: if country == "US" { "USD" } else { "EUR" },
            pays_already: existing && role != Role::Partner && random.chance(0.35),
        }
    }
}

fn effects(options: &StreamingOptions) -> Vec<ConversionEffect> {
    let effect = |friction: &str, causal: bool, planted_ratio: f64, base: &str, outcome: &str, note: &str| ConversionEffect {
        friction: friction.to_owned(),
        causal,
        unit: "listener".to_owned(),
        base: base.to_owned(),
        outcome: outcome.to_owned(),
        planted_ratio,
        n_met: 0,
        n_met_outcome: 0,
        n_clean: 0,
        n_clean_outcome: 0,
        n_conversions_lost: 0,
        note: note.to_owned(),
    };
    let ratio = |friction, ratio| if options.effects_off.contains(&friction) { 1.0 } else { ratio };
    let playback_error = ratio(StreamingFriction::PlaybackError, PLAYBACK_ERROR_RATIO);
    let payment_failed = ratio(StreamingFriction::PaymentFailed, PAYMENT_FAILED_RATIO);
    let base = "listeners who came 50 days before the end of the year or earlier and decide for themselves";
    vec![
        effect(
            "playback_error",
            playback_error < 1.0,
            playback_error,
            base,
            "trial_started",
            "It strikes the first session at random, so the plain comparison is fair.",
        ),
        effect(
            "payment_failed",
            payment_failed < 1.0,
            payment_failed,
            "those of them who began the free month",
            "subscription_charged at its end",
            "It strikes the checkout at random, so the plain comparison at this point is fair.",
        ),
        effect(
            "ad_too_long",
            false,
            1.0,
            base,
            "trial_started",
            "Televisions play long advertisements more often, and who listens there has less in mind: within one device little is left.",
        ),
    ]
}
