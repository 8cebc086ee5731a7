//! The companies, and what they and their employees do in the year.
//!
//! Each company, each trial, each contract and each employee has its own stream of random numbers, and how a trial ends decides only what
//! comes after it. So taking one friction away changes exactly the trials that it struck, and what follows from them.

use super::work::{self, Click, ImportEnd, Obstacles, Seat, Walk};
use super::{SaasFriction, SaasOptions};
use crate::accounts_truth::{ConversionEffect, CounterfactualTruth};
use crate::calendar::{self, HOUR_MS, N_DAYS};
use crate::export::{Minutes, put_apart};
use crate::random::Random;

/// The probability that a trial gets its data in is multiplied by this when the first import showed errors.
const IMPORT_ERROR_RATIO: f64 = 0.45;
/// The same when the import page was slow.
const SLOW_PAGE_RATIO: f64 = 0.60;

/// How often the first import shows errors: to people of high and of low device skill.
const IMPORT_ERROR_SHARE: [f64; 2] = [0.22, 0.48];
/// How often the import page is slow: on desktops and on phones.
const SLOW_PAGE_SHARE: [f64; 2] = [0.14, 0.42];

/// A trial that began at most this many days before the end of the year had the time to convert within it.
const DECISION_DAYS: u32 = 30;

/// What a stream is for; the files use the small numbers.
#[derive(Clone, Copy)]
enum Stream {
    Company = 1,
    Person,
    Trial,
    Contract,
    Support,
    Moves,
}

fn open(seed: u64, stream: Stream, company: u32, person: u32) -> Random {
    Random::new(seed, ((stream as u64) << 56) + (u64::from(company) << 24) + u64::from(person))
}

/// One row of the CRM, on a whole minute.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub time_ms: i64,
    pub activity: &'static str,
    pub company: String,
    pub channel: &'static str,
}

/// One invoice or credit note, on a whole minute.
#[derive(Clone, Debug)]
pub(super) struct Invoice {
    pub time_ms: i64,
    pub company: String,
    /// Above 0 for an invoice, below for a credit note.
    pub cents: i64,
    pub currency: &'static str,
    /// The number of the invoice among the company's, and of the one that is credited.
    pub number: u32,
    pub credit_for: Option<u32>,
}

/// One contact with support.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub time_ms: i64,
    pub company: String,
    pub channel: &'static str,
    pub topic: &'static str,
}

/// One row about who belongs where, from and until local midnights.
#[derive(Clone, Debug)]
pub(super) struct StaffRecord {
    pub email: String,
    pub company: String,
    pub role: &'static str,
    pub since: Option<u32>,
    pub until: Option<u32>,
    pub withdrawn: bool,
}

/// One attribute of a company or an employee.
#[derive(Clone, Debug)]
pub(super) struct ProfileRecord {
    pub subject: String,
    pub attribute: &'static str,
    pub value: &'static str,
    pub since: Option<u32>,
}

/// Two e-mail addresses said to be one person.
#[derive(Clone, Debug)]
pub(super) struct MergeRecord {
    pub email: String,
    pub also_email: String,
    pub withdrawn: bool,
}

/// Everything that happened.
#[derive(Debug)]
pub(super) struct Market {
    /// In the order of time, at distinct milliseconds, none of them on a whole minute.
    pub clicks: Vec<Click>,
    /// See `clicks`: no ticket is at the instant of a click either.
    pub tickets: Vec<Ticket>,
    /// In the order of time; whole minutes, distinct per company together with the invoices.
    pub activities: Vec<Activity>,
    pub invoices: Vec<Invoice>,
    pub staff: Vec<StaffRecord>,
    pub profiles: Vec<ProfileRecord>,
    pub merges: Vec<MergeRecord>,
    pub effects: Vec<ConversionEffect>,
    pub counterfactual: CounterfactualTruth,
}

