//! What the bakery calls stages, tasks, channels and frictions: the same as `bakery.yaml` says, for the naive counts.

use crate::calendar::{self, DAY_MS, N_DAYS};
use crate::truth::journeys::{FrictionRule, Rules, StageRule, TaskRule};

use super::visit::SLOW_PAGE_OVER_MS;

/// What is left of a web order after flour, hands and delivery.
pub(super) const WEB_MARGIN_PERCENT: i64 = 40;
/// What is left of a purchase at the counter.
pub(super) const COUNTER_MARGIN_PERCENT: i64 = 60;

/// Gives the margin of some revenue; prices are such that it is a whole number of cents.
pub(super) fn margin_cents(revenue_cents: i64, percent: i64) -> i64 {
    assert_eq!(revenue_cents * percent % 100, 0, "{revenue_cents} cents have no whole margin");
    revenue_cents * percent / 100
}

const STAGES: &[StageRule] = &[
    StageRule {
        name: "awareness",
        enter: &["view_home", "view_product", "search", "newsletter_opened"],
        leave: &[],
        renew: &["view_home", "view_product", "search", "newsletter_opened"],
        lost_after_ms: 60 * DAY_MS,
        is_final: false,
    },
    StageRule {
        name: "consideration",
        enter: &["add_to_cart"],
        leave: &[],
        renew: &["add_to_cart", "begin_checkout"],
        lost_after_ms: 30 * DAY_MS,
        is_final: false,
    },
    StageRule {
        name: "purchase",
        enter: &["order_placed", "purchase"],
        leave: &["moved_away"],
        renew: &["order_placed", "purchase"],
        lost_after_ms: 120 * DAY_MS,
        is_final: false,
    },
    StageRule {
        name: "loyalty",
        enter: &["loyalty_bonus"],
        leave: &["moved_away"],
        renew: &["order_placed", "purchase", "loyalty_bonus"],
        lost_after_ms: 120 * DAY_MS,
        is_final: true,
    },
];

const TASKS: &[TaskRule] = &[
    TaskRule { name: "order", start: &["begin_checkout"], success: &["order_placed"], abort: &["cancel_checkout"], fail: &[] },
    TaskRule { name: "find_product", start: &["search"], success: &["view_product"], abort: &[], fail: &["no_results"] },
];

const CHANNELS: &[(&str, &str)] = &[
    ("maps", "maps"),
    ("ads", "ads"),
    ("search", "search"),
    ("social", "social"),
    ("referral", "referral"),
    ("newsletter", "newsletter"),
    ("email", "email"),
    ("shop", "shop"),
    ("phone", "phone"),
    ("letter", "post"),
];

const FRICTIONS: &[(&str, FrictionRule)] = &[
    ("payment_failed", FrictionRule::Event { events: &["payment_failed"], within_ms: 1_000 }),
    ("error_shown", FrictionRule::Event { events: &["error_shown"], within_ms: 1_000 }),
    (
        "slow_page",
        FrictionRule::SlowPage { events: &["view_home", "view_product", "search", "view_order", "slow_page"], over_ms: SLOW_PAGE_OVER_MS },
    ),
    ("rage_click", FrictionRule::RageClick { events: &["click"], clicks: 3, within_ms: 1_000 }),
    ("back_and_forth", FrictionRule::BackAndForth { events: &["view_home", "view_product", "search", "view_order"], within_ms: 10_000 }),
    ("slow_refund", FrictionRule::SlowRefund { request: &["refund_requested"], refund: &["refund"], over_ms: 14 * DAY_MS }),
    ("repeat_contact", FrictionRule::RepeatContact { events: &["phone_call", "refund_requested"], within_ms: 14 * DAY_MS }),
];

