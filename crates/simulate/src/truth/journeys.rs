//! What is true of the journeys of accounts: stages, tasks, use and pay, surveys, contacts and frictions.
//!
//! Counted naively from the rows of each account, in the order of time and then of event id.
//! A business says its rules as [`Rules`]; its `diptych.yaml` says the same, and a test of the business compares them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::SESSION_GAP_MS;

/// What is true of the journeys of accounts.
///
/// An account is a customer, or the visitor of anonymous rows (`anonymous:` and the visitor's id).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JourneysTruth {
    /// The end of observation of every source, epoch milliseconds.
    pub observed_until_ms: i64,
    /// Accounts with at least one accepted row.
    pub n_accounts: u64,
    /// Those of them that stayed anonymous.
    pub n_anonymous_accounts: u64,
    /// By stage, in order.
    pub stages: Vec<StageTruth>,
    /// By stage that is not final, in order.
    pub drop_offs: Vec<DropOffTruth>,
    /// By task.
    pub tasks: BTreeMap<String, TaskTruth>,
    /// The whole period, then each month.
    pub use_and_pay: Vec<UseAndPayTruth>,
    /// The survey "would you recommend us".
    pub nps: NpsTruth,
    /// By channel; channels without a touchpoint are there with 0.
    pub touchpoints: BTreeMap<String, TouchpointTruth>,
    /// By friction rule.
    pub frictions: BTreeMap<String, FrictionTruth>,
}

/// One stage. A stay begins with an entry and ends by moving on, by getting lost, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTruth {
    /// The name of the stage.
    pub stage: String,
    /// Accounts that were ever in it.
    pub n_accounts: u64,
    /// Accounts that are in it at the end of observation.
    pub n_accounts_at_end: u64,
    /// Accounts that were lost from it at least once.
    pub n_accounts_lost: u64,
    /// Accounts that moved on to a later stage at least once.
    pub n_accounts_moved_on: u64,
    /// Stays: lost + moved on + open.
    pub n_stays: u64,
    /// Stays that ended by `leave` or `lost_after`.
    pub n_stays_lost: u64,
    /// Stays that ended with an entry into a later stage.
    pub n_stays_moved_on: u64,
    /// Stays that had not ended.
    pub n_stays_open: u64,
}

/// What became of the first stay of each account in one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DropOffTruth {
    /// The name of the stage.
    pub stage: String,
    /// Accounts that were ever in it: advanced + lost + open.
    pub n_at_risk: u64,
    /// Those whose first stay ended with an entry into a later stage.
    pub n_advanced: u64,
    /// Those whose first stay ended by getting lost.
    pub n_lost: u64,
    /// Those whose first stay had not ended.
    pub n_open: u64,
}

/// The attempts at one task within sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskTruth {
    /// Attempts: succeeded + failed + abandoned + open.
    pub n_attempts: u64,
    /// Attempts that reached the goal.
    pub n_succeeded: u64,
    /// Attempts that ended with a failure event.
    pub n_failed: u64,
    /// Attempts that were given up, by an event or by a pause of over 30 minutes.
    pub n_abandoned: u64,
    /// Attempts that observation cut off.
    pub n_open: u64,
    /// People with at least one attempt.
    pub n_people: u64,
}

/// Who used the product and who paid within a window; the four counts sum to the base.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UseAndPayTruth {
    /// `2025` or `2025-03`, in the zone of the business.
    pub window: String,
    /// Accounts with a row before the window's end.
    pub n_accounts: u64,
    /// A session that started in the window, and net revenue in it above 0.
    pub n_uses_and_pays: u64,
    /// Only the first.
    pub n_uses_only: u64,
    /// Only the second.
    pub n_pays_only: u64,
    /// Neither.
    pub n_neither: u64,
    /// The net revenue of all rows in the window, cents.
    pub net_cents: i64,
}

/// The survey, and the latest answer of each account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NpsTruth {
    /// Questions sent.
    pub n_asked: u64,
    /// Accounts that were asked.
    pub n_accounts_asked: u64,
    /// Answers.
    pub n_answers: u64,
    /// Accounts that answered: promoters + passives + detractors.
    pub n_accounts_answered: u64,
    /// Accounts whose latest answer is 9 or 10.
    pub n_promoters: u64,
    /// Accounts whose latest answer is 7 or 8.
    pub n_passives: u64,
    /// Accounts whose latest answer is 0 to 6.
    pub n_detractors: u64,
}