/// A company.
#[derive(Clone, Debug)]
struct Company {
    number: u32,
    id: String,
    /// Whether its contract is older than the year.
    existing: bool,
    size_idx: usize,
    n_staff: u32,
    /// How well the product suits it, 0 to 1.
    fit: f64,
    currency: &'static str,
    yearly: bool,
    channel: &'static str,
    lead_day: u32,
    champion_on_phone: bool,
    champion_skill_low: bool,
    /// The first and the last day of the contract, if there is one.
    contract: Option<(u32, u32)>,
}

/// How far a trial gets, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Tried,
    Imported,
    Signed,
}

/// What decides a trial: uniform draws, and what it met.
#[derive(Clone, Copy, Debug)]
struct TrialDraws {
    import: f64,
    sign: f64,
    import_error: bool,
    slow_page: bool,
}

impl TrialDraws {
    fn reach(&self, company: &Company, options: &SaasOptions, import_error: bool, slow_page: bool) -> Reach {
        let ratio = |met: bool, friction, ratio| if met && !options.effects_off.contains(&friction) { ratio } else { 1.0 };
        let by_skill = if company.champion_skill_low { 0.82 } else { 1.0 };
        let by_device = if company.champion_on_phone { 0.65 } else { 1.0 };
        let import = (0.72 + 0.28 * company.fit)
            * by_skill
            * ratio(import_error, SaasFriction::ImportError, IMPORT_ERROR_RATIO)
            * ratio(slow_page, SaasFriction::SlowPage, SLOW_PAGE_RATIO);
        if import <= self.import {
            return Reach::Tried;
        }
        if (0.25 + 0.9 * company.fit) * by_device <= self.sign { Reach::Imported } else { Reach::Signed }
    }
}

impl Market {
    /// Simulates the year; O(people × days).
    pub fn simulate(options: &SaasOptions) -> Self {
        let mut market = Self {
            clicks: Vec::new(),
            tickets: Vec::new(),
            activities: Vec::new(),
            invoices: Vec::new(),
            staff: Vec::new(),
            profiles: Vec::new(),
            merges: Vec::new(),
            effects: effects(options),
            counterfactual: CounterfactualTruth {
                conversion: "companies in trial that sign a contract".to_owned(),
                n_converted_without: [("import_error".to_owned(), 0), ("slow_page".to_owned(), 0)].into(),
                ..CounterfactualTruth::default()
            },
        };
        let companies: Vec<Company> = (0..options.companies).map(|number| market.live(number, options)).collect();
        market.move_people(&companies, options.seed);
        market.activities.sort_by(|a, b| (a.time_ms, &a.company).cmp(&(b.time_ms, &b.company)));
        market.invoices.sort_by(|a, b| (a.time_ms, &a.company).cmp(&(b.time_ms, &b.company)));
        market.put_apart();
        market
    }

    /// Simulates one company with its employees, except for those who move.
    fn live(&mut self, number: u32, options: &SaasOptions) -> Company {
        let mut company = Company::draw(number, options.seed);
        let mut desk = Minutes::default();
        if company.existing {
            self.activity(
                &company,
                &mut desk,
                0,
                [6, 7],
                "contract_running",
                "sales_call",
                &mut open(options.seed, Stream::Contract, number, 1),
            );
            company.contract = Some((0, N_DAYS));
        } else {
            company.contract = self.court(&company, &mut desk, options).map(|day| (day, N_DAYS));
        }
        if let Some((first_day, _)) = company.contract {
            company.contract = Some((first_day, self.fulfil(&company, first_day, &mut desk, options.seed)));
        }
        self.record_company(&company);
        self.employ(&company, options.seed);
        self.call_support(&company, options.seed);
        company
    }

