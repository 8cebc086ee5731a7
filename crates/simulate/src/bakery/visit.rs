//! One visit to the web shop, with the frictions that it meets and what they cost.
//!
//! All draws that decide how far a visit gets are made first, so that the same visit can be asked how it would have ended without a friction.
//! That makes the number of lost orders exact instead of estimated.

use super::Effects;
use super::shop::{self, Product};
use crate::calendar::MINUTE_MS;
use crate::random::Random;

/// A page that takes longer than this is slow, in milliseconds.
pub(super) const SLOW_PAGE_OVER_MS: i64 = 4_000;
/// The probability to begin the checkout is multiplied by this when the cart page was slow.
pub(super) const SLOW_PAGE_RATIO: f64 = 0.60;
/// The probability to place the order is multiplied by this when the first payment failed.
pub(super) const PAYMENT_FAILED_RATIO: f64 = 0.55;

/// What the causal frictions do in one world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratios {
    pub payment_failed: f64,
    pub slow_page: f64,
}

impl Ratios {
    pub fn of(effects: Effects) -> Self {
        let planted = Self { payment_failed: PAYMENT_FAILED_RATIO, slow_page: SLOW_PAGE_RATIO };
        match effects {
            Effects::All => planted,
            Effects::None => Self { payment_failed: 1.0, slow_page: 1.0 },
            Effects::AllButPaymentFailed => Self { payment_failed: 1.0, ..planted },
            Effects::AllButSlowPage => Self { slow_page: 1.0, ..planted },
        }
    }
}

/// How often the cart page is slow, by device: phone, desktop, tablet.
const SLOW_PAGE_SHARE: [f64; 3] = [0.24, 0.03, 0.05];
const PAYMENT_FAILED_SHARE: f64 = 0.12;
/// How often a page on which people look around shows an error.
const ERROR_SHARE: f64 = 0.025;
/// How often people click again and again on the button to the checkout: on a cart page that was slow, and on one that was not.
const RAGE_SHARE: [f64; 2] = [0.45, 0.02];
const NO_RESULTS_SHARE: f64 = 0.08;
/// How often a checkout that comes to nothing is cancelled, instead of just left.
const CANCEL_SHARE: f64 = 0.15;

/// The worlds with which this one is compared, in this order: without failed payments, without slow pages, without both.
pub(super) const WITHOUT: [&[&str]; 3] = [&["payment_failed"], &["slow_page"], &["payment_failed", "slow_page"]];

/// The devices, in the order of all tables by device.
pub(super) const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];

/// One web event.
#[derive(Clone, Debug)]
pub(super) struct Click {
    pub time_ms: i64,
    pub event: &'static str,
    pub visitor: String,
    /// Empty until known.
    pub customer: String,
    pub page: String,
    pub device: &'static str,
    pub channel: &'static str,
    /// What is clicked on; empty otherwise.
    pub element: &'static str,
    /// How long the page took to load, where one is loaded.
    pub load_ms: Option<i64>,
    /// Empty where no product is meant.
    pub product: &'static str,
    /// The price of the product, or the total of the order, in cents EUR.
    pub price_cents: Option<i64>,
    /// The person and the visit in which the order was placed.
    pub order: Option<(u32, u32)>,
}

/// Visits that met a friction and visits that could have met it, by outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub n_met: u64,
    pub n_met_outcome: u64,
    pub n_clean: u64,
    pub n_clean_outcome: u64,
    pub n_orders_lost: u64,
    pub orders_lost_cents: i64,
}

impl Tally {
    fn count(&mut self, met: bool, outcome: bool) {
        let (n, n_outcome) = if met { (&mut self.n_met, &mut self.n_met_outcome) } else { (&mut self.n_clean, &mut self.n_clean_outcome) };
        *n += 1;
        *n_outcome += u64::from(outcome);
    }
}

/// The frictions of the town so far.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub payment_failed: Tally,
    pub slow_page: Tally,
    pub error_shown: Tally,
    pub rage_click: Tally,
}