/// Gives the rules of the bakery.
pub(super) fn rules() -> Rules {
    let start_ms = |day: u32| calendar::utc_ms(day, 0);
    let first_days: Vec<u32> = (0..N_DAYS).filter(|day| *day == 0 || calendar::month(*day) != calendar::month(day - 1)).collect();
    let mut windows = vec![("2025".to_owned(), start_ms(0), start_ms(N_DAYS))];
    for (n, day) in first_days.iter().enumerate() {
        let next = first_days.get(n + 1).copied().unwrap_or(N_DAYS);
        windows.push((calendar::date(*day).format("%Y-%m").to_string(), start_ms(*day), start_ms(next)));
    }
    Rules {
        observed_until_ms: start_ms(N_DAYS),
        windows,
        stages: STAGES,
        tasks: TASKS,
        channels: CHANNELS,
        frictions: FRICTIONS,
        nps_asked: "nps_asked",
        nps_answered: "nps_answered",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use diptych_event::Spec;
    use diptych_event::spec::{self, Match};
    use diptych_event::time::parse_duration;

    use super::*;
    use crate::BAKERY_SPEC;
    use crate::truth::SESSION_GAP_MS;

    fn names(meant: Option<&Match>) -> Vec<&str> {
        meant.map_or(Vec::new(), |meant| {
            assert_eq!(meant.condition, None);
            meant.events.iter().map(String::as_str).collect()
        })
    }

    fn ms(duration: &str) -> i64 {
        parse_duration(duration).unwrap() / 1_000
    }

    #[test]
    fn the_spec_says_the_same_stages_and_tasks() {
        let spec = Spec::parse(BAKERY_SPEC).unwrap();
        assert_eq!(spec.stages.len(), STAGES.len());
        for (said, rule) in spec.stages.iter().zip(STAGES) {
            assert_eq!((said.name.text.as_str(), said.is_final), (rule.name, rule.is_final));
            assert_eq!(names(Some(&said.enter)), rule.enter);
            assert_eq!(names(said.leave.as_ref()), rule.leave);
            assert_eq!(names(said.renew.as_ref()), rule.renew);
            assert_eq!(ms(&said.lost_after.as_ref().unwrap().text), rule.lost_after_ms);
        }
        assert_eq!(spec.tasks.len(), TASKS.len());
        for rule in TASKS {
            let said = &spec.tasks[rule.name];
            assert_eq!((names(Some(&said.start)), names(Some(&said.success))), (rule.start.to_vec(), rule.success.to_vec()));
            assert_eq!((names(said.abort.as_ref()), names(said.fail.as_ref())), (rule.abort.to_vec(), rule.fail.to_vec()));
            assert_eq!((said.scope, said.reentry, &said.time_limit), (spec::TaskScope::Session, spec::Reentry::Ignore, &None));
            assert_eq!(ms(&said.timeout.as_ref().unwrap().text), SESSION_GAP_MS);
        }
        assert_eq!(spec.session_gap_us(), SESSION_GAP_MS * 1_000);
    }

    #[test]
    fn the_spec_says_the_same_channels_frictions_and_questions() {
        let spec = Spec::parse(BAKERY_SPEC).unwrap();
        let said: Vec<(&str, String)> = spec.channels.iter().map(|said| (said.name.text.as_str(), said.condition.text.clone())).collect();
        let rules: Vec<(&str, String)> = CHANNELS.iter().map(|(name, written)| (*name, format!("channel = '{written}'"))).collect();
        assert_eq!(said, rules);
        assert_eq!(spec.frictions.len(), FRICTIONS.len());
        let rules: BTreeMap<&str, &FrictionRule> = FRICTIONS.iter().map(|(name, rule)| (*name, rule)).collect();
        for (name, friction) in &spec.frictions {
            let agrees = match (friction.checked(name).unwrap(), rules[name.as_str()]) {
                (spec::FrictionRule::Event { events, merge_us }, FrictionRule::Event { events: named, within_ms }) => {
                    names(Some(events)) == *named && merge_us == within_ms * 1_000
                }
                (spec::FrictionRule::SlowPage { events, column, over_ms }, FrictionRule::SlowPage { events: named, over_ms: limit_ms }) => {
                    names(Some(events)) == *named && column == "load_ms" && i64::from(over_ms) == *limit_ms
                }
                (
                    spec::FrictionRule::RageClick { events, target, clicks, within_us, .. },
                    FrictionRule::RageClick { events: named, clicks: least, within_ms },
                ) => names(Some(events)) == *named && target == "element" && clicks as usize == *least && within_us == within_ms * 1_000,
                (spec::FrictionRule::BackAndForth { events, key, within_us }, FrictionRule::BackAndForth { events: named, within_ms }) => {
                    names(Some(events)) == *named && key == "page" && within_us == within_ms * 1_000
                }
                (
                    spec::FrictionRule::SlowRefund { request, refund, over_us },
                    FrictionRule::SlowRefund { request: asked, refund: back, over_ms },
                ) => names(Some(request)) == *asked && names(Some(refund)) == *back && over_us == over_ms * 1_000,
                (
                    spec::FrictionRule::RepeatContact { events, within_us, topic },
                    FrictionRule::RepeatContact { events: named, within_ms },
                ) => names(Some(events)) == *named && topic == Some("topic") && within_us == within_ms * 1_000,
                _ => false,
            };
            assert!(agrees, "friction \"{name}\"");
        }
        let nps = spec.surveys.nps.as_ref().unwrap();
        let rules = super::rules();
        assert_eq!((names(Some(&nps.answer)), names(nps.asked.as_ref())), (vec![rules.nps_answered], vec![rules.nps_asked]));
        let margin = format!(
            "case when source = 'web' then value_cents * {} / 5 else value_cents * {} / 5 end",
            WEB_MARGIN_PERCENT / 20,
            COUNTER_MARGIN_PERCENT / 20
        );
        assert_eq!(spec.money.margin.unwrap().text, margin);
    }
}