    /// From the first contact to the end of the trial; gives the day of the signature.
    fn court(&mut self, company: &Company, desk: &mut Minutes, options: &SaasOptions) -> Option<u32> {
        let mut random = open(options.seed, Stream::Trial, company.number, 0);
        let lead_day = company.lead_day;
        self.activity(company, desk, lead_day, [9, 17], "lead", company.channel, &mut random);
        self.add_staff(company, company.decider(), "decider", Some(lead_day), None);
        if random.chance(0.6) {
            self.activity(company, desk, lead_day + 3 + random.below(4) as u32, [9, 17], "demo_call", "sales_call", &mut random);
        }
        let trial_day = lead_day + random.between(7, 24) as u32;
        let goes_on = random.unit() < 0.55 + 0.4 * company.fit;
        let champion = Person::draw(company, 0, options.seed);
        let n_visits = random.between(0, 3);
        for _ in 0..n_visits {
            let day = lead_day + random.below(u64::from(trial_day - lead_day)) as u32;
            if day < N_DAYS {
                Walk::anonymous(champion.seat(), work::start_ms(day, &mut random), &mut random, &mut self.clicks).look_at_site();
            }
        }
        if !goes_on || N_DAYS <= trial_day {
            return None;
        }
        self.try_out(company, &champion, trial_day, desk, options, &mut random)
    }

    fn try_out(
        &mut self,
        company: &Company,
        champion: &Person,
        trial_day: u32,
        desk: &mut Minutes,
        options: &SaasOptions,
        random: &mut Random,
    ) -> Option<u32> {
        let skill_idx = usize::from(company.champion_skill_low);
        let device_idx = usize::from(company.champion_on_phone);
        let draws = TrialDraws {
            import: random.unit(),
            sign: random.unit(),
            import_error: random.chance(IMPORT_ERROR_SHARE[skill_idx]),
            slow_page: random.chance(SLOW_PAGE_SHARE[device_idx]),
        };
        let reach = draws.reach(company, options, draws.import_error, draws.slow_page);
        let n_import_errors = if draws.import_error { random.between(1, 3) as u32 } else { 0 };
        let obstacles = Obstacles { slow_page: draws.slow_page, n_import_errors };
        let import_day = trial_day + random.between(1, 3) as u32;
        let pauses = random.chance(0.3);
        let gives_up = [ImportEnd::Cancelled, ImportEnd::Rejected, ImportEnd::Paused][random.pick(&[0.4, 0.2, 0.4])];
        let retries = random.chance(0.3);
        let sign_day = trial_day + random.between(14, i64::from(DECISION_DAYS)) as u32;
        // What suits is looked at more often; that is what makes harmless errors look like good company.
        let n_looks = random.between(1, 2) + (16.0 * company.fit * company.fit) as i64;

        self.activity(company, desk, trial_day, [7, 7], "trial_started", "product", random);
        self.add_staff(company, champion.email.clone(), "user", Some(trial_day), None);
        self.record_skill(champion, Some(trial_day));
        let (mut n_errors_shown, mut n_layouts_broken) = (0, 0);
        let mut session = |clicks: &mut Vec<Click>, random: &mut Random, day: u32, what: &dyn Fn(&mut Walk)| {
            if day < N_DAYS {
                let start_ms = work::start_ms(day, random);
                let mut walk = Walk::signed_in(champion.seat(), start_ms, random, clicks);
                what(&mut walk);
                n_errors_shown += walk.n_errors_shown;
                n_layouts_broken += walk.n_layouts_broken;
            }
        };
        let start_ms = work::start_ms(trial_day, random);
        let mut first = Walk::anonymous(champion.seat(), start_ms, random, &mut self.clicks);
        first.look_at_site();
        first.sign_up();
        let first_end = match (Reach::Imported <= reach, pauses) {
            (true, false) => ImportEnd::Finished,
            (true, true) => ImportEnd::Paused,
            (false, _) => gives_up,
        };
        session(&mut self.clicks, random, import_day, &|walk| walk.import(obstacles, first_end));
        if first_end == ImportEnd::Paused && Reach::Imported <= reach {
            session(&mut self.clicks, random, import_day + 1, &|walk| walk.finish_import());
        } else if reach == Reach::Tried && retries {
            let nothing = Obstacles { slow_page: false, n_import_errors: 0 };
            session(&mut self.clicks, random, import_day + 3, &|walk| walk.import(nothing, ImportEnd::Cancelled));
        }
        for look in 0..n_looks {
            let day = import_day + 2 + look as u32;
            let n_pages = 3 + random.below(4) as usize;
            let sends = random.chance(0.7);
            session(&mut self.clicks, random, day, &|walk| {
                walk.work(n_pages);
                if look == 0 {
                    walk.invite(sends);
                }
            });
        }

        // The others of a trial that is still undecided when the year ends could not be seen to convert.
        if trial_day + DECISION_DAYS < N_DAYS {
            let reached = |import_error, slow_page| draws.reach(company, options, import_error, slow_page);
            let signed = reach == Reach::Signed;
            let imported = Reach::Imported <= reach;
            let met = [draws.import_error, draws.slow_page, 0 < n_errors_shown, 0 < n_layouts_broken];
            for (effect, (met, outcome)) in self.effects.iter_mut().zip(met.into_iter().zip([imported, imported, signed, signed])) {
                effect.count(met, outcome);
            }
            let without = [reached(false, draws.slow_page), reached(draws.import_error, false)].map(|reach| reach == Reach::Signed);
            let truth = &mut self.counterfactual;
            truth.n_units += 1;
            truth.n_converted += u64::from(signed);
            truth.n_converted_without_all += u64::from(reached(false, false) == Reach::Signed);
            for (effect, without) in self.effects.iter_mut().zip(without) {
                effect.n_conversions_lost += u64::from(without && !signed);
                *truth.n_converted_without.get_mut(&effect.friction).expect("named at the start") += u64::from(without);
            }
        }
        (reach == Reach::Signed && sign_day < N_DAYS).then_some(sign_day)
    }

