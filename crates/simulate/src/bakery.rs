//! A town bakery with a web shop and a counter: one simulated year, 2025, in Vienna.
//!
//! User panel: `web.csv`, the clicks in the web shop. Customer panel: `counter.csv`, the till, and `contacts.jsonl`, newsletter,
//! e-mail, phone and post. Besides: `profiles.csv` (what is known about customers), `series.csv` (totals per day), `notes.csv` (dated facts).
//! `truth.json` says what is true of them.
//!
//! Parts: [`town`] makes the people and what each of them does, [`records`] what else there is to know; this module numbers
//! what happened, plants broken rows and writes the files; [`rules`] says what stages, tasks and frictions are, `crate::truth` counts.

mod records;
mod rules;
mod shop;
mod town;
mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use crate::calendar::{self, N_DAYS};
use crate::random::{Random, mix};
use crate::rows::{Arrival, Row, put_in_file_order};
use crate::truth::journeys::{Happened, JourneysTruth, journeys};
use crate::truth::{MoneyTruth, PlantedEffect, Seen, Truth, WithoutFriction, joined_customers, people_as_logged, people_joined};
use town::{Contact, Receipt, ReceiptKind, Town};
use visit::{Click, Ratios, Tally, WITHOUT};

/// The text of the bakery's `diptych.yaml`.
pub const BAKERY_SPEC: &str = include_str!("bakery.yaml");

/// The steps of the funnel that `truth.json` counts.
pub const BAKERY_FUNNEL: [&str; 4] = ["view_product", "add_to_cart", "begin_checkout", "order_placed"];

const WEB_COLUMNS: [&str; 13] = [
    "event_id",
    "time",
    "event",
    "visitor_id",
    "customer_id",
    "page",
    "device",
    "channel",
    "product",
    "price",
    "order_id",
    "element",
    "load_ms",
];
const COUNTER_COLUMNS: [&str; 7] = ["receipt", "date", "loyalty_card", "kind", "amount", "refund_of", "product"];

/// What stands before the id of a visitor that stayed anonymous, as an account.
const ANONYMOUS: &str = "anonymous:";

/// Streams of the seed; people have their own, see [`town`].
mod stream {
    pub const WEB_FILE: u64 = 1;
    pub const COUNTER_FILE: u64 = 2;
    pub const CONTACTS_FILE: u64 = 3;
    pub const BROKEN: u64 = 4;
    pub const EVENT_IDS: u64 = 5;
    pub const SERIES: u64 = 6;
}

/// How large a bakery, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BakeryOptions {
    /// About how many customers come to be known; 1,500 by default, 10 to 400,000.
    pub customers: u32,
    /// The seed; same seed, same bytes.
    pub seed: u64,
    /// What the frictions do.
    pub effects: Effects,
}

/// Which of the causal frictions cost conversions.
///
/// All frictions are met in any case, by the same people in the same visits: what misleads a naive comparison stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effects {
    /// Failed payments and slow pages.
    #[default]
    All,
    /// None: the null business, in which whoever finds an effect is wrong.
    None,
    /// Slow pages only.
    AllButPaymentFailed,
    /// Failed payments only.
    AllButSlowPage,
}

impl Default for BakeryOptions {
    fn default() -> Self {
        Self { customers: 1_500, seed: 1, effects: Effects::All }
    }
}

impl BakeryOptions {
    /// Gives the small bakery of 150 customers.
    pub fn small() -> Self {
        Self { customers: 150, ..Self::default() }
    }
}

