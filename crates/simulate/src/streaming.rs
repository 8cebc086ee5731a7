//! A music service: one simulated year, 2025. Listeners use it for free or subscribe; advertisers and labels pay for the free part.
//!
//! User panel: `app.jsonl`. Customer panel: `subscriptions.csv` and `ads.csv`. What joins them: `memberships.csv` and `profiles.csv`.
//! An impression names the listener who heard it and the advertiser who paid for it. `truth.json` says what is true of them.
//!
//! Three parts: [`audience`] makes the people and what they pay, [`listening`] what listeners do in the app;
//! this module writes the files and has `crate::accounts_truth` count.

mod audience;
mod listening;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use crate::accounts_truth::{
    BusinessTruth, Fact, FrictionKind, FrictionRule, Ledger, Membership, Money, Own, RateRule, StageRule, TaskRule, count_accounts,
    count_relations, months_ms,
};
use crate::calendar::{self, DAY_MS, MINUTE_MS, N_DAYS};
use crate::export::{Export, Form, cut_line, decimal, edit_line, iso_local};
use crate::random::{Random, mix};
use crate::rows::{Arrival, Row};
use crate::truth::{FileTruth, Seen, people_as_logged, people_joined};
use audience::{Audience, Booking, Payment};

/// The text of the music service's `diptych.yaml`.
pub const STREAMING_SPEC: &str = include_str!("streaming.yaml");

/// The steps of the funnel that `truth.json` counts.
pub const STREAMING_FUNNEL: [&str; 4] = ["app_opened", "search", "premium_viewed", "trial_requested"];

/// The stages of the spec.
const STAGES: [StageRule; 4] = [
    StageRule { name: "free", enter: &["play"], leave: &[], renew: &["play"], lost_after_ms: Some(60 * DAY_MS) },
    StageRule { name: "trial", enter: &["trial_started"], leave: &[], renew: &[], lost_after_ms: Some(40 * DAY_MS) },
    StageRule {
        name: "subscriber",
        enter: &["subscription_charged"],
        leave: &["subscription_cancelled"],
        renew: &["subscription_charged"],
        lost_after_ms: Some(40 * DAY_MS),
    },
    StageRule { name: "advocate", enter: &["friend_invited"], leave: &["subscription_cancelled"], renew: &[], lost_after_ms: None },
];

/// The tasks of the spec.
const TASKS: [TaskRule; 3] = [
    TaskRule { name: "find_music", start: "search", success: "play", abort: &[], fail: &[], timeout_ms: 30 * MINUTE_MS },
    TaskRule {
        name: "subscribe",
        start: "checkout_opened",
        success: "checkout_done",
        abort: &["checkout_left"],
        fail: &[],
        timeout_ms: 30 * MINUTE_MS,
    },
    TaskRule { name: "go_premium", start: "premium_viewed", success: "checkout_done", abort: &[], fail: &[], timeout_ms: 7 * DAY_MS },
];

/// The frictions of the spec.
const FRICTIONS: [FrictionRule; 3] = [
    FrictionRule { name: "playback_error", event: "playback_error", kind: FrictionKind::Event { merge_ms: 1_000 } },
    FrictionRule { name: "ad_too_long", event: "ad_too_long", kind: FrictionKind::Event { merge_ms: 1_000 } },
    FrictionRule { name: "payment_failed", event: "payment_failed", kind: FrictionKind::Event { merge_ms: 1_000 } },
];

/// Streams of the seed; listeners and advertisers have their own, see [`audience`].
mod stream {
    pub const FILES: u64 = 1;
    pub const BROKEN: u64 = 2;
    pub const EVENT_IDS: u64 = 3;
}

/// A friction that costs conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamingFriction {
    /// The first session has playback errors.
    PlaybackError,
    /// The first payment fails.
    PaymentFailed,
}

/// How large a music service, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamingOptions {
    /// How many listeners there are; 2,000 by default, 50 to 400,000.
    pub listeners: u32,
    /// How many advertisers and labels there are; 40 by default, 1 to 8,000.
    pub advertisers: u32,
    /// The seed; same seed, same bytes.
    pub seed: u64,
    /// The frictions that are met and cost nothing; none by default. The draws stay the same.
    pub effects_off: BTreeSet<StreamingFriction>,
}

impl Default for StreamingOptions {
    fn default() -> Self {
        Self { listeners: 2_000, advertisers: 40, seed: 1, effects_off: BTreeSet::new() }
    }
}