    /// Invoices, reviews and the end of a contract; gives the first day without it.
    fn fulfil(&mut self, company: &Company, first_day: u32, desk: &mut Minutes, seed: u64) -> u32 {
        let mut random = open(seed, Stream::Contract, company.number, 0);
        if !company.existing {
            self.activity(company, desk, first_day, [9, 17], "contract_signed", "sales_call", &mut random);
        }
        self.add_staff(company, company.payer(), "payer", company.since(first_day), None);
        // About 30 days each.
        let n_months = (N_DAYS - first_day) / 30;
        let hazard = 0.015 + 0.05 * (1.0 - company.fit);
        let mut end_day = N_DAYS;
        for month in 1..n_months {
            let day = first_day + 30 * month + random.below(20) as u32;
            if random.chance(hazard) && end_day == N_DAYS {
                end_day = day;
            }
        }
        // Some just stop paying and using.
        let silent = random.chance(0.3);
        let wins_back = random.chance(0.3);
        let upgrade_day = first_day + random.between(60, 250) as u32;
        let upgrades = random.chance(0.2) && upgrade_day < end_day;
        let reference_day = first_day + random.between(60, 200) as u32;
        if upgrades {
            self.profiles.push(ProfileRecord {
                subject: company.id.clone(),
                attribute: "plan",
                value: PLANS[company.size_idx + 1],
                since: Some(upgrade_day),
            });
        }
        if random.chance(0.6 * company.fit) && reference_day < end_day {
            self.activity(company, desk, reference_day, [9, 17], "reference_given", "referral", &mut random);
        }
        let price = |day: u32| PRICE_CENTS[company.size_idx + usize::from(upgrades && upgrade_day <= day)];
        let seat_months = i64::from(company.n_staff) * if company.yearly { 10 } else { 1 };
        let mut n_invoices = 0;
        let mut bill = |market: &mut Self, desk: &mut Minutes, random: &mut Random, day: u32| {
            let cents = seat_months * price(day);
            let invoice = Invoice {
                time_ms: desk.draw(day, [8, 12], random),
                company: company.id.clone(),
                cents,
                currency: company.currency,
                number: n_invoices,
                credit_for: None,
            };
            n_invoices += 1;
            let credit_day = day + random.between(2, 20) as u32;
            let share = [cents, cents / 2, cents / 3][random.pick(&[0.3, 0.4, 0.3])];
            if random.chance(0.05) && credit_day < end_day {
                market.invoices.push(Invoice {
                    time_ms: desk.draw(credit_day, [13, 17], random),
                    cents: -share,
                    number: n_invoices,
                    credit_for: Some(invoice.number),
                    ..invoice.clone()
                });
                n_invoices += 1;
            }
            market.invoices.push(invoice);
        };
        let first_bill = first_day + if company.existing { random.below(if company.yearly { 330 } else { 28 }) as u32 } else { 1 };
        let step = if company.yearly { N_DAYS } else { 30 };
        for day in (first_bill..end_day).step_by(step as usize) {
            bill(self, desk, &mut random, day);
        }
        if company.yearly {
            for day in (first_day + 60..end_day).step_by(80) {
                self.activity(company, desk, day, [9, 17], "review_call", "sales_call", &mut random);
            }
        }
        if end_day < N_DAYS && !silent {
            self.activity(company, desk, end_day, [9, 17], "contract_cancelled", "sales_call", &mut random);
            let back_day = end_day + random.between(40, 90) as u32;
            if wins_back && back_day + 2 < N_DAYS {
                self.activity(company, desk, back_day, [9, 17], "contract_signed", "sales_call", &mut random);
                let invoice = Invoice {
                    time_ms: desk.draw(back_day + 1, [8, 12], &mut random),
                    company: company.id.clone(),
                    cents: seat_months * price(back_day),
                    currency: company.currency,
                    number: n_invoices,
                    credit_for: None,
                };
                self.invoices.push(invoice);
            }
        }
        end_day
    }