/// Writes `web.csv`, `counter.csv`, `contacts.jsonl`, `profiles.csv`, `series.csv`, `notes.csv` and `truth.json` into the folder,
/// which is made if needed.
///
/// Formats: `web.csv` has UTC times to the millisecond and prices in whole cents;
/// `counter.csv` is separated by `;`, with Vienna time to the minute and euros with a decimal comma;
/// `contacts.jsonl` has epoch milliseconds; the others have local dates.
pub fn write_bakery(options: &BakeryOptions, dir: &Path) -> io::Result<Truth> {
    if !(10..=400_000).contains(&options.customers) {
        let message = format!("a bakery has 10 to 400,000 customers, not {}", options.customers);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    fs::create_dir_all(dir)?;
    let ratios = Ratios::of(options.effects);
    let town = Town::simulate(options.customers, options.seed, ratios);
    let mut broken = Random::new(options.seed, stream::BROKEN);

    let web = web_rows(&town.clicks, options.seed, &mut broken);
    let counter = counter_rows(&town.receipts, &mut broken);
    let contacts = contact_rows(&town.contacts, &mut broken);

    let mut files = BTreeMap::new();
    let (order, truth) = put_in_file_order(
        &web,
        Arrival { delay_ms_max: 3_000, late_share: 0.008, late_hours_max: 48, replayed_share: 0.003 },
        &mut Random::new(options.seed, stream::WEB_FILE),
    );
    write_table(&dir.join("web.csv"), b',', &WEB_COLUMNS, &web, &order)?;
    files.insert("web.csv".to_owned(), truth);
    let (order, truth) = put_in_file_order(
        &counter,
        Arrival { delay_ms_max: 0, late_share: 0.004, late_hours_max: 120, replayed_share: 0.003 },
        &mut Random::new(options.seed, stream::COUNTER_FILE),
    );
    write_table(&dir.join("counter.csv"), b';', &COUNTER_COLUMNS, &counter, &order)?;
    files.insert("counter.csv".to_owned(), truth);
    let (order, truth) = put_in_file_order(
        &contacts,
        Arrival { delay_ms_max: 1_000, late_share: 0.003, late_hours_max: 72, replayed_share: 0.003 },
        &mut Random::new(options.seed, stream::CONTACTS_FILE),
    );
    write_lines(&dir.join("contacts.jsonl"), &contacts, &order)?;
    files.insert("contacts.jsonl".to_owned(), truth);

    let records = [
        ("profiles.csv", records::profiles(&town)),
        ("series.csv", records::series(options.customers, &mut Random::new(options.seed, stream::SERIES))),
        ("notes.csv", records::notes()),
    ];
    for (name, table) in &records {
        write_records(&dir.join(name), table)?;
    }

    let seen = seen_on_web(&town.clicks, &web);
    let truth = Truth {
        business: "bakery".to_owned(),
        seed: options.seed,
        n_customers_wanted: options.customers,
        zone: calendar::ZONE.to_owned(),
        days: [calendar::date(0).to_string(), calendar::date(N_DAYS - 1).to_string()],
        n_customers_known: known_customers(&town),
        files,
        n_visits: town.n_visits,
        web_as_logged: people_as_logged(&seen, &BAKERY_FUNNEL),
        web_joined: people_joined(&seen, &BAKERY_FUNNEL),
        money: money(&town),
        effects: effects(&town, ratios),
        without_frictions: without_frictions(&town),
        journeys: journeys_of(&town, &seen, &counter),
        records: records.iter().map(|(name, table)| ((*name).to_owned(), table.len() as u64 - 1)).collect(),
    };
    let mut file = BufWriter::new(File::create(dir.join("truth.json"))?);
    serde_json::to_writer_pretty(&mut file, &truth)?;
    file.write_all(b"\n")?;
    file.flush()?;
    Ok(truth)
}

/// Gives the rows of `web.csv`: the clicks in their order, then the broken ones.
fn web_rows(clicks: &[Click], seed: u64, random: &mut Random) -> Vec<Row> {
    // Orders are numbered as the shop does it, in the order of time.
    let mut numbers: BTreeMap<(u32, u32), String> = BTreeMap::new();
    for click in clicks {
        if let ("order_placed", Some(key)) = (click.event, click.order) {
            let number = format!("W{:06}", numbers.len() + 1);
            numbers.insert(key, number);
        }
    }
    let id_key = Random::new(seed, stream::EVENT_IDS).next_u64();
    let event_id = |n: usize| format!("{:016x}", mix(id_key.wrapping_add(n as u64)));
    let fields = |n: usize, click: &Click| -> Vec<String> {
        vec![
            event_id(n),
            calendar::iso_utc(click.time_ms),
            click.event.to_owned(),
            click.visitor.clone(),
            click.customer.clone(),
            click.page.clone(),
            click.device.to_owned(),
            click.channel.to_owned(),
            click.product.to_owned(),
            click.price_cents.map_or_else(String::new, |cents| cents.to_string()),
            click.order.map_or_else(String::new, |key| numbers[&key].clone()),
            click.element.to_owned(),
            click.load_ms.map_or_else(String::new, |load_ms| load_ms.to_string()),
        ]
    };
    let mut rows: Vec<Row> = clicks
        .iter()
        .enumerate()
        .map(|(n, click)| Row { time_ms: click.time_ms, event: click.event, broken: None, fields: fields(n, click) })
        .collect();
    let named = |event: &str| -> Vec<usize> { (0..clicks.len()).filter(|&n| clicks[n].event == event).collect() };
    let (views, orders) = (named("view_product"), named("order_placed"));
    // A view or an order that is repeated a millisecond later: nobody is added, no session and no funnel changes.
    for (kind, repeated) in [("unparsable_time", &views), ("missing_actor", &views), ("bad_price", &orders)] {
        for n in 0..n_broken(clicks.len()).min(repeated.len()) {
            let mut click = clicks[repeated[random.below(repeated.len() as u64) as usize]].clone();
            click.time_ms += 1;
            let mut fields = fields(rows.len(), &click);
            match kind {
                "unparsable_time" => fields[1] = ["yesterday", "2025-13-01T10:00:00.000Z", "12:30"][n % 3].to_owned(),
                "missing_actor" => {
                    fields[3].clear();
                    fields[4].clear();
                }
                _ => fields[9] = "abc".to_owned(),
            }
            rows.push(Row { time_ms: click.time_ms, event: click.event, broken: Some(kind), fields });
        }
    }
    rows
}

/// Gives the rows of `counter.csv`: the receipts in their order, then the broken ones.
fn counter_rows(receipts: &[Receipt], random: &mut Random) -> Vec<Row> {
    let mut numbers: BTreeMap<(u32, u32), String> = BTreeMap::new();
    for (idx, receipt) in receipts.iter().enumerate() {
        numbers.insert(receipt.key, format!("R{:06}", 100_001 + idx));
    }
    let fields = |number: String, receipt: &Receipt| -> Vec<String> {
        vec![
            number,
            calendar::till_local(receipt.time_ms),
            receipt.customer.clone(),
            receipt.kind.name().to_owned(),
            euros(receipt.cents),
            receipt.refund_of.map_or_else(String::new, |key| numbers[&key].clone()),
            receipt.product.to_owned(),
        ]
    };
    let mut rows: Vec<Row> = receipts
        .iter()
        .map(|receipt| Row {
            time_ms: receipt.time_ms,
            event: receipt.kind.name(),
            broken: None,
            fields: fields(numbers[&receipt.key].clone(), receipt),
        })
        .collect();
    let purchases: Vec<&Receipt> = receipts.iter().filter(|receipt| receipt.kind == ReceiptKind::Purchase).collect();
    for kind in ["unparsable_time", "missing_actor", "bad_amount"] {
        for n in 0..n_broken(receipts.len()) {
            let receipt = purchases[random.below(purchases.len() as u64) as usize];
            let mut fields = fields(format!("R{:06}", 900_001 + rows.len()), receipt);
            match kind {
                "unparsable_time" => fields[1] = ["31.02.2025 10:15", "gestern"][n % 2].to_owned(),
                "missing_actor" => fields[2].clear(),
                _ => fields[4] = "abc".to_owned(),
            }
            rows.push(Row { time_ms: receipt.time_ms, event: receipt.kind.name(), broken: Some(kind), fields });
        }
    }
    rows
}

/// Gives the rows of `contacts.jsonl`: the contacts in their order, then the broken ones.
fn contact_rows(contacts: &[Contact], random: &mut Random) -> Vec<Row> {
    let line = |n: usize, contact: &Contact| {
        json!({
            "id": contact_id(n),
            "at": contact.time_ms,
            "kind": contact.kind,
            "customer": contact.customer,
            "channel": contact.channel,
            "topic": contact.topic,
            "score": contact.score,
        })
    };
    let mut rows: Vec<Row> = contacts
        .iter()
        .enumerate()
        .map(|(n, contact)| Row { time_ms: contact.time_ms, event: contact.kind, broken: None, fields: vec![line(n, contact).to_string()] })
        .collect();
    for kind in ["unparsable_time", "missing_actor", "broken_line"] {
        for _ in 0..n_broken(contacts.len()) {
            let contact = &contacts[random.below(contacts.len() as u64) as usize];
            let mut object = line(rows.len(), contact);
            let text = match kind {
                "unparsable_time" => {
                    object["at"] = json!("soon");
                    object.to_string()
                }
                "missing_actor" => {
                    object["customer"] = json!(null);
                    object.to_string()
                }
                _ => {
                    let mut text = object.to_string();
                    text.truncate(text.len() / 2);
                    text
                }
            };
            rows.push(Row { time_ms: contact.time_ms, event: contact.kind, broken: Some(kind), fields: vec![text] });
        }
    }
    rows
}

/// Gives the id of the contact at a position in the order of time.
fn contact_id(n: usize) -> String {
    format!("c{:07}", n + 1)
}

/// Gives how many broken rows of each kind a file of `n_rows` gets.
fn n_broken(n_rows: usize) -> usize {
    2 + n_rows / 20_000
}

/// Writes cents as a till does, `1234,50` or `-0,05`.
fn euros(cents: i64) -> String {
    format!("{}{},{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

fn write_table(path: &Path, delimiter: u8, columns: &[&str], rows: &[Row], order: &[usize]) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(file);
    writer.write_record(columns)?;
    for &idx in order {
        writer.write_record(&rows[idx].fields)?;
    }
    writer.flush()
}

fn write_lines(path: &Path, rows: &[Row], order: &[usize]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for &idx in order {
        writeln!(file, "{}", rows[idx].fields[0])?;
    }
    file.flush()
}

fn write_records(path: &Path, table: &[Vec<String>]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(BufWriter::new(File::create(path)?));
    for row in table {
        writer.write_record(row)?;
    }
    writer.flush()
}

fn seen_on_web(clicks: &[Click], rows: &[Row]) -> Vec<Seen> {
    clicks
        .iter()
        .zip(rows)
        .map(|(click, row)| Seen {
            visitor: click.visitor.clone(),
            customer: click.customer.clone(),
            time_ms: click.time_ms,
            event_id: row.fields[0].clone(),
            event: click.event,
        })
        .collect()
}

fn known_customers(town: &Town) -> u64 {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    known.extend(town.clicks.iter().map(|click| click.customer.as_str()));
    known.extend(town.receipts.iter().map(|receipt| receipt.customer.as_str()));
    known.extend(town.contacts.iter().map(|contact| contact.customer.as_str()));
    known.remove("");
    known.len() as u64
}

fn money(town: &Town) -> MoneyTruth {
    let mut money = MoneyTruth::default();
    let mut net_cents: BTreeMap<&str, i64> = BTreeMap::new();
    for click in town.clicks.iter().filter(|click| click.event == "order_placed") {
        let cents = click.price_cents.expect("an order has a price");
        money.n_web_orders += 1;
        money.web_orders_cents += cents;
        money.margin_cents += rules::margin_cents(cents, rules::WEB_MARGIN_PERCENT);
        *net_cents.entry(&click.customer).or_default() += cents;
    }
    for receipt in &town.receipts {
        match receipt.kind {
            ReceiptKind::Purchase => {
                money.n_purchases += 1;
                money.purchases_cents += receipt.cents;
            }
            ReceiptKind::Refund => {
                money.n_refunds += 1;
                money.refunds_cents += receipt.cents;
            }
            ReceiptKind::Bonus => {}
        }
        money.margin_cents += rules::margin_cents(receipt.cents, rules::COUNTER_MARGIN_PERCENT);
        *net_cents.entry(&receipt.customer).or_default() += receipt.cents;
    }
    money.gross_cents = money.web_orders_cents + money.purchases_cents;
    money.net_cents = money.gross_cents + money.refunds_cents;
    money.n_payers = net_cents.values().filter(|cents| 0 < **cents).count() as u64;
    money
}

fn without_frictions(town: &Town) -> Vec<WithoutFriction> {
    let worlds = WITHOUT.iter().zip(&town.without);
    let without = worlds.map(|(frictions, gain)| WithoutFriction {
        frictions: frictions.iter().map(|friction| (*friction).to_owned()).collect(),
        n_orders_more: gain.n_orders,
        orders_more_cents: gain.orders_cents,
        n_accounts_advanced: gain.n_first,
        accounts_advanced_cents: gain.first_cents,
    });
    without.collect()
}

fn journeys_of(town: &Town, seen: &[Seen], counter: &[Row]) -> JourneysTruth {
    let on_web: Vec<String> = joined_customers(seen)
        .into_iter()
        .zip(seen)
        .map(|(customer, row)| customer.map_or_else(|| format!("{ANONYMOUS}{}", row.visitor), str::to_owned))
        .collect();
    let nothing = Happened {
        time_ms: 0,
        event_id: "",
        event: "",
        on_web: false,
        channel: "",
        page: "",
        element: "",
        topic: "",
        load_ms: None,
        score: None,
        cents: None,
    };
    let mut accounts: BTreeMap<&str, Vec<Happened>> = BTreeMap::new();
    for ((click, seen), account) in town.clicks.iter().zip(seen).zip(&on_web) {
        accounts.entry(account).or_default().push(Happened {
            time_ms: click.time_ms,
            event_id: &seen.event_id,
            event: click.event,
            on_web: true,
            channel: click.channel,
            page: &click.page,
            element: click.element,
            load_ms: click.load_ms,
            cents: click.price_cents.filter(|_| click.event == "order_placed"),
            ..nothing
        });
    }
    for (receipt, row) in town.receipts.iter().zip(counter) {
        accounts.entry(&receipt.customer).or_default().push(Happened {
            time_ms: receipt.time_ms,
            event_id: &row.fields[0],
            event: receipt.kind.name(),
            channel: "shop",
            cents: Some(receipt.cents),
            ..nothing
        });
    }
    let contact_ids: Vec<String> = (0..town.contacts.len()).map(contact_id).collect();
    for (contact, event_id) in town.contacts.iter().zip(&contact_ids) {
        accounts.entry(&contact.customer).or_default().push(Happened {
            time_ms: contact.time_ms,
            event_id,
            event: contact.kind,
            channel: contact.channel,
            topic: contact.topic,
            score: contact.score,
            ..nothing
        });
    }
    journeys(&mut accounts, |account| account.starts_with(ANONYMOUS), &rules::rules())
}

fn effects(town: &Town, ratios: Ratios) -> Vec<PlantedEffect> {
    let effect = |friction: &str, tally: &Tally, planted_ratio: f64, base: &str, outcome: &str, note: &str| PlantedEffect {
        friction: friction.to_owned(),
        causal: planted_ratio < 1.0,
        unit: "visit".to_owned(),
        base: base.to_owned(),
        outcome: outcome.to_owned(),
        planted_ratio,
        n_met: tally.n_met,
        n_met_outcome: tally.n_met_outcome,
        n_clean: tally.n_clean,
        n_clean_outcome: tally.n_clean_outcome,
        n_orders_lost: tally.n_orders_lost,
        orders_lost_cents: tally.orders_lost_cents,
        note: note.to_owned(),
    };
    vec![
        effect(
            "payment_failed",
            &town.tallies.payment_failed,
            ratios.payment_failed,
            "visits with enter_address",
            "order_placed in the same visit",
            "It strikes at random, so the plain comparison at this point is fair.",
        ),
        effect(
            "slow_page",
            &town.tallies.slow_page,
            ratios.slow_page,
            "visits with add_to_cart",
            "begin_checkout in the same visit",
            "It strikes mostly on phones, where fewer check out anyway: the comparison must be made within one device.",
        ),
        effect(
            "error_shown",
            &town.tallies.error_shown,
            1.0,
            "all visits",
            "order_placed in the same visit",
            "Hesitant people look around for longer, so they meet more errors and order less; at equal length of looking around nothing is left.",
        ),
        effect(
            "rage_click",
            &town.tallies.rage_click,
            1.0,
            "visits with add_to_cart",
            "begin_checkout in the same visit",
            "People click again and again because the cart page was slow: among equally slow pages nothing is left.",
        ),
    ]
}
