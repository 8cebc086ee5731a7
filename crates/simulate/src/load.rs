//! The generator of large event files for measurements: Parquet, any number of rows, bounded memory.
//!
//! Useful for: rates and memory at 1 M to 100 M events, and checks of sessions and funnel at that size.
//! Not useful for: anything about business; the properties have no effects planted.
//!
//! How: the sessions of each user are drawn first (16 bytes each) and sorted by start.
//! Then one sweep through time keeps the sessions that are open just now in a heap, and always writes the earliest next event.
//! So the rows leave in the order of time with all users interleaved, and memory is
//! 16 bytes per session + 48 bytes per user + one row group. Time is O(events × log open sessions).
//!
//! Every event has its own microsecond, so there are no ties, not even between users.
//! One row in a hundred is written up to 50,000 rows late, as in a real log.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::random::{Alias, Random, mix};

/// The first instant of the load, epoch microseconds: 2025-01-01T00:00:00Z.
pub const LOAD_START_US: i64 = 1_735_689_600_000_000;
/// The length of the load in days; all events are within.
pub const LOAD_DAYS: i64 = 90;
/// The steps of the funnel in the load; no other events have these names.
pub const LOAD_FUNNEL: [&str; 4] = ["e0001", "e0002", "e0003", "e0004"];
/// The share of users who get at least so far in the funnel.
pub const LOAD_FUNNEL_SHARES: [f64; 4] = [0.30, 0.12, 0.06, 0.03];
/// The columns of properties, in the order in which `LoadOptions::properties` takes them.
pub const LOAD_PROPERTIES: [&str; 6] = ["plan", "country", "campaign", "page", "sku", "amount_cents"];

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;
/// The gap that splits sessions; one of exactly this length does not.
const SESSION_GAP_US: i64 = 30 * MINUTE_US;
/// The conversion window of the funnel in the truth, inclusive.
const FUNNEL_WINDOW_US: i64 = 7 * DAY_US;

/// The mean number of events in a planned session, and the bounds of one.
const SESSION_EVENTS_MEAN: u64 = 12;
const SESSION_EVENTS_MIN: u16 = 4;
const SESSION_EVENTS_MAX: u16 = 400;
/// No session starts in the last hours, and one that has run so long hurries.
const SESSION_US_MAX: i64 = 6 * HOUR_US;
/// The later steps of the funnel are planned within this time after the first.
const FUNNEL_PLAN_US: i64 = 4 * DAY_US;
/// The sessions that the most active user has before luck (times 0 to 2); ten times the mean where that is more.
const TOP_SESSIONS_MIN: u64 = 400;

/// Rows per batch; a batch is the unit of progress.
const BATCH_ROWS: usize = 1 << 15;
/// Rows per Parquet row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// The share of rows that are written late, and by how many rows at most.
const LATE_SHARE: f64 = 0.01;
const LATE_ROWS_MAX: u64 = 50_000;

const SKUS: usize = 1_000;
const PAGES: usize = 200;
const CAMPAIGNS: usize = 50;
const PLANS: [&str; 3] = ["free", "plus", "team"];
const COUNTRIES: [&str; 10] = ["AT", "DE", "CH", "IT", "CZ", "HU", "SI", "SK", "FR", "US"];

/// Streams of the seed; sessions have those from `SESSIONS` on.
mod stream {
    pub const NAMES: u64 = 2;
    pub const LATE: u64 = 3;
    pub const EVENT_IDS: u64 = 4;
    pub const USER_IDS: u64 = 5;
    pub const USERS: u64 = 1 << 40;
    pub const SESSIONS: u64 = 1 << 48;
}

/// How much load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// The number of rows, exactly; at least 4.
    pub events: u64,
    /// The number of users; fewer come where there are not enough events for a session each (12 events on average).
    pub users: u64,
    /// The number of distinct event names, 8 to 10,000; 5,000 by default.
    pub names: u32,
    /// How many of [`LOAD_PROPERTIES`] are written, 0 to 6.
    pub properties: u32,
    /// The seed; same seed, same bytes.
    pub seed: u64,
    /// Rows per file, the last one excepted.
    pub rows_per_file: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { events: 1_000_000, users: 50_000, names: 5_000, properties: 6, seed: 1, rows_per_file: 10_000_000 }
    }
}