/// Who comes, with what in mind.
#[derive(Clone, Debug)]
pub(super) struct Occasion<'a> {
    /// The person, and the number of the visit among the person's.
    pub key: (u32, u32),
    pub start_ms: i64,
    pub day: u32,
    pub device_idx: usize,
    pub channel: &'static str,
    pub visitor: &'a str,
    pub customer: &'a str,
    pub logged_in: bool,
    pub has_account: bool,
    /// The last order of this person, if any.
    pub last_order: Option<(u32, u32)>,
    /// How sure the visitor is of what to buy, 0 to 1.
    pub decided: f64,
    /// How much more or less than others this person fills carts.
    pub appetite: f64,
    pub ratios: Ratios,
}

/// What is left of a visit.
#[derive(Debug)]
pub(super) struct Left {
    pub end_ms: i64,
    pub logged_in: bool,
    pub has_account: bool,
    pub ordered: bool,
    pub payment_failed_ms: Option<i64>,
    /// Shape `[worlds of WITHOUT]`: the cart of this visit in cents, where it was not ordered and would have been.
    pub would_order_cents: [Option<i64>; 3],
}

/// How far a visit gets, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Looked,
    Cart,
    Checkout,
    Address,
    Order,
}

/// The uniform draws that decide it.
#[derive(Debug)]
struct Draws {
    cart: f64,
    checkout: f64,
    address: f64,
    order: f64,
    slow: f64,
    failed: f64,
}

impl Draws {
    fn reach(&self, occasion: &Occasion, slow: bool, failed: bool) -> Reach {
        let decided = occasion.decided;
        let by_device = [0.82, 1.0, 0.95][occasion.device_idx];
        if occasion.appetite * (0.12 + 0.62 * decided) <= self.cart {
            return Reach::Looked;
        }
        let ratio = if slow { occasion.ratios.slow_page } else { 1.0 };
        if by_device * (0.45 + 0.4 * decided) * ratio <= self.checkout {
            return Reach::Cart;
        }
        if 0.92 <= self.address {
            return Reach::Checkout;
        }
        let ratio = if failed { occasion.ratios.payment_failed } else { 1.0 };
        if 0.92 * ratio <= self.order { Reach::Address } else { Reach::Order }
    }
}

/// Simulates one visit and appends its events, in the order of time and at distinct milliseconds.
///
/// What would be in the cart has a stream of its own, so that it is the same in worlds where the visitor is logged in or not.
pub(super) fn visit(occasion: &Occasion, random: &mut Random, cart: &mut Random, tallies: &mut Tallies, clicks: &mut Vec<Click>) -> Left {
    let draws = Draws {
        cart: random.unit(),
        checkout: random.unit(),
        address: random.unit(),
        order: random.unit(),
        slow: random.unit(),
        failed: random.unit(),
    };
    let slow = draws.slow < SLOW_PAGE_SHARE[occasion.device_idx];
    let failed = draws.failed < PAYMENT_FAILED_SHARE;
    let reach = draws.reach(occasion, slow, failed);

    let n_looks = 4 + random.exponential(3.0 + 13.0 * (1.0 - occasion.decided)).min(60.0) as usize;
    let n_extra_items = random.pick(&[0.45, 0.3, 0.17, 0.08]);

    let mut walk = Walk::new(occasion, random, clicks);
    let n_errors = walk.look_around(n_looks);
    let mut payment_failed_ms = None;
    let mut rages = false;
    if Reach::Cart <= reach {
        for _ in 0..=n_extra_items {
            walk.add_to_cart(cart);
        }
        if slow {
            walk.add("slow_page", "/cart");
        }
        rages = walk.random.chance(RAGE_SHARE[usize::from(!slow)]);
        if rages {
            walk.click_again_and_again();
        }
    }
    if Reach::Checkout <= reach {
        walk.click_to_checkout();
        walk.add("begin_checkout", "/checkout");
        if !walk.logged_in {
            walk.enter_account();
        }
    }
    if Reach::Address <= reach {
        walk.add("enter_address", "/checkout/address");
        if failed {
            walk.add("payment_failed", "/checkout/payment");
            payment_failed_ms = Some(walk.time_ms);
        }
    }
    if reach == Reach::Order {
        walk.place_order();
    } else if Reach::Checkout <= reach && walk.random.chance(CANCEL_SHARE) {
        walk.add("cancel_checkout", "/checkout");
    }

    let would_order = |slow, failed| reach < Reach::Order && draws.reach(occasion, slow, failed) == Reach::Order;
    let would_order_cents =
        [(slow, false), (false, failed), (false, false)].map(|(slow, failed)| would_order(slow, failed).then_some(walk.cart_cents));
    let left = Left {
        end_ms: walk.time_ms,
        logged_in: walk.logged_in,
        has_account: walk.has_account,
        ordered: reach == Reach::Order,
        payment_failed_ms,
        would_order_cents,
    };
    tallies.error_shown.count(0 < n_errors, left.ordered);
    if Reach::Cart <= reach {
        tallies.slow_page.count(slow, Reach::Checkout <= reach);
        tallies.rage_click.count(rages, Reach::Checkout <= reach);
    }
    if Reach::Address <= reach {
        tallies.payment_failed.count(failed, left.ordered);
    }
    for (tally, cents) in [(&mut tallies.payment_failed, left.would_order_cents[0]), (&mut tallies.slow_page, left.would_order_cents[1])] {
        if let Some(cents) = cents {
            tally.n_orders_lost += 1;
            tally.orders_lost_cents += cents;
        }
    }
    left
}