    fn record_company(&mut self, company: &Company) {
        let since = company.since(company.lead_day);
        let mut record = |attribute, value| self.profiles.push(ProfileRecord { subject: company.id.clone(), attribute, value, since });
        record("company_size", ["small", "medium", "large"][company.size_idx]);
        record("plan", PLANS[company.size_idx]);
        if company.existing {
            self.add_staff(company, company.decider(), "decider", None, None);
        }
    }

    /// Lets everybody work who has a seat: the champion and, once there is a contract, the others.
    fn employ(&mut self, company: &Company, seed: u64) {
        let Some((first_day, end_day)) = company.contract else { return };
        for number in 0..company.n_staff {
            let person = Person::draw(company, number, seed);
            let mut random = open(seed, Stream::Person, company.number, (1 << 16) + number);
            let joins_late = random.chance(if company.existing { 0.15 } else { 1.0 });
            let join_day = if joins_late { first_day + random.below(if company.existing { 300 } else { 25 }) as u32 } else { first_day };
            let leaves = random.chance(0.1);
            let leave_day = join_day + random.between(40, 300) as u32;
            // The first colleague of a steady company is left to `move_people`.
            let until = (leaves && 2 <= number && leave_day < end_day).then_some(leave_day);
            if number == 0 {
                // The champion of a newcomer is known from the trial.
                if company.existing {
                    self.record_skill(&person, None);
                    self.add_staff(company, person.email.clone(), "user", None, None);
                }
                self.use_product(&person, first_day, end_day, Arrives::KnownAlready, seed);
            } else if join_day < N_DAYS && !(number == 1 && company.is_steady()) {
                let since = if joins_late { Some(join_day) } else { None };
                self.record_skill(&person, since);
                self.add_staff(company, person.email.clone(), "user", since, until);
                let arrives = if joins_late { Arrives::Joins } else { Arrives::KnownAlready };
                self.use_product(&person, join_day, until.unwrap_or(end_day).min(end_day), arrives, seed);
            }
        }
    }

    fn record_skill(&mut self, person: &Person, since: Option<u32>) {
        let value = if person.skill_low { "low" } else { "high" };
        self.profiles.push(ProfileRecord { subject: person.email.clone(), attribute: "device_skill", value, since });
    }