/// What is true of the load that was written, counted during the sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadTruth {
    /// Rows in all files.
    pub n_events: u64,
    /// Distinct users.
    pub n_users: u64,
    /// Sessions at a gap of over 30 minutes.
    pub n_sessions: u64,
    /// Users with one session.
    pub n_users_one_session: u64,
    /// The events of the most active user.
    pub n_events_top_user: u64,
    /// The first and the last instant, epoch microseconds.
    pub time_us_first: i64,
    /// See `time_us_first`.
    pub time_us_last: i64,
    /// Users who reached each step of [`LOAD_FUNNEL`], in order, best attempt, within 7 days of the first step.
    pub funnel_people: [u64; 4],
    /// Rows by event name, the names that occur.
    pub events: BTreeMap<String, u64>,
    /// The files in order.
    pub files: Vec<LoadFile>,
}

/// One written file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadFile {
    /// The name in the folder, `events-00000.parquet`.
    pub name: String,
    /// Its rows.
    pub n_rows: u64,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// Writes `events-00000.parquet` and so on into the folder, which is made if needed.
///
/// `progress` is called with the number of rows written so far, every 32,768 rows and at the end.
pub fn write_load(options: &LoadOptions, dir: &Path, progress: &mut dyn FnMut(u64)) -> io::Result<LoadTruth> {
    check(options)?;
    fs::create_dir_all(dir)?;
    let sessions = plan_sessions(options);
    let n_users = options.users.min(n_sessions_planned(options));
    let mut sweep = Sweep::new(options, n_users, &sessions);
    let mut output = Output::new(options, n_users, dir);
    let mut late = Late::new(options.seed);
    let mut counts = Counts::new(options, n_users);

    while let Some(event) = sweep.next() {
        counts.count(&event);
        if let Some(event) = late.hold_back(event) {
            output.push(&event, progress)?;
        }
        while let Some(event) = late.release() {
            output.push(&event, progress)?;
        }
    }
    while let Some(event) = late.release_rest() {
        output.push(&event, progress)?;
    }
    let files = output.finish(progress)?;
    Ok(counts.finish(files))
}

fn check(options: &LoadOptions) -> io::Result<()> {
    let wrong = |message: String| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    if !(u64::from(SESSION_EVENTS_MIN)..=10_000_000_000).contains(&options.events) {
        return wrong(format!("events must be 4 to 10,000,000,000, not {}", options.events));
    }
    if !(1..=u64::from(u32::MAX)).contains(&options.users) {
        return wrong(format!("users must be 1 to 4,294,967,295, not {}", options.users));
    }
    if !(8..=10_000).contains(&options.names) {
        return wrong(format!("names must be 8 to 10,000, not {}", options.names));
    }
    if LOAD_PROPERTIES.len() < options.properties as usize {
        return wrong(format!("properties must be 0 to 6, not {}", options.properties));
    }
    if options.rows_per_file == 0 {
        return wrong("rows_per_file must be at least 1".to_owned());
    }
    Ok(())
}

/// One planned session, 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Session {
    /// Microseconds after the start of the load.
    start_us: i64,
    user: u32,
    n_events: u16,
    /// The steps of the funnel (0 to 3) that happen in this session, from first to below last.
    step_first: u8,
    step_last: u8,
}

fn n_sessions_planned(options: &LoadOptions) -> u64 {
    (options.events / SESSION_EVENTS_MEAN).max(1)
}