/// The touchpoints of one channel.
///
/// A session is one touchpoint, in the channel of its first row that has one; every row outside of the web shop is one too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TouchpointTruth {
    /// Touchpoints.
    pub n_touchpoints: u64,
    /// Accounts with at least one.
    pub n_accounts: u64,
}

/// The episodes of one friction rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FrictionTruth {
    /// Episodes.
    pub n_episodes: u64,
    /// Of a slow refund: episodes in which no money had come back at the end of observation; otherwise 0.
    pub n_without_end: u64,
    /// Accounts with at least one.
    pub n_accounts: u64,
}

/// One accepted row of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened<'a> {
    pub time_ms: i64,
    pub event_id: &'a str,
    pub event: &'static str,
    /// Whether it is activity in the web shop.
    pub on_web: bool,
    pub channel: &'static str,
    pub page: &'a str,
    pub element: &'static str,
    pub topic: &'static str,
    pub load_ms: Option<i64>,
    pub score: Option<i64>,
    /// Money; refunds are negative.
    pub cents: Option<i64>,
}

/// The events that are meant.
pub(crate) type Events = &'static [&'static str];

/// What a business calls stages, tasks, channels and frictions.
pub(crate) struct Rules {
    pub observed_until_ms: i64,
    /// Name, first instant and end of each window.
    pub windows: Vec<(String, i64, i64)>,
    pub stages: &'static [StageRule],
    pub tasks: &'static [TaskRule],
    /// The name of the rule, and the channel that files say.
    pub channels: &'static [(&'static str, &'static str)],
    pub frictions: &'static [(&'static str, FrictionRule)],
    pub nps_asked: &'static str,
    pub nps_answered: &'static str,
}

/// A stage; see `StageSpec`.
pub(crate) struct StageRule {
    pub name: &'static str,
    pub enter: Events,
    pub leave: Events,
    pub renew: Events,
    pub lost_after_ms: i64,
    pub is_final: bool,
}

/// A task within sessions; see `TaskSpec`.
pub(crate) struct TaskRule {
    pub name: &'static str,
    pub start: Events,
    pub success: Events,
    pub abort: Events,
    pub fail: Events,
}

/// A friction; see `FrictionSpec`.
pub(crate) enum FrictionRule {
    Event { events: Events, within_ms: i64 },
    SlowPage { events: Events, over_ms: i64 },
    RageClick { events: Events, clicks: usize, within_ms: i64 },
    BackAndForth { events: Events, within_ms: i64 },
    SlowRefund { request: Events, refund: Events, over_ms: i64 },
    RepeatContact { events: Events, within_ms: i64 },
}

/// Counts the journeys of accounts; O(rows log rows + accounts × windows).
pub(crate) fn journeys(accounts: &mut BTreeMap<&str, Vec<Happened>>, is_anonymous: impl Fn(&str) -> bool, rules: &Rules) -> JourneysTruth {
    let mut truth = JourneysTruth {
        observed_until_ms: rules.observed_until_ms,
        n_accounts: accounts.len() as u64,
        n_anonymous_accounts: accounts.keys().filter(|account| is_anonymous(account)).count() as u64,
        stages: rules.stages.iter().map(|stage| StageTruth { stage: stage.name.to_owned(), ..StageTruth::default() }).collect(),
        tasks: rules.tasks.iter().map(|task| (task.name.to_owned(), TaskTruth::default())).collect(),
        use_and_pay: rules.windows.iter().map(|(name, ..)| UseAndPayTruth { window: name.clone(), ..UseAndPayTruth::default() }).collect(),
        touchpoints: rules.channels.iter().map(|(name, _)| ((*name).to_owned(), TouchpointTruth::default())).collect(),
        frictions: rules.frictions.iter().map(|(name, _)| ((*name).to_owned(), FrictionTruth::default())).collect(),
        ..JourneysTruth::default()
    };
    let mut drop_offs: Vec<DropOffTruth> =
        rules.stages.iter().map(|stage| DropOffTruth { stage: stage.name.to_owned(), ..DropOffTruth::default() }).collect();
    for rows in accounts.values_mut() {
        rows.sort_by(|a, b| (a.time_ms, a.event_id).cmp(&(b.time_ms, b.event_id)));
        let sessions = sessions(rows);
        count_stages(rows, rules, &mut truth.stages, &mut drop_offs);
        for task in rules.tasks {
            count_attempts(&sessions, task, rules.observed_until_ms, truth.tasks.get_mut(task.name).expect("made above"));
        }
        for ((_, from_ms, until_ms), window) in rules.windows.iter().zip(&mut truth.use_and_pay) {
            count_use_and_pay(rows, &sessions, *from_ms, *until_ms, window);
        }
        count_nps(rows, rules, &mut truth.nps);
        count_touchpoints(rows, &sessions, rules, &mut truth.touchpoints);
        for (name, rule) in rules.frictions {
            count_episodes(rows, &sessions, rule, rules.observed_until_ms, truth.frictions.get_mut(*name).expect("made above"));
        }
    }
    truth.drop_offs = drop_offs.into_iter().zip(rules.stages).filter(|(_, stage)| !stage.is_final).map(|(drop_off, _)| drop_off).collect();
    truth
}