    fn use_product(&mut self, person: &Person, first_day: u32, end_day: u32, arrives: Arrives, seed: u64) {
        let mut random = open(seed, Stream::Person, person.company, person.number);
        for day in first_day..end_day.min(N_DAYS) {
            if day == first_day && arrives == Arrives::Joins {
                let start_ms = work::start_ms(day, &mut random);
                let mut walk = Walk::anonymous(person.seat(), start_ms, &mut random, &mut self.clicks);
                walk.join();
                walk.work(2);
                continue;
            }
            let rest = if calendar::weekday(day) < 5 { 1.0 } else { 0.1 };
            // Nobody works on New Year's Day, on which the contracts of the years before are carried over.
            if day == 0 || !random.chance((person.sessions_per_day * rest).min(0.9)) {
                continue;
            }
            let start_ms = work::start_ms(day, &mut random);
            let logs_in = random.chance(0.12);
            let n_looks = 2 + random.exponential(3.0).min(25.0) as usize;
            let [imports, invites, waits] = [random.chance(0.04), random.chance(0.05), random.chance(0.03)];
            let import_end = [ImportEnd::Finished, ImportEnd::Cancelled, ImportEnd::Rejected][random.pick(&[0.86, 0.1, 0.04])];
            let sends = random.chance(0.85);
            let shared = person.number == 2 && random.chance(0.1);
            let seat = if shared { person.meeting_room() } else { person.seat() };
            let mut walk = if logs_in {
                Walk::anonymous(seat, start_ms, &mut random, &mut self.clicks)
            } else {
                Walk::signed_in(seat, start_ms, &mut random, &mut self.clicks)
            };
            if logs_in {
                walk.log_in();
            }
            walk.work(n_looks);
            if imports {
                walk.import(Obstacles { slow_page: false, n_import_errors: 0 }, import_end);
            }
            if invites {
                walk.invite(sends);
            }
            if waits {
                walk.wait_for_report();
            }
        }
    }

    /// Lets the first colleagues of steady companies change employers, work for two, or stay; adds a few records that were wrong.
    fn move_people(&mut self, companies: &[Company], seed: u64) {
        let steady: Vec<&Company> = companies.iter().filter(|company| company.is_steady()).collect();
        let n = steady.len();
        if n < 4 {
            steady.iter().for_each(|company| self.stay(company, seed));
            return;
        }
        let mut random = open(seed, Stream::Moves, 0, 0);
        for (idx, company) in steady.iter().enumerate() {
            let other = steady[(idx + 1 + random.below(n as u64 - 1) as usize) % n];
            let day = random.between(60, 300) as u32;
            let person = Person::draw(company, 1, seed);
            match idx % 5 {
                0 => {
                    // Moves, every second one with a new address that is known to be the same person's.
                    let new = if idx % 10 == 0 {
                        Person {
                            email: format!("{}.{}", person.email.split('@').next().expect("a name"), other.address()),
                            ..person.clone()
                        }
                    } else {
                        person.clone()
                    };
                    self.record_skill(&person, None);
                    self.add_staff(company, person.email.clone(), "user", None, Some(day));
                    self.add_staff(other, new.email.clone(), "user", Some(day), None);
                    self.use_product(&person, 0, day, Arrives::KnownAlready, seed);
                    let later = Person { number: person.number + (1 << 17), ..new.clone() };
                    self.use_product(&later, day, N_DAYS, Arrives::KnownAlready, seed);
                    if new.email != person.email {
                        self.record_skill(&new, Some(day));
                        self.merges.push(MergeRecord { email: new.email, also_email: person.email, withdrawn: false });
                    }
                }
                1 => {
                    self.stay(company, seed);
                    self.add_staff(other, person.email, "user", Some(day), None);
                }
                2 => {
                    self.stay(company, seed);
                    self.staff.push(StaffRecord {
                        email: person.email.clone(),
                        company: other.id.clone(),
                        role: "user",
                        since: Some(day),
                        until: None,
                        withdrawn: true,
                    });
                    if idx == 2 {
                        // A namesake elsewhere was taken for the same person.
                        let also_email = Person::draw(other, 0, seed).email;
                        self.merges.push(MergeRecord { email: person.email, also_email, withdrawn: true });
                    }
                }
                _ => self.stay(company, seed),
            }
        }
    }

    /// Lets the first colleague of a company work there all year.
    fn stay(&mut self, company: &Company, seed: u64) {
        let person = Person::draw(company, 1, seed);
        self.record_skill(&person, None);
        self.add_staff(company, person.email.clone(), "user", None, None);
        self.use_product(&person, 0, N_DAYS, Arrives::KnownAlready, seed);
    }