/// Draws all sessions and sorts them by start; `16 bytes × events / 12`.
fn plan_sessions(options: &LoadOptions) -> Vec<Session> {
    let n_sessions = n_sessions_planned(options);
    let n_users = options.users.min(n_sessions);
    let mut spread = Spread::new(n_users, n_sessions);
    // Busy from morning to evening (UTC), quiet at night.
    let by_hour = Alias::new(&[2., 1., 1., 1., 1., 2., 4., 7., 9., 10., 10., 10., 9., 10., 10., 9., 9., 8., 8., 9., 9., 8., 6., 4.]);
    let mut sessions: Vec<Session> = Vec::with_capacity(n_sessions as usize);
    let mut n_events = 0u64;
    for user in 0..n_users as u32 {
        let mut random = Random::new(options.seed, stream::USERS + u64::from(user));
        let n_own = 1 + spread.next_extra(&mut random);
        let first = sessions.len();
        let (day_first, day_last) = active_days(n_own, &mut random);
        for _ in 0..n_own {
            let day = random.between(day_first, day_last);
            let mut start_us = day * DAY_US + by_hour.draw(&mut random) as i64 * HOUR_US + random.below(HOUR_US as u64) as i64;
            if LOAD_DAYS * DAY_US - SESSION_US_MAX - HOUR_US < start_us {
                // It could run over the end: the same hour of an earlier day.
                start_us -= random.between(1, 7) * DAY_US;
            }
            let n_own_events = session_events(&mut random);
            n_events += u64::from(n_own_events);
            sessions.push(Session { start_us, user, n_events: n_own_events, step_first: 0, step_last: 0 });
        }
        let own = &mut sessions[first..];
        own.sort_unstable_by_key(|session| session.start_us);
        plan_funnel(own, &mut random);
    }
    settle(&mut sessions, n_events, options.events);
    sessions.sort_unstable_by_key(|session| (session.start_us, session.user, session.n_events));
    sessions
}

/// How sessions are spread over users: one each, and the rest by (rank + flat)^-1, a Zipf–Mandelbrot law, times luck.
struct Spread {
    flat: f64,
    n_users: u64,
    /// The rank of the next user.
    rank: u64,
    /// What is left for the users from there on.
    n_extra_left: u64,
    weight_left: f64,
}

