//! The people of the town and what each of them does in the year.
//!
//! Each person, and each visit of a person, has its own stream of random numbers,
//! and no visit depends on how an earlier one ended, except for who is logged in.
//! So taking one friction away changes exactly the visits that it struck.

use super::shop;
use super::visit::{self, Click, Occasion, Tallies, Tally};
use crate::calendar::{self, HOUR_MS, MINUTE_MS, N_DAYS};
use crate::random::{Random, mix};

/// The streams of people start here, those of their visits at twice that; the files use the small ones.
const PEOPLE_STREAM: u64 = 1 << 32;
const VISIT_STREAM: u64 = 1 << 62;

/// Everything that happened, in the order of time.
#[derive(Debug)]
pub(super) struct Town {
    pub clicks: Vec<Click>,
    pub receipts: Vec<Receipt>,
    pub contacts: Vec<Contact>,
    pub n_visits: u64,
    pub payment_failed: Tally,
    pub slow_page: Tally,
    pub error_shown: Tally,
}

/// What a receipt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiptKind {
    Purchase,
    Refund,
}

impl ReceiptKind {
    /// Gives the name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Refund => "refund",
        }
    }
}

/// One row of the till.
#[derive(Clone, Debug)]
pub(super) struct Receipt {
    /// The person, and the number of the receipt among the person's.
    pub key: (u32, u32),
    /// On a whole minute.
    pub time_ms: i64,
    pub customer: String,
    pub kind: ReceiptKind,
    /// Above 0 for a purchase, below for a refund.
    pub cents: i64,
    pub refund_of: Option<(u32, u32)>,
    pub product: &'static str,
}

/// One contact by newsletter, phone or post.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub time_ms: i64,
    pub kind: &'static str,
    pub customer: String,
    pub channel: &'static str,
    pub topic: &'static str,
}

/// One person.
#[derive(Debug)]
struct Person {
    number: u32,
    /// The customer id and loyalty card, written only where the bakery knows it.
    customer: String,
    /// The channel of the first visit.
    discovery: &'static str,
    /// The first day in town, and the first day gone.
    from_day: u32,
    until_day: u32,
    /// Whether the first day is in this year, with a visit to the web shop.
    newcomer: bool,
    web_per_day: f64,
    counter_per_day: f64,
    decided: f64,
    appetite: f64,
    /// Shape `[devices]`: how often each is used.
    device_weights: [f64; 3],
    /// Shape `[devices]`: whose browser it is.
    device_owner: [u32; 3],
    has_account: bool,
    reads_newsletter: Option<f64>,
    calls_per_day: f64,
    birthday: Option<u32>,
}

impl Town {
    /// Simulates the year; O(people × days).
    pub fn simulate(n_customers: u32, seed: u64) -> Self {
        // Most customers are regulars; the rest are the few of the passing visitors who order.
        let n_regulars = n_customers * 19 / 20;
        let n_passing = n_customers * 5 / 4;
        let mut town = Self {
            clicks: Vec::new(),
            receipts: Vec::new(),
            contacts: Vec::new(),
            n_visits: 0,
            payment_failed: Tally::default(),
            slow_page: Tally::default(),
            error_shown: Tally::default(),
        };
        let mut tallies = Tallies::default();
        for number in 0..n_regulars + n_passing {
            let mut random = Random::new(seed, PEOPLE_STREAM + u64::from(number));
            let person = if number < n_regulars { regular(number, &mut random) } else { passing(number, &mut random) };
            live(&person, seed, &mut random, &mut tallies, &mut town);
        }
        Tallies { payment_failed: town.payment_failed, slow_page: town.slow_page, error_shown: town.error_shown } = tallies;
        // Stable sorts: what happened at one instant stays in the order of the people.
        town.clicks.sort_by_key(|click| click.time_ms);
        town.receipts.sort_by_key(|receipt| receipt.time_ms);
        town.contacts.sort_by_key(|contact| contact.time_ms);
        town
    }
}