/// Gives the sessions of an account: its web rows, cut at pauses of over 30 minutes.
fn sessions<'a>(rows: &[Happened<'a>]) -> Vec<Vec<Happened<'a>>> {
    let mut sessions: Vec<Vec<Happened>> = Vec::new();
    for row in rows.iter().filter(|row| row.on_web) {
        match sessions.last_mut() {
            Some(session) if row.time_ms - session[session.len() - 1].time_ms <= SESSION_GAP_MS => session.push(*row),
            _ => sessions.push(vec![*row]),
        }
    }
    sessions
}

/// How a stay in a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    MovedOn,
    Lost,
    Open,
}

/// Walks through the stages; gives the stage and the end of each stay, in order.
fn stays(rows: &[Happened], stages: &[StageRule], observed_until_ms: i64) -> Vec<(usize, End)> {
    let mut stays = Vec::new();
    // The stage, and the instant of entering or of the last renewal.
    let mut at: Option<(usize, i64)> = None;
    for row in rows {
        if let Some((stage, clock_ms)) = at
            && clock_ms + stages[stage].lost_after_ms < row.time_ms
        {
            stays.push((stage, End::Lost));
            at = None;
        }
        if let Some((stage, _)) = at
            && stages[stage].leave.contains(&row.event)
        {
            stays.push((stage, End::Lost));
            at = None;
        }
        let highest = (0..stages.len()).rev().find(|stage| stages[*stage].enter.contains(&row.event));
        match (at, highest) {
            (None, Some(entered)) => at = Some((entered, row.time_ms)),
            (Some((stage, _)), Some(entered)) if stage < entered => {
                stays.push((stage, End::MovedOn));
                at = Some((entered, row.time_ms));
            }
            (Some((stage, _)), _) if stages[stage].renew.contains(&row.event) => at = Some((stage, row.time_ms)),
            _ => {}
        }
    }
    if let Some((stage, clock_ms)) = at {
        let lapsed = clock_ms + stages[stage].lost_after_ms <= observed_until_ms;
        stays.push((stage, if lapsed { End::Lost } else { End::Open }));
    }
    stays
}

fn count_stages(rows: &[Happened], rules: &Rules, stages: &mut [StageTruth], drop_offs: &mut [DropOffTruth]) {
    let stays = stays(rows, rules.stages, rules.observed_until_ms);
    for (idx, (stage, drop_off)) in stages.iter_mut().zip(drop_offs).enumerate() {
        let ends: Vec<End> = stays.iter().filter(|(stage, _)| *stage == idx).map(|(_, end)| *end).collect();
        let n = |end: End| ends.iter().filter(|found| **found == end).count() as u64;
        stage.n_accounts += u64::from(!ends.is_empty());
        stage.n_accounts_at_end += u64::from(ends.contains(&End::Open));
        stage.n_accounts_lost += u64::from(ends.contains(&End::Lost));
        stage.n_accounts_moved_on += u64::from(ends.contains(&End::MovedOn));
        stage.n_stays += ends.len() as u64;
        stage.n_stays_lost += n(End::Lost);
        stage.n_stays_moved_on += n(End::MovedOn);
        stage.n_stays_open += n(End::Open);
        if let Some(first) = ends.first() {
            drop_off.n_at_risk += 1;
            match first {
                End::MovedOn => drop_off.n_advanced += 1,
                End::Lost => drop_off.n_lost += 1,
                End::Open => drop_off.n_open += 1,
            }
        }
    }
}