impl Spread {
    /// Chooses the flattening so that the most active user has thousands of events, not millions; O(users).
    fn new(n_users: u64, n_sessions: u64) -> Self {
        let n_extra = n_sessions - n_users;
        let n_top = TOP_SESSIONS_MIN.max(10 * n_sessions / n_users) as f64;
        // The sum of the weights 1 / (rank + 1 + flat) is about this integral; the first weight is 1 / (1 + flat).
        let integral = |flat: f64| crate::random::ln((n_users as f64 + flat + 0.5) / (flat + 0.5));
        let (mut lo, mut hi) = (0.0, n_users as f64);
        for _ in 0..60 {
            let middle = (lo + hi) / 2.0;
            if n_top < n_extra as f64 / (1.0 + middle) / integral(middle) {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        let weight_left = (0..n_users).map(|rank| 1.0 / (rank as f64 + 1.0 + hi)).sum();
        Self { flat: hi, n_users, rank: 0, n_extra_left: n_extra, weight_left }
    }

    /// Draws how many sessions the next user has above one; the last user takes what is left.
    fn next_extra(&mut self, random: &mut Random) -> u64 {
        let weight = 1.0 / (self.rank as f64 + 1.0 + self.flat);
        let share = self.n_extra_left as f64 * weight / self.weight_left;
        self.rank += 1;
        self.weight_left = (self.weight_left - weight).max(weight / 2.0);
        let luck = 2.0 * random.unit();
        let drawn = (share * luck + random.unit()) as u64;
        let n_extra = if self.rank == self.n_users { self.n_extra_left } else { drawn.min(self.n_extra_left) };
        self.n_extra_left -= n_extra;
        n_extra
    }
}

/// Draws the span of days in which a user is active; the more sessions, the longer.
fn active_days(n_sessions: u64, random: &mut Random) -> (i64, i64) {
    let length = (n_sessions as i64 * random.between(2, 6)).min(LOAD_DAYS);
    let first = random.between(0, LOAD_DAYS - length);
    (first, first + length - 1)
}

fn session_events(random: &mut Random) -> u16 {
    let mean = if random.chance(0.8) { 5.0 } else { 22.5 };
    let n = f64::from(SESSION_EVENTS_MIN) - 0.5 + random.exponential(mean);
    (n.round() as u16).clamp(SESSION_EVENTS_MIN, SESSION_EVENTS_MAX)
}

/// Decides how far a user gets in the funnel and in which of the user's sessions (sorted by start).
fn plan_funnel(own: &mut [Session], random: &mut Random) {
    let luck = random.unit();
    let n_steps = LOAD_FUNNEL_SHARES.iter().filter(|share| luck < **share).count() as u8;
    if n_steps == 0 {
        return;
    }
    let mut at = random.below(own.len() as u64) as usize;
    let first_us = own[at].start_us;
    (own[at].step_first, own[at].step_last) = (0, 1);
    for step in 1..n_steps {
        let next_in_time = own.get(at + 1).is_some_and(|next| next.start_us - first_us <= FUNNEL_PLAN_US);
        // A next session that starts while this one may still run would put the steps out of order.
        let next_is_apart = own.get(at + 1).is_some_and(|next| SESSION_US_MAX < next.start_us - own[at].start_us);
        if next_in_time && next_is_apart && random.chance(0.5) {
            at += 1;
            own[at].step_first = step;
        }
        own[at].step_last = step + 1;
    }
}

/// Adds or takes single events until the sessions hold exactly as many as wanted.
fn settle(sessions: &mut [Session], mut n_events: u64, n_wanted: u64) {
    while n_events != n_wanted {
        let difference = n_events.abs_diff(n_wanted);
        let stride = (sessions.len() as u64 / difference).max(1) as usize;
        let mut n_changed = 0;
        for session in sessions.iter_mut().step_by(stride) {
            if n_changed == difference {
                break;
            }
            if n_events < n_wanted && session.n_events < u16::MAX {
                session.n_events += 1;
                n_changed += 1;
            } else if n_wanted < n_events && SESSION_EVENTS_MIN < session.n_events {
                session.n_events -= 1;
                n_changed += 1;
            }
        }
        n_events = if n_events < n_wanted { n_events + n_changed } else { n_events - n_changed };
        if n_changed == 0 {
            // Every stride-th session is at its bound: give or take the rest wherever it is possible.
            for session in sessions.iter_mut() {
                if n_events < n_wanted && session.n_events < u16::MAX {
                    session.n_events += 1;
                    n_events += 1;
                } else if n_wanted < n_events && SESSION_EVENTS_MIN < session.n_events {
                    session.n_events -= 1;
                    n_events -= 1;
                }
            }
        }
    }
}

/// One event on its way to the file.
#[derive(Clone, Copy, Debug)]
struct Event {
    /// Microseconds after the start of the load, distinct.
    time_us: i64,
    /// The position in the order of time.
    number: u64,
    user: u32,
    amount_cents: u16,
    name: u16,
    page: u16,
    sku: u16,
    campaign: u8,
}

/// A session that is under way.
struct Open {
    random: Random,
    session: Session,
    n_left: u16,
    name: u16,
    campaign: u8,
    /// The next step of the funnel to happen in this session.
    step: u8,
}

/// The sweep through time.
struct Sweep<'a> {
    seed: u64,
    walk: NameWalk,
    skus: Alias,
    /// Sessions that have not started, in the order of start.
    waiting: std::iter::Enumerate<std::slice::Iter<'a, Session>>,
    next_waiting: Option<(usize, &'a Session)>,
    /// The next instant of each open session and its place in `slots`.
    open: BinaryHeap<Reverse<(i64, u32)>>,
    slots: Vec<Open>,
    free: Vec<u32>,
    time_us_last: i64,
    n_events: u64,
    // A user who got to step 1 in an earlier session repeats it now and then; shape [users].
    reached: Vec<u8>,
}

impl<'a> Sweep<'a> {
    fn new(options: &LoadOptions, n_users: u64, sessions: &'a [Session]) -> Self {
        let mut waiting = sessions.iter().enumerate();
        let next_waiting = waiting.next();
        Self {
            seed: options.seed,
            walk: NameWalk::new(options),
            skus: Alias::zipf(SKUS, 0.9),
            waiting,
            next_waiting,
            open: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            time_us_last: -1,
            n_events: 0,
            reached: vec![0; n_users as usize],
        }
    }

    /// Gives the next event in the order of time.
    fn next(&mut self) -> Option<Event> {
        while let Some((idx, session)) = self.next_waiting {
            if self.open.peek().is_some_and(|Reverse((time_us, _))| *time_us < session.start_us) {
                break;
            }
            self.start(idx, session);
        }
        let Reverse((time_us, slot)) = self.open.pop()?;
        // Every event has a microsecond of its own.
        let time_us = time_us.max(self.time_us_last + 1);
        self.time_us_last = time_us;

        let open = &mut self.slots[slot as usize];
        let reached = &mut self.reached[open.session.user as usize];
        open.name = next_name(open, reached, &self.walk);
        open.n_left -= 1;
        let random = &mut open.random;
        let bits = random.next_u64();
        let event = Event {
            time_us,
            number: self.n_events,
            user: open.session.user,
            name: open.name,
            // Three in four events of a name are on the same page.
            page: if bits & 3 == 0 { (bits >> 2) as u16 % PAGES as u16 } else { page_of(open.name) },
            // Small amounts are more frequent than large ones: the product of two uniform numbers.
            amount_cents: ((((bits >> 16) & 0xffff) * ((bits >> 32) & 0xffff) * 10_001) >> 32) as u16,
            sku: self.skus.draw(random) as u16,
            campaign: open.campaign,
        };
        self.n_events += 1;
        if open.n_left == 0 {
            self.free.push(slot);
        } else {
            let gap_us = if time_us - open.session.start_us < SESSION_US_MAX {
                let gap_us = 200_000.0 + open.random.exponential(18.0 * SECOND_US as f64);
                gap_us.min(20.0 * MINUTE_US as f64) as i64
            } else {
                1_000
            };
            self.open.push(Reverse((time_us + gap_us, slot)));
        }
        Some(event)
    }

    fn start(&mut self, idx: usize, session: &Session) {
        let mut random = Random::new(self.seed, stream::SESSIONS + idx as u64);
        let open = Open {
            name: self.walk.entry(&mut random),
            // Half of all sessions come without a campaign, which is the first one.
            campaign: if random.chance(0.5) { 0 } else { random.below(CAMPAIGNS as u64) as u8 },
            random,
            session: *session,
            n_left: session.n_events,
            step: session.step_first,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = open;
                slot
            }
            None => {
                self.slots.push(open);
                (self.slots.len() - 1) as u32
            }
        };
        self.open.push(Reverse((session.start_us, slot)));
        self.next_waiting = self.waiting.next();
    }
}

/// Draws the next name in a session: a step of the funnel where one is due, else a step of the walk.
fn next_name(open: &mut Open, reached: &mut u8, walk: &NameWalk) -> u16 {
    let n_steps_left = u16::from(open.session.step_last - open.step.min(open.session.step_last));
    let random = &mut open.random;
    if 0 < n_steps_left && (open.n_left <= n_steps_left || random.chance(f64::from(n_steps_left) / f64::from(open.n_left))) {
        open.step += 1;
        *reached = (*reached).max(open.step);
        return u16::from(open.step);
    }
    if 0 < *reached && random.chance(0.03) {
        return 1 + random.below(u64::from(*reached)) as u16;
    }
    walk.next(open.name, random)
}

fn page_of(name: u16) -> u16 {
    (mix(u64::from(name)) % PAGES as u64) as u16
}

/// The Markov chain of names: half of the steps go to one of four favourites of the current name.
struct NameWalk {
    /// All names but the steps of the funnel, skewed.
    names: Alias,
    /// Shape `[names][4]`: the favourites of each.
    favourites: Vec<[u16; 4]>,
}

impl NameWalk {
    fn new(options: &LoadOptions) -> Self {
        let weights: Vec<f64> = (0..options.names)
            .map(|name| match name {
                1..=4 => 0.0,
                0 => 1.0,
                rank => crate::random::exp(-1.05 * crate::random::ln(f64::from(rank - 3))),
            })
            .collect();
        let names = Alias::new(&weights);
        let mut random = Random::new(options.seed, stream::NAMES);
        let favourites = (0..options.names).map(|_| std::array::from_fn(|_| not_a_step(names.draw(&mut random)))).collect();
        Self { names, favourites }
    }