/// Makes someone who buys here over months or years, at the counter, on the web or both.
fn regular(number: u32, random: &mut Random) -> Person {
    let newcomer = random.chance(0.4);
    let from_day = if newcomer { random.below(u64::from(N_DAYS)) as u32 } else { 0 };
    let until_day = if random.chance(0.25) { random.between(i64::from(from_day) + 1, i64::from(N_DAYS)) as u32 } else { N_DAYS };
    let has_card = random.chance(0.78);
    let uses_web = !has_card || random.chance(0.72);
    Person {
        web_per_day: if uses_web { random.log_normal(0.013, 0.8).min(0.4) } else { 0.0 },
        counter_per_day: if has_card { random.log_normal(0.06, 0.9).min(0.8) } else { 0.0 },
        newcomer: newcomer && uses_web,
        has_account: !newcomer && uses_web && random.chance(0.6),
        reads_newsletter: (has_card && random.chance(0.45)).then(|| 0.15 + 0.5 * random.unit()),
        birthday: (has_card && random.chance(0.6)).then(|| random.below(u64::from(N_DAYS)) as u32),
        calls_per_day: if has_card { 0.0008 } else { 0.0 },
        appetite: 1.0,
        ..anyone(number, from_day, until_day, random)
    }
}

/// Makes someone who looks at the web shop for a few days; few of them order, fewer stay.
fn passing(number: u32, random: &mut Random) -> Person {
    let from_day = loop {
        let day = random.below(u64::from(N_DAYS)) as u32;
        if random.chance(shop::season(day) / 3.2) {
            break day;
        }
    };
    let stays = random.chance(0.1);
    Person {
        newcomer: true,
        web_per_day: if stays { 0.012 } else { 0.03 },
        appetite: 0.22,
        ..anyone(number, from_day, if stays { N_DAYS } else { (from_day + 21).min(N_DAYS) }, random)
    }
}

fn anyone(number: u32, from_day: u32, until_day: u32, random: &mut Random) -> Person {
    let discovery = ["maps", "ads", "search", "referral", "direct"][random.pick(&[0.28, 0.22, 0.2, 0.12, 0.18])];
    let weight = |random: &mut Random, share: f64, weight: f64| {
        if random.chance(share) { weight * (0.3 + random.unit()) } else { 0.0 }
    };
    let device_weights = [weight(random, 0.85, 1.0), weight(random, 0.6, 0.8), weight(random, 0.25, 0.4)];
    let mut device_owner = [number; 3];
    // Some share the tablet of the household before them.
    if 0 < number && random.chance(0.03) {
        device_owner[2] = number - 1;
    }
    Person {
        number,
        // A bijection on 0..2^20 scatters the numbers, so that they say nothing about the kind of person.
        customer: format!("K{:07}", 1_000_000 + (number.wrapping_mul(0x9_e375).wrapping_add(0x4_2a17) & 0xf_ffff)),
        discovery,
        from_day,
        until_day,
        newcomer: false,
        web_per_day: 0.0,
        counter_per_day: 0.0,
        decided: (0.5 + 0.2 * random.normal()).clamp(0.02, 0.98),
        appetite: 1.0,
        device_weights: if device_weights.iter().sum::<f64>() == 0.0 { [1.0, 0.0, 0.0] } else { device_weights },
        device_owner,
        has_account: false,
        reads_newsletter: None,
        calls_per_day: 0.0,
        birthday: None,
    }
}

/// What a person carries from visit to visit.
struct WebLife {
    n_visits: u32,
    end_ms: i64,
    /// Shape `[devices]`: how often the cookies were deleted.
    generation: [u32; 3],
    logged_in: [bool; 3],
    has_account: bool,
    last_order: Option<(u32, u32)>,
}