/// Counts attempts as METRICS 1.2 says: within a session, another start ignored; what observation cuts off is neither.
fn count_attempts(sessions: &[Vec<Happened>], task: &TaskRule, observed_until_ms: i64, truth: &mut TaskTruth) {
    let n_before = truth.n_attempts;
    for session in sessions {
        let mut is_open = false;
        for row in session {
            if !is_open {
                is_open = task.start.contains(&row.event);
                truth.n_attempts += u64::from(is_open);
                continue;
            }
            let ended = if task.success.contains(&row.event) {
                &mut truth.n_succeeded
            } else if task.fail.contains(&row.event) {
                &mut truth.n_failed
            } else if task.abort.contains(&row.event) {
                &mut truth.n_abandoned
            } else {
                continue;
            };
            *ended += 1;
            is_open = false;
        }
        if is_open {
            let pause_ms = observed_until_ms - session[session.len() - 1].time_ms;
            *(if SESSION_GAP_MS < pause_ms { &mut truth.n_abandoned } else { &mut truth.n_open }) += 1;
        }
    }
    truth.n_people += u64::from(n_before < truth.n_attempts);
}

fn count_use_and_pay(rows: &[Happened], sessions: &[Vec<Happened>], from_ms: i64, until_ms: i64, truth: &mut UseAndPayTruth) {
    if until_ms <= rows[0].time_ms {
        return;
    }
    let within = |time_ms: i64| from_ms <= time_ms && time_ms < until_ms;
    let uses = sessions.iter().any(|session| within(session[0].time_ms));
    let net_cents: i64 = rows.iter().filter(|row| within(row.time_ms)).filter_map(|row| row.cents).sum();
    truth.n_accounts += 1;
    truth.net_cents += net_cents;
    *(match (uses, 0 < net_cents) {
        (true, true) => &mut truth.n_uses_and_pays,
        (true, false) => &mut truth.n_uses_only,
        (false, true) => &mut truth.n_pays_only,
        (false, false) => &mut truth.n_neither,
    }) += 1;
}

fn count_nps(rows: &[Happened], rules: &Rules, truth: &mut NpsTruth) {
    let n_asked = rows.iter().filter(|row| row.event == rules.nps_asked).count() as u64;
    truth.n_asked += n_asked;
    truth.n_accounts_asked += u64::from(0 < n_asked);
    let scores: Vec<i64> = rows.iter().filter(|row| row.event == rules.nps_answered).filter_map(|row| row.score).collect();
    truth.n_answers += scores.len() as u64;
    if let Some(latest) = scores.last() {
        truth.n_accounts_answered += 1;
        *(match latest {
            9.. => &mut truth.n_promoters,
            7..=8 => &mut truth.n_passives,
            _ => &mut truth.n_detractors,
        }) += 1;
    }
}

fn count_touchpoints(rows: &[Happened], sessions: &[Vec<Happened>], rules: &Rules, truth: &mut BTreeMap<String, TouchpointTruth>) {
    let channel = |row: &Happened| rules.channels.iter().find(|(_, written)| *written == row.channel).map(|(name, _)| *name);
    let first_of_session = sessions.iter().filter_map(|session| session.iter().find_map(channel));
    let outside = rows.iter().filter(|row| !row.on_web).filter_map(channel);
    let mut met = BTreeSet::new();
    for name in first_of_session.chain(outside) {
        let channel = truth.get_mut(name).expect("made before");
        channel.n_touchpoints += 1;
        channel.n_accounts += u64::from(met.insert(name));
    }
}