    /// Draws how a session starts: in most cases with one of eight names.
    fn entry(&self, random: &mut Random) -> u16 {
        let name = not_a_step(self.names.draw(random));
        if random.chance(0.7) { not_a_step([0, 5, 6, 7][usize::from(name) % 4]) } else { name }
    }

    #[inline]
    fn next(&self, name: u16, random: &mut Random) -> u16 {
        let luck = random.below(100);
        let favourites = &self.favourites[usize::from(name)];
        match luck {
            0..22 => favourites[0],
            22..38 => favourites[1],
            38..48 => favourites[2],
            48..55 => favourites[3],
            55..63 if !(1..=4).contains(&name) => name,
            _ => not_a_step(self.names.draw(random)),
        }
    }
}

/// Turns a step of the funnel, which only rounding in the alias table could give, into `e0000`.
#[inline]
fn not_a_step(name: usize) -> u16 {
    if (1..=4).contains(&name) { 0 } else { name as u16 }
}

/// Rows that are held back to be written late.
struct Late {
    random: Random,
    n_seen: u64,
    held: BinaryHeap<Reverse<(u64, u64)>>,
    /// By number.
    events: BTreeMap<u64, Event>,
}

impl Late {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, stream::LATE), n_seen: 0, held: BinaryHeap::new(), events: BTreeMap::new() }
    }

    /// Takes one event and gives it back unless it is to be late.
    fn hold_back(&mut self, event: Event) -> Option<Event> {
        self.n_seen += 1;
        if !self.random.chance(LATE_SHARE) {
            return Some(event);
        }
        self.held.push(Reverse((self.n_seen + 1 + self.random.below(LATE_ROWS_MAX), event.number)));
        self.events.insert(event.number, event);
        None
    }

    /// Gives an event whose time has come.
    fn release(&mut self) -> Option<Event> {
        self.held.peek().is_some_and(|Reverse((due, _))| *due <= self.n_seen).then(|| self.release_rest()).flatten()
    }

    fn release_rest(&mut self) -> Option<Event> {
        let Reverse((_, number)) = self.held.pop()?;
        self.events.remove(&number)
    }
}

