//! What the bakery sells and when people come.

use crate::calendar;
use crate::random::Random;

/// Something on the shelf.
#[derive(Debug)]
pub(super) struct Product {
    /// The name in the address of its page and in the files.
    pub name: &'static str,
    /// The price in cents EUR before the price list of 1 July; see [`Product::cents_on`].
    cents: i64,
    /// How often it is looked at, by the web shop's visitors.
    pub web_weight: f64,
    /// How often it is bought at the counter.
    pub counter_weight: f64,
    /// The months in which it is sold, 0 is January; empty is always.
    pub months: &'static [usize],
}

const fn product(name: &'static str, cents: i64, web_weight: f64, counter_weight: f64, months: &'static [usize]) -> Product {
    Product { name, cents, web_weight, counter_weight, months }
}

/// The first day of the new price list, 1 July.
pub(super) const PRICE_LIST_DAY: u32 = 181;

impl Product {
    /// Gives the price in cents EUR, a multiple of ten: bread and other small things cost 20 cents more from 1 July on.
    pub fn cents_on(&self, day: u32) -> i64 {
        if PRICE_LIST_DAY <= day && self.cents < 1_000 { self.cents + 20 } else { self.cents }
    }
}

/// The days on which the counter is closed, besides its weekdays.
pub(super) const HOLIDAYS: [(u32, &str); 10] = [
    (0, "New Year"),
    (5, "Epiphany"),
    (110, "Easter Monday"),
    (120, "Labour Day"),
    (159, "Whit Monday"),
    (226, "Assumption"),
    (298, "National Day"),
    (304, "All Saints"),
    (358, "Christmas Day"),
    (359, "St Stephen's Day"),
];

/// The shelf.
pub(super) const PRODUCTS: [Product; 20] = [
    product("farmhouse-loaf", 490, 6.0, 10.0, &[]),
    product("sourdough-loaf", 640, 8.0, 8.0, &[]),
    product("rye-loaf", 540, 4.0, 6.0, &[]),
    product("spelt-loaf", 720, 3.0, 3.0, &[]),
    product("kaiser-rolls-6", 390, 4.0, 12.0, &[]),
    product("poppy-rolls-6", 450, 2.0, 5.0, &[]),
    product("butter-croissant", 260, 3.0, 9.0, &[]),
    product("apple-strudel", 1_490, 5.0, 2.0, &[]),
    product("cheesecake", 2_690, 5.0, 1.0, &[]),
    product("chocolate-cake", 3_290, 6.0, 1.0, &[]),
    product("birthday-cake", 4_490, 7.0, 0.6, &[]),
    product("breakfast-basket", 2_950, 7.0, 0.4, &[]),
    product("party-platter", 5_900, 3.0, 0.2, &[]),
    product("gift-voucher-25", 2_500, 3.0, 0.5, &[]),
    product("granola", 890, 2.0, 1.0, &[]),
    product("plum-jam", 680, 1.5, 1.0, &[]),
    product("carnival-doughnuts-6", 1_140, 9.0, 9.0, &[0, 1]),
    product("easter-bread", 1_280, 9.0, 5.0, &[2, 3]),
    product("christmas-cookies-500g", 1_890, 16.0, 7.0, &[10, 11]),
    product("christmas-stollen", 2_190, 10.0, 4.0, &[10, 11]),
];

/// Says when the counter is open on a day, as minutes after midnight, or that it is closed.
pub(super) fn counter_hours(day: u32) -> Option<(i64, i64)> {
    if HOLIDAYS.iter().any(|(holiday, _)| *holiday == day) {
        return None;
    }
    match calendar::weekday(day) {
        6 => Some((7 * 60, 12 * 60)),
        5 => Some((6 * 60 + 30, 17 * 60)),
        _ => Some((6 * 60 + 30, 18 * 60 + 30)),
    }
}

/// Gives how busy a day is, about 1 on average: Fridays, weekends, Easter and December are busy, August is quiet.
pub(super) fn season(day: u32) -> f64 {
    const BY_WEEKDAY: [f64; 7] = [0.75, 0.8, 0.85, 0.95, 1.2, 1.45, 1.15];
    const BY_MONTH: [f64; 12] = [0.9, 0.95, 1.0, 1.05, 1.0, 0.95, 0.85, 0.7, 0.98, 1.02, 1.1, 1.55];
    let holiday = match day {
        103..=108 => 1.4,
        346..=356 => 1.35,
        _ => 1.0,
    };
    BY_WEEKDAY[calendar::weekday(day)] * BY_MONTH[calendar::month(day)] * holiday
}

/// Draws something to look at in the web shop.
pub(super) fn draw_web_product(day: u32, random: &mut Random) -> &'static Product {
    draw(day, random, |product| product.web_weight)
}

/// Draws something to buy at the counter.
pub(super) fn draw_counter_product(day: u32, random: &mut Random) -> &'static Product {
    draw(day, random, |product| product.counter_weight)
}

fn draw(day: u32, random: &mut Random, weight: impl Fn(&Product) -> f64) -> &'static Product {
    let month = calendar::month(day);
    let weights: Vec<f64> = PRODUCTS
        .iter()
        .map(|product| if product.months.is_empty() || product.months.contains(&month) { weight(product) } else { 0.0 })
        .collect();
    &PRODUCTS[random.pick(&weights)]
}