fn count_episodes(rows: &[Happened], sessions: &[Vec<Happened>], rule: &FrictionRule, observed_until_ms: i64, truth: &mut FrictionTruth) {
    let n_before = truth.n_episodes;
    let named =
        |rows: &[Happened], events: Events| -> Vec<usize> { (0..rows.len()).filter(|n| events.contains(&rows[*n].event)).collect() };
    match rule {
        FrictionRule::Event { events, within_ms } => {
            for session in sessions {
                let met = named(session, events);
                let is_new = |n: usize| n == 0 || *within_ms < session[met[n]].time_ms - session[met[n - 1]].time_ms;
                truth.n_episodes += (0..met.len()).filter(|n| is_new(*n)).count() as u64;
            }
        }
        FrictionRule::SlowPage { events, over_ms } => {
            let is_slow = |row: &&Happened| events.contains(&row.event) && row.load_ms.is_some_and(|load_ms| *over_ms < load_ms);
            truth.n_episodes += sessions.iter().flatten().filter(is_slow).count() as u64;
        }
        FrictionRule::RageClick { events, clicks, within_ms } => {
            for session in sessions {
                let found = named(session, events);
                // Runs of the least number of clicks that are fast enough; those that share a click are one episode.
                let mut last_start = None;
                for (start, run) in found.windows(*clicks).enumerate() {
                    let (first, last) = (&session[run[0]], &session[run[clicks - 1]]);
                    let on_one_target = !first.element.is_empty() && run.iter().all(|n| session[*n].element == first.element);
                    if on_one_target && last.time_ms - first.time_ms <= *within_ms {
                        truth.n_episodes += u64::from(last_start.is_none_or(|last_start| last_start + clicks <= start));
                        last_start = Some(start);
                    }
                }
            }
        }
        FrictionRule::BackAndForth { events, within_ms } => {
            for session in sessions {
                // A page shown again at once is one stay (METRICS 1.8: reloads are collapsed first).
                let mut seen = named(session, events);
                seen.dedup_by(|later, earlier| session[*later].page == session[*earlier].page);
                let returns = seen.windows(3).filter(|triple| {
                    let [first, away, back] = [0, 1, 2].map(|n| &session[triple[n]]);
                    first.page == back.page && away.page != back.page && back.time_ms - away.time_ms <= *within_ms
                });
                truth.n_episodes += returns.count() as u64;
            }
        }
        FrictionRule::SlowRefund { request, refund, over_ms } => {
            for asked in rows.iter().filter(|row| request.contains(&row.event)) {
                let back = rows.iter().find(|row| refund.contains(&row.event) && asked.time_ms <= row.time_ms);
                let is_slow = *over_ms < back.map_or(observed_until_ms, |row| row.time_ms) - asked.time_ms;
                truth.n_episodes += u64::from(is_slow);
                truth.n_without_end += u64::from(is_slow && back.is_none());
            }
        }
        FrictionRule::RepeatContact { events, within_ms } => {
            let contacts = named(rows, events);
            for (n, contact) in contacts.iter().enumerate() {
                let before = contacts[..n].iter().rev().find(|before| rows[**before].topic == rows[*contact].topic);
                truth.n_episodes += u64::from(before.is_some_and(|before| rows[*contact].time_ms - rows[*before].time_ms <= *within_ms));
            }
        }
    }
    truth.n_accounts += u64::from(n_before < truth.n_episodes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn row(time_ms: i64, event: &'static str) -> Happened<'static> {
        let (page, element) = ("", "");
        let nothing = (None, None, None);
        Happened {
            time_ms,
            event_id: "",
            event,
            on_web: true,
            channel: "",
            page,
            element,
            topic: "",
            load_ms: nothing.0,
            score: nothing.1,
            cents: nothing.2,
        }
    }

    const STAGES: &[StageRule] = &[
        StageRule { name: "looks", enter: &["look"], leave: &[], renew: &["look"], lost_after_ms: 10 * DAY_MS, is_final: false },
        StageRule { name: "buys", enter: &["buy"], leave: &["go"], renew: &[], lost_after_ms: 10 * DAY_MS, is_final: false },
        StageRule {
            name: "stays",
            enter: &["bonus", "buy_gold"],
            leave: &["go"],
            renew: &["buy"],
            lost_after_ms: 10 * DAY_MS,
            is_final: true,
        },
    ];

    /// Checks the stays of one account whose rows happen on the given days, observed until a day.
    #[track_caller]
    fn check(rows: &[(i64, &'static str)], until_day: i64, expected: &[(usize, End)]) {
        let rows: Vec<Happened> = rows.iter().map(|(day, event)| row(day * DAY_MS, event)).collect();
        assert_eq!(stays(&rows, STAGES, until_day * DAY_MS), expected);
    }

    #[test]
    fn accounts_move_on_in_time_and_get_lost_after_it() {
        use End::{Lost, MovedOn, Open};
        check(&[(0, "look"), (10, "buy")], 12, &[(0, MovedOn), (1, Open)]);
        check(&[(0, "look"), (11, "buy")], 12, &[(0, Lost), (1, Open)]);
        check(&[(0, "look"), (10, "look"), (20, "buy")], 20, &[(0, MovedOn), (1, Open)]);
        check(&[(0, "buy")], 9, &[(1, Open)]);
        check(&[(0, "buy")], 10, &[(1, Lost)]);
    }

    #[test]
    fn earlier_stages_are_not_entered_again_before_getting_lost() {
        use End::{Lost, MovedOn, Open};
        check(&[(0, "buy"), (1, "look")], 2, &[(1, Open)]);
        check(&[(0, "buy"), (1, "go"), (1, "look"), (2, "bonus")], 3, &[(1, Lost), (0, MovedOn), (2, Open)]);
        // Buying does not renew "buys", which does not say so; it renews "stays".
        check(&[(0, "buy"), (9, "buy")], 10, &[(1, Lost)]);
        check(&[(0, "bonus"), (9, "buy")], 18, &[(2, Open)]);
        check(&[(0, "go"), (1, "pay")], 18, &[]);
    }

    #[test]
    fn attempts_agree_with_the_published_vector() {
        // METRICS 1.2, with every time three times as long, because the pause is 30 minutes here and 10 there.
        let events = "0 S,10 x,20 G,30 S,40 S,100 G,120 x,200 S,900 G,1000 S,1100 x";
        let name = |letter| {
            if letter == "S" {
                "S"
            } else if letter == "G" {
                "G"
            } else {
                "x"
            }
        };
        let rows: Vec<Happened> = events
            .split(',')
            .map(|event| event.split_once(' ').unwrap())
            .map(|(seconds, letter)| row(3_000 * seconds.parse::<i64>().unwrap(), name(letter)))
            .collect();
        let task = TaskRule { name: "task", start: &["S"], success: &["G"], abort: &[], fail: &[] };
        let mut truth = TaskTruth::default();
        count_attempts(&sessions(&rows), &task, 3_000 * 1_100, &mut truth);
        assert_eq!(truth, TaskTruth { n_attempts: 4, n_succeeded: 2, n_failed: 0, n_abandoned: 1, n_open: 1, n_people: 1 });
    }

    #[track_caller]
    fn check_episodes(rule: &FrictionRule, rows: &[Happened], n_episodes: u64) {
        let mut truth = FrictionTruth::default();
        count_episodes(rows, &sessions(rows), rule, 0, &mut truth);
        assert_eq!((truth.n_episodes, truth.n_accounts), (n_episodes, u64::from(0 < n_episodes)));
    }

    #[test]
    fn rapid_clicks_agree_with_the_published_vectors() {
        // METRICS 1.10: R1 to R4, R7 to R9.
        let rule = FrictionRule::RageClick { events: &["click"], clicks: 3, within_ms: 1_000 };
        let clicks = |times: &[i64], targets: &[&'static str]| -> Vec<Happened<'static>> {
            times.iter().zip(targets).map(|(time_ms, element)| Happened { element, ..row(*time_ms, "click") }).collect()
        };
        let on_one = ["b"; 12];
        check_episodes(&rule, &clicks(&[0, 200, 400], &on_one), 1);
        check_episodes(&rule, &clicks(&[0, 900, 1_800], &on_one), 0);
        check_episodes(&rule, &clicks(&[0, 500, 1_000], &on_one), 1);
        check_episodes(&rule, &clicks(&[0, 500, 1_001], &on_one), 0);
        check_episodes(&rule, &clicks(&[0, 150, 300, 450, 600, 750], &on_one), 1);
        check_episodes(&rule, &clicks(&[0, 200, 400], &["b", "c", "b"]), 0);
        check_episodes(&rule, &clicks(&[0, 200], &on_one), 0);
        check_episodes(&rule, &clicks(&[0, 200, 400, 9_000, 9_200, 9_400], &on_one), 2);
    }

    #[test]
    fn returns_agree_with_the_published_vector() {
        // METRICS 1.9: ABACADABCBA has 4 returns where stays do not matter.
        let pages = ["A", "B", "A", "C", "A", "D", "A", "B", "C", "B", "A"];
        let rows = |stay_ms: i64| -> Vec<Happened<'static>> {
            pages.iter().enumerate().map(|(n, page)| Happened { page, ..row(stay_ms * n as i64, "view") }).collect()
        };
        let rule = FrictionRule::BackAndForth { events: &["view"], within_ms: 10_000 };
        check_episodes(&rule, &rows(10_000), 4);
        check_episodes(&rule, &rows(10_001), 0);
    }
}
