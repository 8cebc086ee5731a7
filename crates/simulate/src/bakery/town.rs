//! The people of the town and what each of them does in the year.
//!
//! Each person, and each visit of a person, has its own stream of random numbers,
//! and no visit depends on how an earlier one ended, except for who is logged in.
//! So taking one friction away changes exactly the visits that it struck.
//! What a person says in surveys does depend on it, and has its own stream too.

use chrono::Days;

use super::shop;
use super::visit::{self, Click, Occasion, Ratios, Tallies, WITHOUT};
use crate::calendar::{self, DAY_MS, HOUR_MS, MINUTE_MS, N_DAYS};
use crate::random::{Random, mix};

/// The streams of people start here, then those of what is known about them, of their visits and of their carts;
/// the files use the small ones.
const PEOPLE_STREAM: u64 = 1 << 32;
const ABOUT_STREAM: u64 = 1 << 61;
const VISIT_STREAM: u64 = 1 << 62;
const CART_STREAM: u64 = 1 << 63;

/// Counter purchases that fill a stamp card; a full one is worth a bonus.
const N_STAMPS: u32 = 10;

/// Everything that happened, in the order of time.
#[derive(Debug)]
pub(super) struct Town {
    pub clicks: Vec<Click>,
    pub receipts: Vec<Receipt>,
    pub contacts: Vec<Contact>,
    pub profiles: Vec<Attribute>,
    pub n_visits: u64,
    pub tallies: Tallies,
    /// Shape `[worlds of WITHOUT]`.
    pub without: [Gain; WITHOUT.len()],
}

/// What another world would have brought.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gain {
    pub n_orders: u64,
    pub orders_cents: i64,
    /// People who neither ordered nor bought anything, and would have ordered.
    pub n_first: u64,
    /// What they would have ordered.
    pub first_cents: i64,
}

/// What the bakery knows about a customer from a day on.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub customer: String,
    pub name: &'static str,
    pub value: &'static str,
    /// A local date as `YYYY-MM-DD`.
    pub since: String,
}

/// What a receipt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiptKind {
    Purchase,
    Refund,
    /// A full stamp card is given back; worth 0.
    Bonus,
}

impl ReceiptKind {
    /// Gives the name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::Bonus => "loyalty_bonus",
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
    /// Above 0 for a purchase, below for a refund, 0 for a bonus.
    pub cents: i64,
    pub refund_of: Option<(u32, u32)>,
    pub product: &'static str,
}