/// The counts of the truth, made from the events in the order of time.
struct Counts {
    users: Vec<UserCount>,
    by_name: Vec<u64>,
    n_events: u64,
    time_us_first: i64,
    time_us_last: i64,
}

/// What is known of one user, 48 bytes.
#[derive(Clone, Copy)]
struct UserCount {
    time_us_last: i64,
    /// Shape `[steps - 1]`: the latest first step of an attempt that got so far, or `i64::MIN`.
    entry_us: [i64; 3],
    n_events: u32,
    n_sessions: u32,
    n_steps: u8,
}

impl Counts {
    fn new(options: &LoadOptions, n_users: u64) -> Self {
        let nothing = UserCount { time_us_last: i64::MIN, entry_us: [i64::MIN; 3], n_events: 0, n_sessions: 0, n_steps: 0 };
        Self {
            users: vec![nothing; n_users as usize],
            by_name: vec![0; options.names as usize],
            n_events: 0,
            time_us_first: i64::MAX,
            time_us_last: i64::MIN,
        }
    }

    fn count(&mut self, event: &Event) {
        self.n_events += 1;
        self.by_name[usize::from(event.name)] += 1;
        self.time_us_first = self.time_us_first.min(event.time_us);
        self.time_us_last = self.time_us_last.max(event.time_us);
        let user = &mut self.users[event.user as usize];
        if user.n_sessions == 0 || SESSION_GAP_US < event.time_us - user.time_us_last {
            user.n_sessions += 1;
        }
        user.time_us_last = event.time_us;
        user.n_events += 1;
        let step = usize::from(event.name);
        if step == 1 {
            user.entry_us[0] = event.time_us;
            user.n_steps = user.n_steps.max(1);
        } else if (2..=4).contains(&step) {
            let entry_us = user.entry_us[step - 2];
            if entry_us != i64::MIN && event.time_us - entry_us <= FUNNEL_WINDOW_US {
                user.n_steps = user.n_steps.max(step as u8);
                if step < 4 {
                    user.entry_us[step - 1] = user.entry_us[step - 1].max(entry_us);
                }
            }
        }
    }

    fn finish(self, files: Vec<LoadFile>) -> LoadTruth {
        LoadTruth {
            n_events: self.n_events,
            n_users: self.users.len() as u64,
            n_sessions: self.users.iter().map(|user| u64::from(user.n_sessions)).sum(),
            n_users_one_session: self.users.iter().filter(|user| user.n_sessions == 1).count() as u64,
            n_events_top_user: self.users.iter().map(|user| u64::from(user.n_events)).max().unwrap_or(0),
            time_us_first: LOAD_START_US + self.time_us_first,
            time_us_last: LOAD_START_US + self.time_us_last,
            funnel_people: std::array::from_fn(|idx| self.users.iter().filter(|user| idx < usize::from(user.n_steps)).count() as u64),
            events: (0..).zip(self.by_name).filter(|(_, n)| 0 < *n).map(|(name, n)| (name_text(name), n)).collect(),
            files,
        }
    }
}