fn live(person: &Person, seed: u64, random: &mut Random, tallies: &mut Tallies, town: &mut Town) {
    let mut web = WebLife {
        n_visits: 0,
        end_ms: i64::MIN,
        generation: [0; 3],
        logged_in: [false; 3],
        has_account: person.has_account,
        last_order: None,
    };
    let mut n_receipts = 0;
    for day in person.from_day..person.until_day {
        let mut starts: Vec<(i64, &'static str)> = Vec::new();
        if let Some(start) = newsletter(person, day, random, town) {
            starts.push(start);
        }
        if day == person.from_day && person.newcomer {
            starts.push((web_start_ms(day, random), person.discovery));
        } else if random.chance((person.web_per_day * shop::season(day)).min(0.9)) {
            let channel = ["direct", "search", "maps", "ads", "referral"][random.pick(&[0.45, 0.27, 0.13, 0.11, 0.04])];
            starts.push((web_start_ms(day, random), channel));
        }
        starts.sort_unstable();
        for (start_ms, channel) in starts {
            go_online(person, seed, day, start_ms, channel, &mut web, tallies, town);
        }
        buy_at_counter(person, day, &mut n_receipts, random, town);
        call_or_get_post(person, day, random, town);
    }
    town.n_visits += u64::from(web.n_visits);
}

#[expect(clippy::too_many_arguments, reason = "one caller; a struct would only rename them")]
fn go_online(
    person: &Person,
    seed: u64,
    day: u32,
    start_ms: i64,
    channel: &'static str,
    web: &mut WebLife,
    tallies: &mut Tallies,
    town: &mut Town,
) {
    let mut random = Random::new(seed, VISIT_STREAM + (u64::from(person.number) << 24) + u64::from(web.n_visits));
    let device_idx = random.pick(&person.device_weights);
    if random.chance(0.04) {
        web.generation[device_idx] += 1;
        web.logged_in[device_idx] = false;
    }
    if random.chance(0.45) {
        web.logged_in[device_idx] = false;
    }
    let owner = person.device_owner[device_idx];
    let visitor = visitor_id(seed, owner, device_idx, web.generation[device_idx]);
    let occasion = Occasion {
        key: (person.number, web.n_visits),
        start_ms: start_ms.max(web.end_ms.saturating_add(MINUTE_MS)),
        day,
        device_idx,
        channel,
        visitor: &visitor,
        customer: &person.customer,
        logged_in: web.logged_in[device_idx],
        has_account: web.has_account,
        last_order: web.last_order,
        decided: (person.decided + 0.2 * random.normal()).clamp(0.0, 1.0),
        appetite: person.appetite,
    };
    let left = visit::visit(&occasion, &mut random, tallies, &mut town.clicks);
    if left.ordered {
        web.last_order = Some(occasion.key);
    }
    if let Some(failed_ms) = left.payment_failed_ms
        && random.chance(0.15)
    {
        let time_ms = failed_ms + random.between(2 * MINUTE_MS, 40 * MINUTE_MS);
        town.contacts.push(contact(person, time_ms, "phone_call", "phone", "payment"));
    }
    web.n_visits += 1;
    web.end_ms = left.end_ms;
    web.logged_in[device_idx] = left.logged_in;
    web.has_account = left.has_account;
}

fn visitor_id(seed: u64, owner: u32, device_idx: usize, generation: u32) -> String {
    let key = Random::new(seed, u64::MAX).next_u64();
    let browser = (u64::from(owner) << 24) + ((device_idx as u64) << 20) + u64::from(generation);
    format!("v{:016x}", mix(key.wrapping_add(browser)))
}

/// Draws when a web visit starts: mornings, noon and most of all evenings; early enough on the last day to end within it.
fn web_start_ms(day: u32, random: &mut Random) -> i64 {
    const BY_HOUR: [f64; 24] =
        [0.2, 0.1, 0.05, 0.05, 0.1, 0.4, 1.2, 2.2, 2.6, 2.4, 2.4, 2.8, 3.2, 2.6, 2.2, 2.2, 2.6, 3.2, 3.8, 4.6, 4.8, 3.6, 1.8, 0.3];
    let mut hour = random.pick(&BY_HOUR) as i64;
    if day == N_DAYS - 1 {
        hour = hour.min(17);
    }
    calendar::utc_ms(day, hour * HOUR_MS + random.between(0, HOUR_MS - 1))
}

/// Sends the newsletter of every second Thursday; gives the visit that it leads to, if it does.
fn newsletter(person: &Person, day: u32, random: &mut Random, town: &mut Town) -> Option<(i64, &'static str)> {
    let open_share = person.reads_newsletter?;
    if calendar::weekday(day) != 3 || (day / 7).is_multiple_of(2) {
        return None;
    }
    let topic = match calendar::month(day) {
        0 | 1 => "carnival",
        2 | 3 => "easter",
        10 | 11 => "christmas",
        _ => "bread_of_the_month",
    };
    let sent_ms = calendar::utc_ms(day, 9 * HOUR_MS) + random.between(0, 10 * MINUTE_MS);
    town.contacts.push(contact(person, sent_ms, "newsletter_sent", "newsletter", topic));
    if !random.chance(open_share) {
        return None;
    }
    let opened_ms = sent_ms + random.exponential(2.5 * HOUR_MS as f64).min(9.0 * HOUR_MS as f64) as i64 + 30_000;
    town.contacts.push(contact(person, opened_ms, "newsletter_opened", "newsletter", topic));
    (0.0 < person.web_per_day && random.chance(0.16)).then(|| (opened_ms + random.between(4_000, 60_000), "newsletter"))
}

fn buy_at_counter(person: &Person, day: u32, n_receipts: &mut u32, random: &mut Random, town: &mut Town) {
    let Some(hours) = shop::counter_hours(day) else {
        return;
    };
    if !random.chance((person.counter_per_day * shop::season(day)).min(0.95)) {
        return;
    }
    let first = shop::draw_counter_product(day, random);
    let mut cents = first.cents;
    for _ in 0..random.pick(&[0.4, 0.35, 0.18, 0.07]) {
        cents += shop::draw_counter_product(day, random).cents;
    }
    let purchase = Receipt {
        key: (person.number, *n_receipts),
        time_ms: counter_ms(day, hours, random),
        customer: person.customer.clone(),
        kind: ReceiptKind::Purchase,
        cents,
        refund_of: None,
        product: first.name,
    };
    *n_receipts += 1;
    if random.chance(0.015) {
        refund(person, day, &purchase, n_receipts, random, town);
    }
    town.receipts.push(purchase);
}

/// Gives the money back, all or half, on an open day within ten days or so; after the year's end nothing is recorded.
fn refund(person: &Person, day: u32, purchase: &Receipt, n_receipts: &mut u32, random: &mut Random, town: &mut Town) {
    let mut back_day = day + random.between(1, 9) as u32;
    while back_day < N_DAYS && shop::counter_hours(back_day).is_none() {
        back_day += 1;
    }
    let cents = if random.chance(0.7) { purchase.cents } else { (purchase.cents / 2).max(1) };
    let calls = random.chance(0.25);
    if N_DAYS <= back_day {
        return;
    }
    let hours = shop::counter_hours(back_day).expect("an open day was sought");
    town.receipts.push(Receipt {
        key: (person.number, *n_receipts),
        time_ms: counter_ms(back_day, hours, random),
        cents: -cents,
        kind: ReceiptKind::Refund,
        refund_of: Some(purchase.key),
        ..purchase.clone()
    });
    *n_receipts += 1;
    if calls {
        let time_ms = calendar::utc_ms(back_day, 7 * HOUR_MS) - random.between(0, 10 * HOUR_MS);
        town.contacts.push(contact(person, time_ms.max(purchase.time_ms + HOUR_MS), "phone_call", "phone", "refund"));
    }
}

/// Draws a whole minute within the opening hours.
fn counter_ms(day: u32, (open_minute, close_minute): (i64, i64), random: &mut Random) -> i64 {
    calendar::utc_ms(day, random.between(open_minute, close_minute - 1) * MINUTE_MS)
}

fn call_or_get_post(person: &Person, day: u32, random: &mut Random, town: &mut Town) {
    if random.chance(person.calls_per_day * shop::season(day)) {
        let topic = ["opening_hours", "cake_order", "complaint"][random.pick(&[0.4, 0.45, 0.15])];
        let time_ms = calendar::utc_ms(day, random.between(8 * HOUR_MS, 17 * HOUR_MS));
        town.contacts.push(contact(person, time_ms, "phone_call", "phone", topic));
        if topic == "complaint" && random.chance(0.3) && day + 4 < N_DAYS {
            let time_ms = calendar::utc_ms(day + 4, 10 * HOUR_MS);
            town.contacts.push(contact(person, time_ms, "letter", "post", "apology"));
        }
    }
    if person.birthday == Some(day) {
        let time_ms = calendar::utc_ms(day, 10 * HOUR_MS);
        town.contacts.push(contact(person, time_ms, "letter", "post", "birthday_voucher"));
    }
}

fn contact(person: &Person, time_ms: i64, kind: &'static str, channel: &'static str, topic: &'static str) -> Contact {
    Contact { time_ms, kind, customer: person.customer.clone(), channel, topic }
}