impl StreamingOptions {
    /// Gives the small service of 250 listeners and 10 advertisers.
    pub fn small() -> Self {
        Self { listeners: 250, advertisers: 10, ..Self::default() }
    }
}

/// Writes the five files and `truth.json` into the folder, which is made if needed.
///
/// Formats: `app.jsonl` has UTC times to the millisecond; `subscriptions.csv` Vienna time to the minute;
/// `ads.csv` is separated by `;`, with Vienna time to the minute and a decimal comma;
/// `memberships.csv` and `profiles.csv` have Vienna dates.
pub fn write_streaming(options: &StreamingOptions, dir: &Path) -> io::Result<BusinessTruth> {
    if !(50..=400_000).contains(&options.listeners) || !(1..=8_000).contains(&options.advertisers) {
        let message = format!(
            "a music service has 50 to 400,000 listeners and 1 to 8,000 advertisers, not {} and {}",
            options.listeners, options.advertisers
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    fs::create_dir_all(dir)?;
    let audience = Audience::simulate(options);
    let mut random = Random::new(options.seed, stream::BROKEN);
    let exports = [
        app(&audience, options.seed, &mut random),
        subscriptions(&audience, &mut random),
        ads(&audience, &mut random),
        memberships(&audience, &mut random),
        profiles(&audience, &mut random),
    ];
    let mut files = BTreeMap::new();
    for (idx, export) in exports.iter().enumerate() {
        let truth = export.write(dir, &mut Random::new(options.seed, (stream::FILES << 8) + idx as u64))?;
        files.insert(export.name.to_owned(), truth);
    }
    let truth = truth(&audience, options, files);
    let mut file = BufWriter::new(File::create(dir.join("truth.json"))?);
    serde_json::to_writer_pretty(&mut file, &truth)?;
    file.write_all(b"\n")?;
    file.flush()?;
    Ok(truth)
}

fn app(audience: &Audience, seed: u64, random: &mut Random) -> Export {
    let id_key = Random::new(seed, stream::EVENT_IDS).next_u64();
    let line = |(n, tap): (usize, &listening::Tap)| {
        let mut object = json!({
            "id": format!("{:016x}", mix(id_key.wrapping_add(n as u64))),
            "ts": calendar::iso_utc(tap.time_ms),
            "event": tap.event,
            "listener": tap.listener,
            "device": tap.device,
        });
        if let Some(genre) = tap.genre {
            object["genre"] = json!(genre);
        }
        if let Some((advertiser, campaign)) = &tap.advertiser {
            object["advertiser"] = json!(advertiser);
            object["campaign"] = json!(campaign);
        }
        Row { time_ms: tap.time_ms, event: tap.event, broken: None, fields: vec![object.to_string()] }
    };
    let mut export = Export {
        name: "app.jsonl",
        form: Form::Lines,
        rows: audience.taps.iter().enumerate().map(line).collect(),
        arrival: Arrival { delay_ms_max: 5_000, late_share: 0.012, late_hours_max: 72, replayed_share: 0.003 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor", "broken_line"], "play", random, |kind, n, fields| {
        edit_line(fields, |object| {
            object["id"] = json!(format!("{:016x}", mix(id_key.wrapping_add(n as u64))));
            match kind {
                "unparsable_time" => object["ts"] = json!(["yesterday", "2025-13-01T10:00:00.000Z", "12:30"][n % 3]),
                "missing_actor" => object["listener"] = json!(null),
                _ => {}
            }
        });
        if kind == "broken_line" {
            cut_line(fields);
        }
    });
    export
}

fn subscriptions(audience: &Audience, random: &mut Random) -> Export {
    let row = |payment: &Payment| Row {
        time_ms: payment.time_ms,
        event: payment.event,
        broken: None,
        fields: vec![
            payment.id(),
            iso_local(payment.time_ms),
            payment.event.to_owned(),
            payment.account.clone(),
            payment.money.map_or_else(String::new, |(cents, _)| decimal(cents, '.')),
            payment.money.map_or_else(String::new, |(_, currency)| currency.to_owned()),
            payment.refund_of.map_or_else(String::new, |number| Payment { number, ..payment.clone() }.id()),
        ],
    };
    let mut export = Export {
        name: "subscriptions.csv",
        form: Form::Table { delimiter: b',', columns: &["id", "at", "event", "account", "amount", "currency", "refund_of"] },
        rows: audience.payments.iter().map(row).collect(),
        arrival: Arrival { delay_ms_max: 0, late_share: 0.01, late_hours_max: 96, replayed_share: 0.01 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor", "bad_amount"], "subscription_charged", random, |kind, n, fields| {
        fields[0] = format!("X{n:06}");
        match kind {
            "unparsable_time" => fields[1] = ["2025-02-30 10:00", "soon"][n % 2].to_owned(),
            "missing_actor" => fields[3].clear(),
            _ => fields[4] = "abc".to_owned(),
        }
    });
    export
}

fn ads(audience: &Audience, random: &mut Random) -> Export {
    let row = |booking: &Booking| Row {
        time_ms: booking.time_ms,
        event: booking.kind,
        broken: None,
        fields: vec![
            booking.id(),
            calendar::till_local(booking.time_ms),
            booking.kind.to_owned(),
            booking.advertiser.clone(),
            booking.channel.to_owned(),
            booking.campaign.clone(),
            booking.money.map_or_else(String::new, |(cents, _)| decimal(cents, ',')),
            booking.money.map_or_else(String::new, |(_, currency)| currency.to_owned()),
            booking.credit_for.map_or_else(String::new, |number| Booking { number, ..booking.clone() }.id()),
        ],
    };
    let mut export = Export {
        name: "ads.csv",
        form: Form::Table {
            delimiter: b';',
            columns: &["number", "date", "kind", "advertiser", "channel", "campaign", "amount", "currency", "credit_for"],
        },
        rows: audience.bookings.iter().map(row).collect(),
        arrival: Arrival { delay_ms_max: 0, late_share: 0.02, late_hours_max: 120, replayed_share: 0.01 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor", "bad_amount"], "ad_invoice", random, |kind, n, fields| {
        fields[0] = format!("X{n:06}");
        match kind {
            "unparsable_time" => fields[1] = ["31.02.2025 10:15", "offen"][n % 2].to_owned(),
            "missing_actor" => fields[3].clear(),
            _ => fields[6] = "abc".to_owned(),
        }
    });
    export
}

/// How records come that are written when they are made: in order and once.
const RECORDS: Arrival = Arrival { delay_ms_max: 0, late_share: 0.0, late_hours_max: 1, replayed_share: 0.0 };

fn memberships(audience: &Audience, random: &mut Random) -> Export {
    let row = |n: usize, record: &audience::HouseholdRecord, withdrawn: &str, after_ms: i64| Row {
        time_ms: midnight_ms(record.since) + after_ms,
        event: "membership",
        broken: None,
        fields: vec![
            format!("m{:06}", n + 1),
            record.listener.clone(),
            record.household.clone(),
            record.role.to_owned(),
            date(Some(record.since)),
            date(record.until),
            withdrawn.to_owned(),
        ],
    };
    let mut rows: Vec<Row> = audience.households.iter().enumerate().map(|(n, record)| row(n, record, "", 0)).collect();
    let withdrawn = audience.households.iter().enumerate().filter(|(_, record)| record.withdrawn);
    rows.extend(withdrawn.map(|(n, record)| row(n, record, "yes", 10 * DAY_MS)));
    let mut export = Export {
        name: "memberships.csv",
        form: Form::Table { delimiter: b',', columns: &["record", "listener", "household", "role", "since", "until", "withdrawn"] },
        rows,
        arrival: RECORDS,
    };
    export.plant_broken(&["unparsable_time", "missing_actor"], "membership", random, |kind, n, fields| {
        fields[0] = format!("m{:06}", 900_001 + n);
        match kind {
            "unparsable_time" => fields[4] = "2025-02-30".to_owned(),
            _ => fields[1].clear(),
        }
    });
    export
}

fn profiles(audience: &Audience, random: &mut Random) -> Export {
    let row = |record: &audience::ProfileRecord| Row {
        time_ms: midnight_ms(record.since.unwrap_or(0)),
        event: "profile",
        broken: None,
        fields: vec![record.subject.clone(), record.attribute.to_owned(), record.value.to_owned(), date(record.since)],
    };
    let mut export = Export {
        name: "profiles.csv",
        form: Form::Table { delimiter: b',', columns: &["subject", "attribute", "value", "since"] },
        rows: audience.profiles.iter().map(row).collect(),
        arrival: Arrival { replayed_share: 0.01, ..RECORDS },
    };
    export.plant_broken(&["unparsable_time", "missing_actor"], "profile", random, |kind, _, fields| match kind {
        "unparsable_time" => fields[3] = "2025-02-30".to_owned(),
        _ => fields[0].clear(),
    });
    export
}

fn midnight_ms(day: u32) -> i64 {
    calendar::utc_ms(day, 0)
}

fn date(day: Option<u32>) -> String {
    day.map_or_else(String::new, |day| calendar::date(day).to_string())
}

/// The rates of the spec.
fn rates() -> [RateRule; 2] {
    let usd = |day, billionths| RateRule { currency: "USD", since_ms: Some(midnight_ms(day)), billionths };
    [usd(0, 930_000_000), usd(181, 887_500_000)]
}

fn truth(audience: &Audience, options: &StreamingOptions, files: BTreeMap<String, FileTruth>) -> BusinessTruth {
    let facts = facts(audience);
    let memberships: Vec<Membership> = audience
        .households
        .iter()
        .map(|record| Membership {
            user: record.listener.clone(),
            account: record.household.clone(),
            from_ms: Some(midnight_ms(record.since)),
            until_ms: record.until.map(midnight_ms),
            withdrawn: record.withdrawn,
        })
        .collect();
    let taps = audience.taps.iter().enumerate();
    let seen: Vec<Seen> = taps
        .map(|(n, tap)| Seen {
            visitor: String::new(),
            customer: tap.listener.clone(),
            time_ms: tap.time_ms,
            event_id: format!("{n:09}"),
            event: tap.event,
        })
        .collect();
    let accounts = count_accounts(&Ledger {
        facts: &facts,
        memberships: &memberships,
        merges: &[],
        own: Own::Account,
        stages: &STAGES,
        tasks: &TASKS,
        frictions: &FRICTIONS,
        currency: "EUR",
        rates: &rates(),
        months_ms: &months_ms(),
    });
    BusinessTruth {
        business: "streaming".to_owned(),
        seed: options.seed,
        n_customers_wanted: options.listeners + options.advertisers,
        effects_off: options.effects_off.iter().map(|friction| friction.name().to_owned()).collect(),
        zone: calendar::ZONE.to_owned(),
        days: [calendar::date(0).to_string(), calendar::date(N_DAYS - 1).to_string()],
        files,
        product_as_logged: people_as_logged(&seen, &STREAMING_FUNNEL),
        product_joined: people_joined(&seen, &STREAMING_FUNNEL),
        relations: count_relations(&memberships, &[]),
        accounts,
        counterfactual: audience.counterfactual.clone(),
        effects: audience.effects.clone(),
    }
}

/// Gives every accepted row of the three files of events.
fn facts(audience: &Audience) -> Vec<Fact> {
    let money = |money: Option<(i64, &'static str)>, kind| money.map(|(cents, currency)| Money { cents, currency, kind });
    let taps = audience.taps.iter().enumerate().map(|(n, tap)| Fact {
        time_ms: tap.time_ms,
        event_id: format!("t{n:09}"),
        event: tap.event,
        user: tap.listener.clone(),
        account: tap.advertiser.as_ref().map_or_else(String::new, |(advertiser, _)| advertiser.clone()),
        ..Fact::default()
    });
    let payments = audience.payments.iter().map(|payment| Fact {
        time_ms: payment.time_ms,
        event: payment.event,
        account: payment.account.clone(),
        money: money(payment.money, if payment.refund_of.is_some() { "refund" } else { "recurring" }),
        ..Fact::default()
    });
    let bookings = audience.bookings.iter().map(|booking| Fact {
        time_ms: booking.time_ms,
        event: booking.kind,
        account: booking.advertiser.clone(),
        money: money(booking.money, if booking.credit_for.is_some() { "refund" } else { "charge" }),
        ..Fact::default()
    });
    taps.chain(payments).chain(bookings).collect()
}

impl StreamingFriction {
    /// Gives the name in the spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::PlaybackError => "playback_error",
            Self::PaymentFailed => "payment_failed",
        }
    }
}

impl Payment {
    fn id(&self) -> String {
        format!("S-{}-{:03}", self.account, self.number)
    }
}

impl Booking {
    fn id(&self) -> String {
        format!("{}-{:03}", self.advertiser, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_counted_by_are_those_of_the_spec() {
        let spec = diptych_event::spec::Spec::parse(STREAMING_SPEC).unwrap();
        crate::accounts_truth::tests::check_rules(&spec, &STAGES, &TASKS, &FRICTIONS, &rates());
        assert!(spec.accounts.own);
    }
}