/// The files, one open at a time.
struct Output {
    dir: PathBuf,
    rows_per_file: u64,
    schema: SchemaRef,
    properties: WriterProperties,
    columns: Columns,
    writer: Option<ArrowWriter<BufWriter<File>>>,
    n_rows: u64,
    n_rows_in_file: u64,
    files: Vec<LoadFile>,
}

impl Output {
    fn new(options: &LoadOptions, n_users: u64, dir: &Path) -> Self {
        let n_properties = options.properties as usize;
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = vec![text("event_id"), Field::new("time", utc, false), text("user"), text("name")];
        for name in &LOAD_PROPERTIES[..n_properties] {
            fields.push(if *name == "amount_cents" { Field::new(*name, DataType::Int64, false) } else { text(name) });
        }
        Self {
            dir: dir.to_owned(),
            rows_per_file: options.rows_per_file,
            schema: Arc::new(Schema::new(fields)),
            properties: writer_properties(),
            columns: Columns::new(options, n_users),
            writer: None,
            n_rows: 0,
            n_rows_in_file: 0,
            files: Vec::new(),
        }
    }

    fn push(&mut self, event: &Event, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
        self.columns.push(event);
        self.n_rows_in_file += 1;
        let file_is_full = self.n_rows_in_file == self.rows_per_file;
        if self.columns.n_rows == BATCH_ROWS || file_is_full {
            self.write_batch(progress)?;
        }
        if file_is_full {
            self.close_file()?;
        }
        Ok(())
    }

    fn write_batch(&mut self, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
        if self.columns.n_rows == 0 {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let path = self.dir.join(file_name(self.files.len()));
                let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
                none.insert(ArrowWriter::try_new(file, self.schema.clone(), Some(self.properties.clone())).map_err(other)?)
            }
        };
        self.n_rows += self.columns.n_rows as u64;
        let batch = RecordBatch::try_new(self.schema.clone(), self.columns.take()).map_err(io::Error::other)?;
        writer.write(&batch).map_err(other)?;
        progress(self.n_rows);
        Ok(())
    }

    fn close_file(&mut self) -> io::Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        writer.close().map_err(other)?;
        let name = file_name(self.files.len());
        let size_bytes = fs::metadata(self.dir.join(&name))?.len();
        self.files.push(LoadFile { name, n_rows: self.n_rows_in_file, size_bytes });
        self.n_rows_in_file = 0;
        Ok(())
    }

    fn finish(mut self, progress: &mut dyn FnMut(u64)) -> io::Result<Vec<LoadFile>> {
        self.write_batch(progress)?;
        self.close_file()?;
        Ok(self.files)
    }
}

fn file_name(file_idx: usize) -> String {
    format!("events-{file_idx:05}.parquet")
}

