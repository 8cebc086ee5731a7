//! A software business: one simulated year, 2025. Companies pay, employees use, a manager decides and never logs in.
//!
//! User panel: `product.jsonl`. Customer panel: `crm.csv`, `billing.csv` and `support.jsonl`.
//! What joins them: `memberships.csv`, `merges.csv` and `profiles.csv`. `truth.json` says what is true of them.
//!
//! Three parts: [`market`] makes the companies and what happens between them and the business, [`work`] what people do in the product;
//! this module writes the files and has `crate::accounts_truth` count.

mod market;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use crate::accounts_truth::{
    BusinessTruth, Fact, FrictionKind, FrictionRule, Ledger, Membership, Merge, Money, Own, RateRule, StageRule, TaskRule, canonical_ids,
    count_accounts, count_relations, months_ms,
};
use crate::calendar::{self, DAY_MS, N_DAYS};
use crate::export::{Export, Form, cut_line, decimal, edit_line, iso_local};
use crate::random::{Random, mix};
use crate::rows::{Arrival, Row};
use crate::truth::{FileTruth, Seen, people_as_logged, people_joined};
use market::{Invoice, Market};

/// The text of the software business's `diptych.yaml`.
pub const SAAS_SPEC: &str = include_str!("saas.yaml");

/// The steps of the funnel that `truth.json` counts.
pub const SAAS_FUNNEL: [&str; 4] = ["sign_up", "import_started", "import_finished", "invite_sent"];

/// The stages of the spec.
const STAGES: [StageRule; 5] = [
    StageRule { name: "awareness", enter: &["lead", "demo_call"], leave: &[], renew: &[], lost_after_ms: Some(90 * DAY_MS) },
    StageRule { name: "trial", enter: &["trial_started"], leave: &[], renew: &[], lost_after_ms: Some(30 * DAY_MS) },
    StageRule { name: "onboarding", enter: &["import_finished"], leave: &[], renew: &[], lost_after_ms: Some(30 * DAY_MS) },
    StageRule {
        name: "active",
        enter: &["contract_signed", "contract_running", "invoice"],
        leave: &["contract_cancelled"],
        renew: &["invoice", "review_call"],
        lost_after_ms: Some(100 * DAY_MS),
    },
    StageRule { name: "advocacy", enter: &["reference_given"], leave: &["contract_cancelled"], renew: &[], lost_after_ms: None },
];

/// The tasks of the spec.
const TASKS: [TaskRule; 2] = [
    TaskRule {
        name: "import_data",
        start: "import_started",
        success: "import_finished",
        abort: &["import_cancelled"],
        fail: &["import_rejected"],
        timeout_ms: 7 * DAY_MS,
    },
    TaskRule {
        name: "invite_colleague",
        start: "invite_opened",
        success: "invite_sent",
        abort: &[],
        fail: &[],
        timeout_ms: 30 * calendar::MINUTE_MS,
    },
];

/// The frictions of the spec.
const FRICTIONS: [FrictionRule; 5] = [
    FrictionRule { name: "import_error", event: "import_error", kind: FrictionKind::Event { merge_ms: 1_000 } },
    FrictionRule { name: "slow_page", event: "page_view", kind: FrictionKind::SlowPage { over_ms: 4_000 } },
    FrictionRule { name: "error_shown", event: "error_shown", kind: FrictionKind::Event { merge_ms: 1_000 } },
    FrictionRule { name: "layout_broken", event: "layout_broken", kind: FrictionKind::Event { merge_ms: 1_000 } },
    FrictionRule { name: "repeat_contact", event: "ticket_opened", kind: FrictionKind::RepeatContact { within_ms: 7 * DAY_MS } },
];

/// Streams of the seed; companies and people have their own, see [`market`].
mod stream {
    pub const FILES: u64 = 1;
    pub const BROKEN: u64 = 2;
    pub const EVENT_IDS: u64 = 3;
}

/// A friction that costs conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SaasFriction {
    /// The first import shows errors.
    ImportError,
    /// The import page is slow.
    SlowPage,
}

/// How large a software business, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaasOptions {
    /// How many companies there are; 300 by default, 20 to 50,000.
    pub companies: u32,
    /// The seed; same seed, same bytes.
    pub seed: u64,
    /// The frictions that are met and cost nothing; none by default. The draws stay the same.
    pub effects_off: BTreeSet<SaasFriction>,
}

impl Default for SaasOptions {
    fn default() -> Self {
        Self { companies: 300, seed: 1, effects_off: BTreeSet::new() }
    }
}

impl SaasOptions {
    /// Gives the small business of 60 companies.
    pub fn small() -> Self {
        Self { companies: 60, ..Self::default() }
    }
}