    fn call_support(&mut self, company: &Company, seed: u64) {
        let Some((first_day, end_day)) = company.contract else { return };
        let mut random = open(seed, Stream::Support, company.number, 0);
        for day in first_day..end_day.min(N_DAYS) {
            // Who uses much asks much.
            if !random.chance(0.004 + 0.012 * company.fit) {
                continue;
            }
            let topic = ["login", "billing", "import", "feature"][random.pick(&[0.25, 0.25, 0.2, 0.3])];
            let mut ticket_day = day;
            loop {
                let channel = ["email", "phone"][random.pick(&[0.7, 0.3])];
                let time_ms = calendar::utc_ms(ticket_day, random.between(9 * HOUR_MS, 17 * HOUR_MS));
                self.tickets.push(Ticket { time_ms, company: company.id.clone(), channel, topic });
                ticket_day += random.between(1, 10) as u32;
                if !random.chance(0.3) || end_day.min(N_DAYS) <= ticket_day {
                    break;
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row of the CRM has as many fields")]
    fn activity(
        &mut self,
        company: &Company,
        desk: &mut Minutes,
        day: u32,
        hours: [i64; 2],
        activity: &'static str,
        channel: &'static str,
        random: &mut Random,
    ) {
        let time_ms = desk.draw(day, hours, random);
        if day < N_DAYS {
            self.activities.push(Activity { time_ms, activity, company: company.id.clone(), channel });
        }
    }

    fn add_staff(&mut self, company: &Company, email: String, role: &'static str, since: Option<u32>, until: Option<u32>) {
        self.staff.push(StaffRecord { email, company: company.id.clone(), role, since, until, withdrawn: false });
    }

    /// Moves clicks and tickets by a millisecond where two would be at one instant, or on a whole minute, where CRM and billing write.
    fn put_apart(&mut self) {
        self.clicks.sort_by(|a, b| (a.time_ms, &a.device_id).cmp(&(b.time_ms, &b.device_id)));
        self.tickets.sort_by(|a, b| (a.time_ms, &a.company).cmp(&(b.time_ms, &b.company)));
        let clicks = self.clicks.iter_mut().map(|click| &mut click.time_ms);
        put_apart(clicks.chain(self.tickets.iter_mut().map(|ticket| &mut ticket.time_ms)).collect());
    }
}

/// Whether somebody has an account on the first day of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrives {
    Joins,
    KnownAlready,
}

const PLANS: [&str; 4] = ["starter", "team", "enterprise", "enterprise_plus"];
/// Per seat and month, in the company's own currency.
const PRICE_CENTS: [i64; 4] = [900, 1_250, 1_790, 2_190];

impl Company {
    fn draw(number: u32, seed: u64) -> Self {
        let mut random = open(seed, Stream::Company, number, 0);
        let existing = random.chance(0.28);
        let size_idx = random.pick(&[0.6, 0.3, 0.1]);
        let (least, most) = [(2, 5), (5, 12), (12, 28)][size_idx];
        let channel = ["referral", "conference", "ads", "sales_call"][random.pick(&[0.25, 0.2, 0.35, 0.2])];
        let mut lead_day = random.below(335) as u32;
        if channel == "conference" {
            // Three fairs of three days.
            lead_day = [75, 160, 280][random.below(3) as usize] + random.below(3) as u32;
        }
        Self {
            number,
            // A bijection on 0..2^17 scatters the numbers, so that they say nothing about the kind of company.
            id: format!("C{:06}", 100_000 + (number.wrapping_mul(0x9e35).wrapping_add(0x4a17) & 0x1_ffff)),
            existing,
            size_idx,
            n_staff: random.between(least, most) as u32,
            fit: (0.5 + 0.22 * random.normal()).clamp(0.02, 0.98),
            currency: if random.chance(0.3) { "USD" } else { "EUR" },
            yearly: random.chance(0.35),
            channel,
            lead_day,
            champion_on_phone: random.chance(0.3),
            champion_skill_low: random.chance(0.4),
            contract: None,
        }
    }

    fn address(&self) -> String {
        format!("{}.example", self.id.to_lowercase())
    }

    fn decider(&self) -> String {
        format!("management@{}", self.address())
    }

    fn payer(&self) -> String {
        format!("accounts.payable@{}", self.address())
    }

    /// Gives since when something holds that was so at the first contact: since ever for companies of the years before.
    fn since(&self, day: u32) -> Option<u32> {
        (!self.existing).then_some(day)
    }

    /// Says whether it is a customer from the first day to the last.
    fn is_steady(&self) -> bool {
        self.existing && self.contract == Some((0, N_DAYS))
    }
}

/// An employee.
#[derive(Clone, Debug)]
struct Person {
    company: u32,
    number: u32,
    email: String,
    device_id: String,
    device: &'static str,
    meeting_room_id: String,
    skill_low: bool,
    sessions_per_day: f64,
}

impl Person {
    fn draw(company: &Company, number: u32, seed: u64) -> Self {
        const NAMES: [&str; 16] = [
            "anna", "ben", "clara", "david", "eva", "felix", "greta", "hugo", "ida", "jonas", "klara", "leo", "mia", "noah", "olga", "paul",
        ];
        let mut random = open(seed, Stream::Person, company.number, (1 << 18) + number);
        let name = NAMES[random.below(NAMES.len() as u64) as usize];
        let device_key = random.next_u64();
        let on_phone = random.chance(0.25);
        let skill_low = random.chance(0.35);
        let rate = random.log_normal(0.055, 0.6);
        let (on_phone, skill_low) =
            if number == 0 { (company.champion_on_phone, company.champion_skill_low) } else { (on_phone, skill_low) };
        Self {
            company: company.number,
            number,
            email: format!("{name}{number}@{}", company.address()),
            device_id: format!("d{device_key:016x}"),
            device: if on_phone { "phone" } else { "desktop" },
            meeting_room_id: format!("room-{}", company.id.to_lowercase()),
            skill_low,
            sessions_per_day: rate * (0.4 + 1.2 * company.fit),
        }
    }

    fn seat(&self) -> Seat<'_> {
        Seat { email: &self.email, device_id: &self.device_id, device: self.device }
    }

    /// The computer that several people sign in on.
    fn meeting_room(&self) -> Seat<'_> {
        Seat { email: &self.email, device_id: &self.meeting_room_id, device: "desktop" }
    }
}

fn effects(options: &SaasOptions) -> Vec<ConversionEffect> {
    let effect = |friction: &str, causal: bool, planted_ratio: f64, base: &str, outcome: &str, note: &str| ConversionEffect {
        friction: friction.to_owned(),
        causal,
        unit: "company".to_owned(),
        base: base.to_owned(),
        outcome: outcome.to_owned(),
        planted_ratio,
        n_met: 0,
        n_met_outcome: 0,
        n_clean: 0,
        n_clean_outcome: 0,
        n_conversions_lost: 0,
        note: note.to_owned(),
    };
    let ratio = |friction, ratio| if options.effects_off.contains(&friction) { 1.0 } else { ratio };
    let (import_error, slow_page) = (ratio(SaasFriction::ImportError, IMPORT_ERROR_RATIO), ratio(SaasFriction::SlowPage, SLOW_PAGE_RATIO));
    let base = "companies whose trial began 30 days before the end of the year or earlier";
    vec![
        effect(
            "import_error",
            import_error < 1.0,
            import_error,
            base,
            "import_finished in the trial",
            "It strikes people of low device skill more often, who import less anyway: the comparison must be made within one skill.",
        ),
        effect(
            "slow_page",
            slow_page < 1.0,
            slow_page,
            base,
            "import_finished in the trial",
            "It strikes mostly on phones, whose users sign less anyway: the comparison must be made within one device.",
        ),
        effect(
            "error_shown",
            false,
            1.0,
            base,
            "contract_signed",
            "Companies that the product suits use it more, so they meet more errors and sign more often; at equal use nothing is left.",
        ),
        effect(
            "layout_broken",
            false,
            1.0,
            base,
            "contract_signed",
            "Only phones show it, and those who try it on a phone have less in mind: within phones nothing is left.",
        ),
    ]
}