fn other(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

fn writer_properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Every id occurs once, and every instant: a dictionary would only cost time.
        .set_column_dictionary_enabled(column("event_id"), false)
        .set_column_dictionary_enabled(column("time"), false)
        .set_column_encoding(column("time"), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_page_size_limit(column("user"), 8 << 20)
        .build()
}

/// The columns of one batch.
struct Columns {
    id_key: u64,
    n_properties: usize,
    user_ids: UserIds,
    names: Vec<String>,
    pages: Vec<String>,
    skus: Vec<String>,
    campaigns: Vec<String>,
    n_rows: usize,
    event_id: StringBuilder,
    time: TimestampMicrosecondBuilder,
    user: StringBuilder,
    name: StringBuilder,
    plan: StringBuilder,
    country: StringBuilder,
    campaign: StringBuilder,
    page: StringBuilder,
    sku: StringBuilder,
    amount_cents: Int64Builder,
}

impl Columns {
    fn new(options: &LoadOptions, n_users: u64) -> Self {
        let text = || StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * 12);
        Self {
            id_key: Random::new(options.seed, stream::EVENT_IDS).next_u64(),
            n_properties: options.properties as usize,
            user_ids: UserIds::new(options.seed, n_users),
            names: (0..options.names).map(name_text).collect(),
            pages: (0..PAGES).map(|page| format!("/page/{page:03}")).collect(),
            skus: (0..SKUS).map(|sku| format!("sku-{sku:04}")).collect(),
            campaigns: (0..CAMPAIGNS)
                .map(|campaign| if campaign == 0 { "none".to_owned() } else { format!("campaign-{campaign:02}") })
                .collect(),
            n_rows: 0,
            event_id: StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * 32),
            time: TimestampMicrosecondBuilder::with_capacity(BATCH_ROWS).with_timezone("UTC"),
            user: text(),
            name: text(),
            plan: text(),
            country: text(),
            campaign: text(),
            page: text(),
            sku: text(),
            amount_cents: Int64Builder::with_capacity(BATCH_ROWS),
        }
    }

    fn push(&mut self, event: &Event) {
        self.n_rows += 1;
        // The first half is a bijection of the number, so ids are distinct.
        let half = mix(self.id_key.wrapping_add(event.number));
        let mut id = [0; 32];
        write_hex(half, &mut id[..16]);
        write_hex(mix(half ^ self.id_key), &mut id[16..]);
        self.event_id.append_value(str::from_utf8(&id).expect("hex digits are ASCII"));
        self.time.append_value(LOAD_START_US + event.time_us);
        let mut digits = *b"u0000000000";
        let user_id = self.user_ids.of(event.user);
        write_decimal(user_id, &mut digits[1..]);
        self.user.append_value(str::from_utf8(&digits).expect("digits are ASCII"));
        self.name.append_value(&self.names[usize::from(event.name)]);
        let traits = mix(user_id);
        if 0 < self.n_properties {
            self.plan.append_value(PLANS[skewed(traits, PLANS.len())]);
        }
        if 1 < self.n_properties {
            self.country.append_value(COUNTRIES[skewed(traits >> 32, COUNTRIES.len())]);
        }
        if 2 < self.n_properties {
            self.campaign.append_value(&self.campaigns[usize::from(event.campaign)]);
        }
        if 3 < self.n_properties {
            self.page.append_value(&self.pages[usize::from(event.page)]);
        }
        if 4 < self.n_properties {
            self.sku.append_value(&self.skus[usize::from(event.sku)]);
        }
        if 5 < self.n_properties {
            self.amount_cents.append_value(i64::from(event.amount_cents));
        }
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.n_rows = 0;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.event_id.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.user.finish()),
            Arc::new(self.name.finish()),
        ];
        let builders = [&mut self.plan, &mut self.country, &mut self.campaign, &mut self.page, &mut self.sku];
        for builder in builders.into_iter().take(self.n_properties) {
            columns.push(Arc::new(builder.finish()));
        }
        if 5 < self.n_properties {
            columns.push(Arc::new(self.amount_cents.finish()));
        }
        columns
    }
}

/// The numbers in user ids: a permutation, so that an id says nothing about how active its user is.
struct UserIds {
    factor: u64,
    offset: u64,
    n_users: u64,
}

impl UserIds {
    fn new(seed: u64, n_users: u64) -> Self {
        let mut random = Random::new(seed, stream::USER_IDS);
        let mut factor = random.below(n_users).max(1);
        while common_divisor(factor, n_users) != 1 {
            factor = factor % n_users + 1;
        }
        Self { factor, offset: random.below(n_users), n_users }
    }

    #[inline]
    fn of(&self, user: u32) -> u64 {
        // Both factors are below 2^32.
        (u64::from(user) * self.factor + self.offset) % self.n_users
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Picks one of n categories from 32 bits, the first ones more often (the square of a uniform number).
#[inline]
fn skewed(bits: u64, n: usize) -> usize {
    let uniform = bits & 0xffff_ffff;
    let square = (uniform * uniform) >> 32;
    ((square * n as u64) >> 32) as usize
}

fn name_text(name: u32) -> String {
    format!("e{name:04}")
}

#[inline]
fn write_hex(mut value: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

#[inline]
fn write_decimal(mut value: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