/// One contact by newsletter, e-mail, phone or post.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub time_ms: i64,
    pub kind: &'static str,
    pub customer: String,
    pub channel: &'static str,
    pub topic: &'static str,
    /// The answer to a survey, 0 to 10.
    pub score: Option<i64>,
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
    pub fn simulate(n_customers: u32, seed: u64, ratios: Ratios) -> Self {
        // Most customers are regulars; the rest are the few of the passing visitors who order.
        let n_regulars = n_customers * 19 / 20;
        let n_passing = n_customers * 5 / 4;
        let mut town = Self {
            clicks: Vec::new(),
            receipts: Vec::new(),
            contacts: Vec::new(),
            profiles: Vec::new(),
            n_visits: 0,
            tallies: Tallies::default(),
            without: Default::default(),
        };
        for number in 0..n_regulars + n_passing {
            let mut random = Random::new(seed, PEOPLE_STREAM + u64::from(number));
            let person = if number < n_regulars { regular(number, &mut random) } else { passing(number, &mut random) };
            live(&person, World { seed, ratios }, &mut random, &mut town);
        }
        // Stable sorts: what happened at one instant stays in the order of the people.
        town.clicks.sort_by_key(|click| click.time_ms);
        town.receipts.sort_by_key(|receipt| receipt.time_ms);
        town.contacts.sort_by_key(|contact| contact.time_ms);
        town
    }

    /// Notes a contact, unless it falls after the year.
    fn contact(&mut self, contact: Contact) {
        if contact.time_ms < calendar::utc_ms(N_DAYS, 0) {
            self.contacts.push(contact);
        }
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

/// How people find the web shop for the first time.
const DISCOVERY: [&str; 6] = ["maps", "ads", "search", "referral", "social", "direct"];

fn anyone(number: u32, from_day: u32, until_day: u32, random: &mut Random) -> Person {
    let discovery = DISCOVERY[random.pick(&[0.28, 0.2, 0.18, 0.12, 0.1, 0.12])];
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

/// What is the same for everyone.
#[derive(Clone, Copy)]
struct World {
    seed: u64,
    ratios: Ratios,
}

/// What a person carries from visit to visit.
struct WebLife {
    n_visits: u32,
    end_ms: i64,
    /// Shape `[devices]`: how often the cookies were deleted.
    generation: [u32; 3],
    logged_in: [bool; 3],
    has_account: bool,
    /// The day of the sign-up, 0 for an account from before.
    account_day: Option<u32>,
    last_order: Option<(u32, u32)>,
    /// The days on which a payment failed.
    failed_days: Vec<u32>,
    /// Shape `[worlds of WITHOUT]`.
    gains: [Gain; WITHOUT.len()],
}

/// What a person carries from purchase to purchase at the counter.
#[derive(Default)]
struct TillLife {
    n_receipts: u32,
    n_purchases: u32,
    n_stamps: u32,
    bonus_days: Vec<u32>,
    /// Nothing more is given back before this day: one refund at a time.
    next_refund_day: u32,
    /// The days on which money came back late, or should have.
    slow_refund_days: Vec<u32>,
}

fn live(person: &Person, world: World, random: &mut Random, town: &mut Town) {
    let mut web = WebLife {
        n_visits: 0,
        end_ms: i64::MIN,
        generation: [0; 3],
        logged_in: [false; 3],
        has_account: person.has_account,
        account_day: person.has_account.then_some(0),
        last_order: None,
        failed_days: Vec::new(),
        gains: Default::default(),
    };
    // Those who came before this year have a card that is stamped already.
    let n_stamps = if person.from_day == 0 { random.below(u64::from(N_STAMPS)) as u32 } else { 0 };
    let mut till = TillLife { n_stamps, ..TillLife::default() };
    for day in person.from_day..person.until_day {
        let mut starts: Vec<(i64, &'static str)> = Vec::new();
        if let Some(start) = newsletter(person, day, random, town) {
            starts.push(start);
        }
        if day == person.from_day && person.newcomer {
            starts.push((web_start_ms(day, random), person.discovery));
        } else if random.chance((person.web_per_day * shop::season(day)).min(0.9)) {
            let channel = ["direct", "search", "maps", "ads", "referral", "social"][random.pick(&[0.43, 0.26, 0.12, 0.1, 0.03, 0.06])];
            starts.push((web_start_ms(day, random), channel));
        }
        starts.sort_unstable();
        for (start_ms, channel) in starts {
            go_online(person, world, day, (start_ms, channel), &mut web, town);
        }
        buy_at_counter(person, day, &mut till, random, town);
        call_or_get_post(person, day, random, town);
    }
    if has_card(person) && person.until_day < N_DAYS && random.chance(0.4) {
        let channel = ["phone", "post"][random.pick(&[0.7, 0.3])];
        let time_ms = calendar::utc_ms(person.until_day, random.between(8 * HOUR_MS, 17 * HOUR_MS));
        town.contact(contact(person, time_ms, "moved_away", channel, "goodbye"));
    }
    let mut about = Random::new(world.seed, ABOUT_STREAM + u64::from(person.number));
    describe(person, &web, &till, &mut about, town);
    survey(person, &web, &till, &mut about, town);
    let is_first = web.last_order.is_none() && till.n_purchases == 0;
    for (total, gain) in town.without.iter_mut().zip(web.gains) {
        total.n_orders += gain.n_orders;
        total.orders_cents += gain.orders_cents;
        if is_first && 0 < gain.n_orders {
            total.n_first += 1;
            total.first_cents += gain.orders_cents;
        }
    }
    town.n_visits += u64::from(web.n_visits);
}

fn has_card(person: &Person) -> bool {
    0.0 < person.counter_per_day
}

fn go_online(person: &Person, world: World, day: u32, (start_ms, channel): (i64, &'static str), web: &mut WebLife, town: &mut Town) {
    let visit_key = (u64::from(person.number) << 24) + u64::from(web.n_visits);
    let mut random = Random::new(world.seed, VISIT_STREAM + visit_key);
    let device_idx = random.pick(&person.device_weights);
    if random.chance(0.04) {
        web.generation[device_idx] += 1;
        web.logged_in[device_idx] = false;
    }
    if random.chance(0.45) {
        web.logged_in[device_idx] = false;
    }
    let owner = person.device_owner[device_idx];
    let visitor = visitor_id(world.seed, owner, device_idx, web.generation[device_idx]);
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
        ratios: world.ratios,
    };
    let mut cart = Random::new(world.seed, CART_STREAM + visit_key);
    let left = visit::visit(&occasion, &mut random, &mut cart, &mut town.tallies, &mut town.clicks);
    if left.ordered {
        web.last_order = Some(occasion.key);
    }
    for (gain, cents) in web.gains.iter_mut().zip(left.would_order_cents) {
        gain.n_orders += u64::from(cents.is_some());
        gain.orders_cents += cents.unwrap_or(0);
    }
    if let Some(failed_ms) = left.payment_failed_ms {
        web.failed_days.push(day);
        if random.chance(0.15) {
            let time_ms = failed_ms + random.between(2 * MINUTE_MS, 40 * MINUTE_MS);
            call(person, time_ms, "payment", 0.3, &mut random, town);
        }
    }
    web.n_visits += 1;
    web.end_ms = left.end_ms;
    web.logged_in[device_idx] = left.logged_in;
    web.has_account = left.has_account;
    if left.has_account {
        web.account_day.get_or_insert(day);
    }
}

/// Writes down what the bakery knows: the tier of the loyalty card, and how well the owner of a web account says to know computers.
///
/// Those who are used to it also know better what they want, so they look around for less long and meet fewer errors.
fn describe(person: &Person, web: &WebLife, till: &TillLife, random: &mut Random, town: &mut Town) {
    let before = (calendar::date(0) - Days::new(random.between(30, 900) as u64)).to_string();
    let skilled = person.decided + 0.08 * random.normal();
    let mut know = |name, value, since| town.profiles.push(Attribute { customer: person.customer.clone(), name, value, since });
    let since = |day: u32| if day == 0 { before.clone() } else { calendar::date(day).to_string() };
    if has_card(person) {
        know("loyalty_tier", "bronze", since(person.from_day));
        for (tier, bonus_day) in [("silver", till.bonus_days.first()), ("gold", till.bonus_days.get(2))] {
            if let Some(day) = bonus_day {
                know("loyalty_tier", tier, calendar::date(*day).to_string());
            }
        }
    }
    if let Some(day) = web.account_day {
        let skill = match skilled {
            ..0.4 => "beginner",
            0.4..0.6 => "average",
            _ => "expert",
        };
        know("device_skill", skill, since(day));
    }
}

/// Asks twice a year, half a year apart, whoever has given an e-mail address; some answer within three days.
fn survey(person: &Person, web: &WebLife, till: &TillLife, random: &mut Random, town: &mut Town) {
    let first_day = 20 + random.below(150) as u32;
    let mood = 8.4 + 1.4 * random.normal();
    for day in [first_day, first_day + 180] {
        let has_address = person.reads_newsletter.is_some() || web.account_day.is_some_and(|account_day| account_day < day);
        let answers = random.chance(0.38);
        let asked_ms = calendar::utc_ms(day, 10 * HOUR_MS) + random.between(0, 30 * MINUTE_MS);
        let answered_ms = asked_ms + 60_000 + random.exponential(9.0 * HOUR_MS as f64).min(70.0 * HOUR_MS as f64) as i64;
        let lately = |days: &[u32]| days.iter().any(|then| *then < day && day <= *then + 90);
        let trouble = f64::from(lately(&till.slow_refund_days)) * 3.0 + f64::from(lately(&web.failed_days)) * 1.2;
        let score = (mood + 0.7 * random.normal() - trouble).round().clamp(0.0, 10.0) as i64;
        if !has_address || day < person.from_day || person.until_day <= day {
            continue;
        }
        town.contact(contact(person, asked_ms, "nps_asked", "email", "survey"));
        if answers {
            town.contact(Contact { score: Some(score), ..contact(person, answered_ms, "nps_answered", "email", "survey") });
        }
    }
}

fn visitor_id(seed: u64, owner: u32, device_idx: usize, generation: u32) -> String {
    let key = Random::new(seed, u64::MAX).next_u64();
    let browser = (u64::from(owner) << 24) + ((device_idx as u64) << 20) + u64::from(generation);
    format!("v{:016x}", mix(key.wrapping_add(browser)))
}

/// Draws when a web visit starts: mornings, noon and most of all evenings;
/// early enough on the last day of a month to end within it, so that no session lies in two months.
fn web_start_ms(day: u32, random: &mut Random) -> i64 {
    const BY_HOUR: [f64; 24] =
        [0.2, 0.1, 0.05, 0.05, 0.1, 0.4, 1.2, 2.2, 2.6, 2.4, 2.4, 2.8, 3.2, 2.6, 2.2, 2.2, 2.6, 3.2, 3.8, 4.6, 4.8, 3.6, 1.8, 0.3];
    let mut hour = random.pick(&BY_HOUR) as i64;
    if calendar::month(day) != calendar::month(day + 1) {
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
    town.contact(contact(person, sent_ms, "newsletter_sent", "newsletter", topic));
    if !random.chance(open_share) {
        return None;
    }
    let opened_ms = sent_ms + random.exponential(2.5 * HOUR_MS as f64).min(9.0 * HOUR_MS as f64) as i64 + 30_000;
    town.contact(contact(person, opened_ms, "newsletter_opened", "newsletter", topic));
    (0.0 < person.web_per_day && random.chance(0.16)).then(|| (opened_ms + random.between(4_000, 60_000), "newsletter"))
}

fn buy_at_counter(person: &Person, day: u32, till: &mut TillLife, random: &mut Random, town: &mut Town) {
    let Some(hours) = shop::counter_hours(day) else {
        return;
    };
    if !random.chance((person.counter_per_day * shop::season(day)).min(0.95)) {
        return;
    }
    let first = shop::draw_counter_product(day, random);
    let mut cents = first.cents_on(day);
    for _ in 0..random.pick(&[0.4, 0.35, 0.18, 0.07]) {
        cents += shop::draw_counter_product(day, random).cents_on(day);
    }
    let purchase = Receipt {
        key: till.next_key(person),
        time_ms: counter_ms(day, hours, random),
        customer: person.customer.clone(),
        kind: ReceiptKind::Purchase,
        cents,
        refund_of: None,
        product: first.name,
    };
    till.n_purchases += 1;
    till.n_stamps += 1;
    if till.n_stamps == N_STAMPS {
        till.n_stamps = 0;
        till.bonus_days.push(day);
        let (key, time_ms) = (till.next_key(person), purchase.time_ms + MINUTE_MS);
        town.receipts.push(Receipt { key, time_ms, kind: ReceiptKind::Bonus, cents: 0, product: "", ..purchase.clone() });
    }
    if random.chance(0.03) && till.next_refund_day <= day {
        refund(person, day, &purchase, till, random, town);
    }
    town.receipts.push(purchase);
}

impl TillLife {
    fn next_key(&mut self, person: &Person) -> (u32, u32) {
        self.n_receipts += 1;
        (person.number, self.n_receipts)
    }
}

/// Gives the money back, all or half, on an open day: at once to those who come with the purchase,
/// and to those who ask by phone, e-mail or letter mostly within two weeks, sometimes later or never.
fn refund(person: &Person, day: u32, purchase: &Receipt, till: &mut TillLife, random: &mut Random, town: &mut Town) {
    let asks = random.chance(0.6);
    let request_day = if asks { day + random.between(1, 4) as u32 } else { day };
    let speed = if asks { random.pick(&[0.68, 0.22, 0.1]) } else { 0 };
    let mut back_day = request_day + [random.between(1, 9), random.between(16, 45), 2 * i64::from(N_DAYS)][speed] as u32;
    while back_day < N_DAYS && shop::counter_hours(back_day).is_none() {
        back_day += 1;
    }
    till.next_refund_day = back_day + 1;
    let cents = if random.chance(0.7) { purchase.cents } else { purchase.cents / 2 };
    let calls = random.chance(if speed == 0 { 0.25 } else { 0.7 });
    if asks && request_day < N_DAYS {
        let channel = ["phone", "email", "post"][random.pick(&[0.5, 0.35, 0.15])];
        let time_ms = calendar::utc_ms(request_day, random.between(8 * HOUR_MS, 17 * HOUR_MS));
        town.contact(contact(person, time_ms, "refund_requested", channel, "refund"));
        if 0 < speed {
            till.slow_refund_days.push(request_day + 14);
        }
        if calls && speed != 0 {
            call(person, time_ms + random.between(7 * DAY_MS, 12 * DAY_MS), "refund", 0.4, random, town);
        }
    }
    if N_DAYS <= back_day {
        return;
    }
    let hours = shop::counter_hours(back_day).expect("an open day was sought");
    town.receipts.push(Receipt {
        key: till.next_key(person),
        time_ms: counter_ms(back_day, hours, random),
        cents: -cents,
        kind: ReceiptKind::Refund,
        refund_of: Some(purchase.key),
        ..purchase.clone()
    });
    if calls && speed == 0 {
        let time_ms = calendar::utc_ms(back_day, 7 * HOUR_MS) - random.between(0, 10 * HOUR_MS);
        town.contact(contact(person, time_ms.max(purchase.time_ms + HOUR_MS), "phone_call", "phone", "refund"));
    }
}

/// Calls, and with a share of `again` calls once more about the same thing in the next days.
fn call(person: &Person, time_ms: i64, topic: &'static str, again: f64, random: &mut Random, town: &mut Town) {
    town.contact(contact(person, time_ms, "phone_call", "phone", topic));
    let again_ms = time_ms + random.between(DAY_MS, 6 * DAY_MS);
    if random.chance(again) {
        town.contact(contact(person, again_ms, "phone_call", "phone", topic));
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
        call(person, time_ms, topic, 0.3, random, town);
        if topic == "complaint" && random.chance(0.3) && day + 4 < N_DAYS {
            let time_ms = calendar::utc_ms(day + 4, 10 * HOUR_MS);
            town.contact(contact(person, time_ms, "letter", "post", "apology"));
        }
    }
    if person.birthday == Some(day) {
        let time_ms = calendar::utc_ms(day, 10 * HOUR_MS);
        town.contact(contact(person, time_ms, "letter", "post", "birthday_voucher"));
    }
}

fn contact(person: &Person, time_ms: i64, kind: &'static str, channel: &'static str, topic: &'static str) -> Contact {
    Contact { time_ms, kind, customer: person.customer.clone(), channel, topic, score: None }
}