/// A visitor on the way through the pages.
struct Walk<'a> {
    occasion: &'a Occasion<'a>,
    random: &'a mut Random,
    clicks: &'a mut Vec<Click>,
    time_ms: i64,
    n_clicks: usize,
    /// After how many events, and for how long, the visitor does something else.
    pause: Option<(usize, i64)>,
    product: &'static Product,
    cart_cents: i64,
    logged_in: bool,
    has_account: bool,
}

impl<'a> Walk<'a> {
    fn new(occasion: &'a Occasion<'a>, random: &'a mut Random, clicks: &'a mut Vec<Click>) -> Self {
        // The second pause is exactly the session gap, which does not split.
        let pause_ms = match random.pick(&[0.975, 0.005, 0.02]) {
            0 => None,
            1 => Some(30 * MINUTE_MS),
            _ => Some(random.between(30 * MINUTE_MS + 1, 80 * MINUTE_MS)),
        };
        let pause = pause_ms.map(|pause_ms| (random.between(2, 8) as usize, pause_ms));
        let product = shop::draw_web_product(occasion.day, random);
        Self {
            occasion,
            random,
            clicks,
            time_ms: occasion.start_ms,
            n_clicks: 0,
            pause,
            product,
            cart_cents: 0,
            logged_in: occasion.logged_in,
            has_account: occasion.has_account,
        }
    }

    /// Adds one event; the first stands at the start, each other after a while.
    fn add(&mut self, event: &'static str, page: &str) {
        let load_ms = match event {
            "slow_page" => Some(self.random.between(SLOW_PAGE_OVER_MS + 1, 3 * SLOW_PAGE_OVER_MS)),
            "view_home" | "view_product" | "search" | "view_order" => Some(200 + self.random.exponential(500.0).min(3_000.0) as i64),
            _ => None,
        };
        let after_ms = match self.pause {
            _ if self.n_clicks == 0 => 0,
            Some((after, pause_ms)) if after == self.n_clicks => pause_ms,
            _ => load_ms.filter(|load_ms| SLOW_PAGE_OVER_MS < *load_ms).unwrap_or_else(|| self.while_ms(event)),
        };
        self.add_after(after_ms, event, page, load_ms);
    }

    fn add_after(&mut self, after_ms: i64, event: &'static str, page: &str, load_ms: Option<i64>) {
        self.time_ms += after_ms;
        self.n_clicks += 1;
        self.clicks.push(Click {
            time_ms: self.time_ms,
            event,
            visitor: self.occasion.visitor.to_owned(),
            customer: if self.logged_in { self.occasion.customer.to_owned() } else { String::new() },
            page: page.to_owned(),
            device: DEVICES[self.occasion.device_idx],
            channel: self.occasion.channel,
            element: "",
            load_ms,
            product: "",
            price_cents: None,
            order: None,
        });
    }

