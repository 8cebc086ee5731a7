//! What the bakery knows besides what happened: customers' attributes, totals per day and dated facts.
//!
//! Each table is its header and its rows.

use super::shop;
use super::town::Town;
use crate::calendar::{self, N_DAYS};
use crate::random::Random;

/// Gives what is known about customers: `customer, name, value, since`.
pub(super) fn profiles(town: &Town) -> Vec<Vec<String>> {
    let mut table = vec![header(&["customer", "name", "value", "since"])];
    for attribute in &town.profiles {
        table.push(vec![attribute.customer.clone(), attribute.name.to_owned(), attribute.value.to_owned(), attribute.since.clone()]);
    }
    table
}

/// Gives totals per day: `date, measure, channel, place, value`. They count views and passers-by, not persons.
pub(super) fn series(n_customers: u32, random: &mut Random) -> Vec<Vec<String>> {
    /// Measure, channel, place, and the usual number per customer and day.
    const MEASURES: [(&str, &str, &str, f64); 4] = [
        ("map_views", "maps", "", 0.12),
        ("ad_impressions", "ads", "", 1.6),
        ("ad_spend_eur", "ads", "", 0.014),
        ("footfall", "shop", "Hauptgasse 3", 0.25),
    ];
    let mut table = vec![header(&["date", "measure", "channel", "place", "value"])];
    for day in 0..N_DAYS {
        for (measure, channel, place, per_customer) in MEASURES {
            let value = f64::from(n_customers) * per_customer * shop::season(day) * (0.85 + 0.3 * random.unit());
            if measure == "footfall" && shop::counter_hours(day).is_none() {
                continue;
            }
            let value = (value.round() as i64).to_string();
            table.push(vec![calendar::date(day).to_string(), measure.to_owned(), channel.to_owned(), place.to_owned(), value]);
        }
    }
    table
}

/// Gives dated facts: `date, kind, note`.
pub(super) fn notes() -> Vec<Vec<String>> {
    let mut facts: Vec<(u32, &str, String)> =
        shop::HOLIDAYS.iter().map(|(day, name)| (*day, "holiday", format!("{name}: the counter is closed"))).collect();
    facts.push((shop::PRICE_LIST_DAY, "price_list", "Bread, rolls and jam cost 20 cents more".to_owned()));
    facts.push((212, "season", "August: half of the town is away".to_owned()));
    facts.push((304, "campaign", "Christmas cookies and stollen are on the shelf".to_owned()));
    facts.sort_unstable();
    let mut table = vec![header(&["date", "kind", "note"])];
    table.extend(facts.into_iter().map(|(day, kind, note)| vec![calendar::date(day).to_string(), kind.to_owned(), note]));
    table
}

fn header(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| (*column).to_owned()).collect()
}