/// Writes the seven files and `truth.json` into the folder, which is made if needed.
///
/// Formats: `product.jsonl` has UTC times to the millisecond; `crm.csv` Vienna time to the minute;
/// `billing.csv` is separated by `;`, with Vienna time to the minute and a decimal comma; `support.jsonl` has epoch milliseconds;
/// `memberships.csv` and `profiles.csv` have Vienna dates.
pub fn write_saas(options: &SaasOptions, dir: &Path) -> io::Result<BusinessTruth> {
    if !(20..=50_000).contains(&options.companies) {
        let message = format!("a software business has 20 to 50,000 companies, not {}", options.companies);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    fs::create_dir_all(dir)?;
    let market = Market::simulate(options);
    let mut random = Random::new(options.seed, stream::BROKEN);
    let exports = [
        product(&market, options.seed, &mut random),
        crm(&market, &mut random),
        billing(&market, &mut random),
        support(&market, &mut random),
        memberships(&market, &mut random),
        profiles(&market, &mut random),
        merges(&market),
    ];
    let mut files = BTreeMap::new();
    for (idx, export) in exports.iter().enumerate() {
        let truth = export.write(dir, &mut Random::new(options.seed, (stream::FILES << 8) + idx as u64))?;
        files.insert(export.name.to_owned(), truth);
    }
    let truth = truth(&market, options, files);
    let mut file = BufWriter::new(File::create(dir.join("truth.json"))?);
    serde_json::to_writer_pretty(&mut file, &truth)?;
    file.write_all(b"\n")?;
    file.flush()?;
    Ok(truth)
}

fn product(market: &Market, seed: u64, random: &mut Random) -> Export {
    let id_key = Random::new(seed, stream::EVENT_IDS).next_u64();
    let line = |(n, click): (usize, &work::Click)| {
        let mut object = json!({
            "id": format!("{:016x}", mix(id_key.wrapping_add(n as u64))),
            "ts": calendar::iso_utc(click.time_ms),
            "event": click.event,
            "email": if click.email.is_empty() { json!(null) } else { json!(click.email) },
            "device_id": click.device_id,
            "device": click.device,
            "page": click.page,
        });
        if let Some(load_ms) = click.load_ms {
            object["load_ms"] = json!(load_ms);
        }
        Row { time_ms: click.time_ms, event: click.event, broken: None, fields: vec![object.to_string()] }
    };
    let mut export = Export {
        name: "product.jsonl",
        form: Form::Lines,
        rows: market.clicks.iter().enumerate().map(line).collect(),
        arrival: Arrival { delay_ms_max: 3_000, late_share: 0.008, late_hours_max: 48, replayed_share: 0.003 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor", "broken_line"], "page_view", random, |kind, n, fields| {
        edit_line(fields, |object| {
            object["id"] = json!(format!("{:016x}", mix(id_key.wrapping_add(n as u64))));
            match kind {
                "unparsable_time" => object["ts"] = json!(["yesterday", "2025-13-01T10:00:00.000Z", "12:30"][n % 3]),
                "missing_actor" => (object["email"], object["device_id"]) = (json!(null), json!(null)),
                _ => {}
            }
        });
        if kind == "broken_line" {
            cut_line(fields);
        }
    });
    export
}

fn crm(market: &Market, random: &mut Random) -> Export {
    let fields = |(n, activity): (usize, &market::Activity)| Row {
        time_ms: activity.time_ms,
        event: activity.activity,
        broken: None,
        fields: vec![
            format!("a{:06}", n + 1),
            iso_local(activity.time_ms),
            activity.activity.to_owned(),
            activity.company.clone(),
            activity.channel.to_owned(),
        ],
    };
    let mut export = Export {
        name: "crm.csv",
        form: Form::Table { delimiter: b',', columns: &["activity_id", "at", "activity", "company", "channel"] },
        rows: market.activities.iter().enumerate().map(fields).collect(),
        arrival: Arrival { delay_ms_max: 0, late_share: 0.03, late_hours_max: 240, replayed_share: 0.01 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor"], "lead", random, |kind, n, fields| {
        fields[0] = format!("a{:06}", n + 1);
        match kind {
            "unparsable_time" => fields[1] = ["2025-02-30 10:00", "soon"][n % 2].to_owned(),
            _ => fields[3].clear(),
        }
    });
    export
}

fn billing(market: &Market, random: &mut Random) -> Export {
    let fields = |invoice: &Invoice| Row {
        time_ms: invoice.time_ms,
        event: invoice.kind(),
        broken: None,
        fields: vec![
            invoice.id(),
            calendar::till_local(invoice.time_ms),
            invoice.company.clone(),
            invoice.kind().to_owned(),
            decimal(invoice.cents, ','),
            invoice.currency.to_owned(),
            invoice.credit_for_id(),
        ],
    };
    let mut export = Export {
        name: "billing.csv",
        form: Form::Table { delimiter: b';', columns: &["number", "date", "company", "kind", "amount", "currency", "credit_for"] },
        rows: market.invoices.iter().map(fields).collect(),
        arrival: Arrival { delay_ms_max: 0, late_share: 0.01, late_hours_max: 120, replayed_share: 0.01 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor", "bad_amount"], "invoice", random, |kind, n, fields| {
        fields[0] = format!("X{n:06}");
        match kind {
            "unparsable_time" => fields[1] = ["31.02.2025 10:15", "offen"][n % 2].to_owned(),
            "missing_actor" => fields[2].clear(),
            _ => fields[4] = "abc".to_owned(),
        }
    });
    export
}

fn support(market: &Market, random: &mut Random) -> Export {
    let line = |(n, ticket): (usize, &market::Ticket)| {
        let object = json!({
            "id": format!("t{:06}", n + 1),
            "at": ticket.time_ms,
            "company": ticket.company,
            "channel": ticket.channel,
            "topic": ticket.topic,
        });
        Row { time_ms: ticket.time_ms, event: "ticket_opened", broken: None, fields: vec![object.to_string()] }
    };
    let mut export = Export {
        name: "support.jsonl",
        form: Form::Lines,
        rows: market.tickets.iter().enumerate().map(line).collect(),
        arrival: Arrival { delay_ms_max: 1_000, late_share: 0.01, late_hours_max: 72, replayed_share: 0.01 },
    };
    export.plant_broken(&["unparsable_time", "missing_actor"], "ticket_opened", random, |kind, n, fields| {
        edit_line(fields, |object| {
            object["id"] = json!(format!("t{:06}", n + 1));
            match kind {
                "unparsable_time" => object["at"] = json!("today"),
                _ => object["company"] = json!(null),
            }
        });
    });
    export
}

/// How records come that are written when they are made: in order and once.
const RECORDS: Arrival = Arrival { delay_ms_max: 0, late_share: 0.0, late_hours_max: 1, replayed_share: 0.0 };

fn memberships(market: &Market, random: &mut Random) -> Export {
    let row = |n: usize, record: &market::StaffRecord, withdrawn: &str, after_ms: i64| Row {
        time_ms: midnight_ms(record.since.unwrap_or(0)) + after_ms,
        event: "membership",
        broken: None,
        fields: vec![
            format!("m{:06}", n + 1),
            record.email.clone(),
            record.company.clone(),
            record.role.to_owned(),
            date(record.since),
            date(record.until),
            withdrawn.to_owned(),
        ],
    };
    let mut rows: Vec<Row> = market.staff.iter().enumerate().map(|(n, record)| row(n, record, "", 0)).collect();
    let withdrawn = market.staff.iter().enumerate().filter(|(_, record)| record.withdrawn);
    rows.extend(withdrawn.map(|(n, record)| row(n, record, "yes", 10 * DAY_MS)));
    let mut export = Export {
        name: "memberships.csv",
        form: Form::Table { delimiter: b',', columns: &["record", "employee", "company", "role", "since", "until", "withdrawn"] },
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

fn profiles(market: &Market, random: &mut Random) -> Export {
    let row = |record: &market::ProfileRecord| Row {
        time_ms: midnight_ms(record.since.unwrap_or(0)),
        event: "profile",
        broken: None,
        fields: vec![record.subject.clone(), record.attribute.to_owned(), record.value.to_owned(), date(record.since)],
    };
    let mut export = Export {
        name: "profiles.csv",
        form: Form::Table { delimiter: b',', columns: &["subject", "attribute", "value", "since"] },
        rows: market.profiles.iter().map(row).collect(),
        arrival: Arrival { replayed_share: 0.01, ..RECORDS },
    };
    export.plant_broken(&["unparsable_time", "missing_actor"], "profile", random, |kind, _, fields| match kind {
        "unparsable_time" => fields[3] = "2025-02-30".to_owned(),
        _ => fields[0].clear(),
    });
    export
}

fn merges(market: &Market) -> Export {
    let row = |n: usize, record: &market::MergeRecord, withdrawn: &str| Row {
        time_ms: midnight_ms(0) + n as i64 + if withdrawn.is_empty() { 0 } else { DAY_MS },
        event: "merge",
        broken: None,
        fields: vec![format!("g{:04}", n + 1), record.email.clone(), record.also_email.clone(), withdrawn.to_owned()],
    };
    let mut rows: Vec<Row> = market.merges.iter().enumerate().map(|(n, record)| row(n, record, "")).collect();
    let withdrawn = market.merges.iter().enumerate().filter(|(_, record)| record.withdrawn);
    rows.extend(withdrawn.map(|(n, record)| row(n, record, "yes")));
    Export {
        name: "merges.csv",
        form: Form::Table { delimiter: b',', columns: &["record", "email", "also_email", "withdrawn"] },
        rows,
        arrival: RECORDS,
    }
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

fn truth(market: &Market, options: &SaasOptions, files: BTreeMap<String, FileTruth>) -> BusinessTruth {
    let facts = facts(market);
    let memberships: Vec<Membership> = market
        .staff
        .iter()
        .map(|record| Membership {
            user: record.email.clone(),
            account: record.company.clone(),
            from_ms: record.since.map(midnight_ms),
            until_ms: record.until.map(midnight_ms),
            withdrawn: record.withdrawn,
        })
        .collect();
    let merges: Vec<Merge> = market
        .merges
        .iter()
        .map(|record| Merge { user: record.email.clone(), same_as: record.also_email.clone(), withdrawn: record.withdrawn })
        .collect();
    let canonical = canonical_ids(&merges);
    let seen = |joined: bool| -> Vec<Seen> {
        let customer = |email: &str| if joined { (*canonical.get(email).unwrap_or(&email)).to_owned() } else { email.to_owned() };
        let clicks = market.clicks.iter().enumerate();
        clicks
            .map(|(n, click)| Seen {
                visitor: click.device_id.clone(),
                customer: customer(&click.email),
                time_ms: click.time_ms,
                event_id: format!("{n:09}"),
                event: click.event,
            })
            .collect()
    };
    let accounts = count_accounts(&Ledger {
        facts: &facts,
        memberships: &memberships,
        merges: &merges,
        own: Own::Nothing,
        stages: &STAGES,
        tasks: &TASKS,
        frictions: &FRICTIONS,
        currency: "EUR",
        rates: &rates(),
        months_ms: &months_ms(),
    });
    BusinessTruth {
        business: "saas".to_owned(),
        seed: options.seed,
        n_customers_wanted: options.companies,
        effects_off: options.effects_off.iter().map(|friction| friction.name().to_owned()).collect(),
        zone: calendar::ZONE.to_owned(),
        days: [calendar::date(0).to_string(), calendar::date(N_DAYS - 1).to_string()],
        files,
        product_as_logged: people_as_logged(&seen(false), &SAAS_FUNNEL),
        product_joined: people_joined(&seen(true), &SAAS_FUNNEL),
        relations: count_relations(&memberships, &merges),
        accounts,
        counterfactual: market.counterfactual.clone(),
        effects: market.effects.clone(),
    }
}

/// Gives every accepted row of the four files of events.
fn facts(market: &Market) -> Vec<Fact> {
    let clicks = market.clicks.iter().enumerate().map(|(n, click)| Fact {
        time_ms: click.time_ms,
        event_id: format!("p{n:09}"),
        event: click.event,
        user: click.email.clone(),
        anonymous: click.device_id.clone(),
        load_ms: click.load_ms,
        ..Fact::default()
    });
    let activities = market.activities.iter().map(|activity| Fact {
        time_ms: activity.time_ms,
        event: activity.activity,
        account: activity.company.clone(),
        ..Fact::default()
    });
    let invoices = market.invoices.iter().map(|invoice| Fact {
        time_ms: invoice.time_ms,
        event: invoice.kind(),
        account: invoice.company.clone(),
        money: Some(Money {
            cents: invoice.cents,
            currency: invoice.currency,
            kind: if invoice.credit_for.is_some() { "refund" } else { "recurring" },
        }),
        ..Fact::default()
    });
    let tickets = market.tickets.iter().map(|ticket| Fact {
        time_ms: ticket.time_ms,
        event: "ticket_opened",
        account: ticket.company.clone(),
        topic: ticket.topic,
        ..Fact::default()
    });
    clicks.chain(activities).chain(invoices).chain(tickets).collect()
}

impl SaasFriction {
    /// Gives the name in the spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImportError => "import_error",
            Self::SlowPage => "slow_page",
        }
    }
}

impl Invoice {
    fn kind(&self) -> &'static str {
        if self.credit_for.is_some() { "credit_note" } else { "invoice" }
    }

    fn id(&self) -> String {
        format!("R-{}-{:03}", self.company, self.number + 1)
    }

    fn credit_for_id(&self) -> String {
        self.credit_for.map_or_else(String::new, |number| Self { number, ..self.clone() }.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_counted_by_are_those_of_the_spec() {
        let spec = diptych_event::spec::Spec::parse(SAAS_SPEC).unwrap();
        crate::accounts_truth::tests::check_rules(&spec, &STAGES, &TASKS, &FRICTIONS, &rates());
        assert!(!spec.accounts.own);
    }
}