    /// Draws the time before an event: instants for what the page does, seconds to minutes for what people do.
    fn while_ms(&mut self, event: &str) -> i64 {
        match event {
            "error_shown" | "payment_failed" | "no_results" => self.random.between(300, 2_500),
            "enter_address" | "sign_up" => 4_000 + self.random.log_normal(35_000.0, 0.5).min(600_000.0) as i64,
            _ => 700 + self.random.log_normal(11_000.0, 0.9).min(600_000.0) as i64,
        }
    }

    fn add_product(&mut self, event: &'static str) {
        let page = format!("/products/{}", self.product.name);
        self.add(event, &page);
        let click = self.clicks.last_mut().expect("just added");
        click.product = self.product.name;
        click.price_cents = Some(self.product.cents_on(self.occasion.day));
    }

    /// Looks around and gives the number of errors that were shown.
    fn look_around(&mut self, n_looks: usize) -> usize {
        let mut n_errors = 0;
        let logs_in_early = self.has_account && !self.logged_in && self.random.chance(0.2);
        for look in 0..n_looks {
            let landing = look == 0 && self.random.chance(0.75);
            let [home, product, search, order] =
                if landing { [1.0, 0.0, 0.0, 0.0] } else { [0.14, 0.62, 0.16, if self.logged_in { 0.06 } else { 0.0 }] };
            let page = match self.random.pick(&[home, product, search, order]) {
                0 => {
                    self.add("view_home", "/");
                    "/".to_owned()
                }
                2 => {
                    self.add("search", "/search");
                    if self.random.chance(NO_RESULTS_SHARE) {
                        self.add("no_results", "/search");
                    }
                    "/search".to_owned()
                }
                3 if self.occasion.last_order.is_some() => {
                    self.add("view_order", "/account/orders");
                    self.clicks.last_mut().expect("just added").order = self.occasion.last_order;
                    "/account/orders".to_owned()
                }
                _ => {
                    self.product = shop::draw_web_product(self.occasion.day, self.random);
                    self.add_product("view_product");
                    format!("/products/{}", self.product.name)
                }
            };
            if self.random.chance(ERROR_SHARE) {
                self.add("error_shown", &page);
                n_errors += 1;
            }
            if look == 1 && logs_in_early {
                self.enter_account();
            }
        }
        n_errors
    }

    /// Looks at one more product and puts it into the cart.
    fn add_to_cart(&mut self, cart: &mut Random) {
        self.product = shop::draw_web_product(self.occasion.day, cart);
        self.add_product("view_product");
        self.add_product("add_to_cart");
        self.cart_cents += self.product.cents_on(self.occasion.day);
    }

    /// Clicks on the button to the checkout.
    fn click_to_checkout(&mut self) {
        self.add("click", "/cart");
        self.clicks.last_mut().expect("just added").element = "to-checkout";
    }

    /// Clicks three to six times on the button to the checkout, within a second or little more.
    fn click_again_and_again(&mut self) {
        self.click_to_checkout();
        for _ in 0..self.random.between(2, 5) {
            let after_ms = self.random.between(90, 280);
            self.add_after(after_ms, "click", "/cart", None);
            self.clicks.last_mut().expect("just added").element = "to-checkout";
        }
    }

    /// Logs in, or signs up where there is no account yet; the event itself already names the customer.
    fn enter_account(&mut self) {
        self.logged_in = true;
        if self.has_account {
            self.add("login", "/account/login");
        } else {
            self.has_account = true;
            self.add("sign_up", "/account/new");
        }
    }

    fn place_order(&mut self) {
        self.add("order_placed", "/checkout/done");
        let click = self.clicks.last_mut().expect("just added");
        click.price_cents = Some(self.cart_cents);
        click.order = Some(self.occasion.key);
        if self.random.chance(0.4) {
            self.add("view_order", "/account/orders");
            self.clicks.last_mut().expect("just added").order = Some(self.occasion.key);
        }
    }
}
