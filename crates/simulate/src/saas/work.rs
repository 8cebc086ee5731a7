//! What people do in the product, session by session.

use crate::calendar::{self, HOUR_MS, MINUTE_MS};
use crate::random::Random;

/// One product event.
#[derive(Clone, Debug)]
pub(super) struct Click {
    pub time_ms: i64,
    pub event: &'static str,
    /// Empty until signed in.
    pub email: String,
    pub device_id: String,
    pub device: &'static str,
    pub page: &'static str,
    /// The loading time of a page, for page views.
    pub load_ms: Option<i64>,
}

/// Who sits where.
#[derive(Clone, Debug)]
pub(super) struct Seat<'a> {
    pub email: &'a str,
    pub device_id: &'a str,
    pub device: &'static str,
}

/// How a first import ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImportEnd {
    Finished,
    /// It goes on in a later session.
    Paused,
    Cancelled,
    Rejected,
}

/// What stands in the way of a first import.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obstacles {
    pub slow_page: bool,
    pub n_import_errors: u32,
}

/// A session under way. Times of its events are distinct.
pub(super) struct Walk<'a> {
    seat: Seat<'a>,
    random: &'a mut Random,
    clicks: &'a mut Vec<Click>,
    time_ms: i64,
    n_clicks: usize,
    /// After how many events, and for how long, the person does something else.
    pause: Option<(usize, i64)>,
    signed_in: bool,
    /// Frictions that cost nothing, as met in this session.
    pub n_errors_shown: u32,
    pub n_layouts_broken: u32,
}

const PAGES: [&str; 5] = ["/board", "/list", "/calendar", "/search", "/reports"];
const ACTIONS: [&str; 5] = ["create_task", "complete_task", "comment", "search", "view_report"];

/// Draws when a session starts; its events end before midnight.
pub(super) fn start_ms(day: u32, random: &mut Random) -> i64 {
    let hour = 8 + random.pick(&[1.5, 2.5, 2.2, 2.0, 0.8, 1.6, 2.0, 1.8, 1.2, 0.6, 0.2, 0.2]) as i64;
    calendar::utc_ms(day, hour * HOUR_MS + random.between(1, HOUR_MS - 1))
}

impl<'a> Walk<'a> {
    /// Starts a session of somebody who is signed in.
    pub fn signed_in(seat: Seat<'a>, start_ms: i64, random: &'a mut Random, clicks: &'a mut Vec<Click>) -> Self {
        Self { signed_in: true, ..Self::anonymous(seat, start_ms, random, clicks) }
    }

    /// Starts a session of somebody who is not, or not yet.
    pub fn anonymous(seat: Seat<'a>, start_ms: i64, random: &'a mut Random, clicks: &'a mut Vec<Click>) -> Self {
        // The second pause is exactly the session gap, which does not split.
        let pause_ms = match random.pick(&[0.96, 0.01, 0.03]) {
            0 => None,
            1 => Some(30 * MINUTE_MS),
            _ => Some(random.between(30 * MINUTE_MS + 1, 80 * MINUTE_MS)),
        };
        let pause = pause_ms.map(|pause_ms| (random.between(2, 8) as usize, pause_ms));
        let time_ms = start_ms;
        Self { seat, random, clicks, time_ms, n_clicks: 0, pause, signed_in: false, n_errors_shown: 0, n_layouts_broken: 0 }
    }

    fn add(&mut self, event: &'static str, page: &'static str) {
        if 0 < self.n_clicks {
            self.time_ms += match self.pause {
                Some((after, pause_ms)) if after == self.n_clicks => pause_ms,
                _ => self.while_ms(event),
            };
        }
        self.n_clicks += 1;
        self.clicks.push(Click {
            time_ms: self.time_ms,
            event,
            email: if self.signed_in { self.seat.email.to_owned() } else { String::new() },
            device_id: self.seat.device_id.to_owned(),
            device: self.seat.device,
            page,
            load_ms: None,
        });
    }

    /// Draws the time before an event: instants for what the page does, seconds to minutes for what people do.
    fn while_ms(&mut self, event: &str) -> i64 {
        match event {
            "error_shown" | "layout_broken" => self.random.between(200, 2_500),
            "import_error" => self.random.between(250, 4_000),
            "import_mapped" => 20_000 + self.random.log_normal(90_000.0, 0.6).min(900_000.0) as i64,
            _ => 900 + self.random.log_normal(14_000.0, 0.9).min(600_000.0) as i64,
        }
    }

    /// Opens a page with the usual loading time, far below what is slow.
    fn open(&mut self, page: &'static str) {
        let load_ms = 180 + self.random.log_normal(500.0, 0.5).min(2_800.0) as i64;
        self.open_in(page, load_ms);
    }

    fn open_in(&mut self, page: &'static str, load_ms: i64) {
        self.add("page_view", page);
        self.clicks.last_mut().expect("just added").load_ms = Some(load_ms);
    }

    /// Looks at the public pages.
    pub fn look_at_site(&mut self) {
        self.open("/");
        for _ in 0..self.random.between(1, 4) {
            let page = ["/product", "/pricing", "/customers"][self.random.below(3) as usize];
            self.open(page);
        }
    }

    /// Signs up; the event itself already names the user.
    pub fn sign_up(&mut self) {
        self.open("/signup");
        self.signed_in = true;
        self.add("sign_up", "/signup");
        self.add("workspace_created", "/signup");
    }

    /// Signs in after the login page was seen without a name.
    pub fn log_in(&mut self) {
        self.open("/login");
        self.signed_in = true;
        self.add("login", "/login");
    }

    /// Joins the workspace by an invitation.
    pub fn join(&mut self) {
        self.open("/invitation");
        self.signed_in = true;
        self.add("sign_up", "/invitation");
    }

    /// Works: pages and what is done on them, with errors here and there that cost nothing.
    pub fn work(&mut self, n_looks: usize) {
        // A phone's layout breaks once a session or not at all.
        let breaks = self.seat.device == "phone" && self.random.chance(0.2);
        for look in 0..n_looks {
            let idx = self.random.below(PAGES.len() as u64) as usize;
            self.open(PAGES[idx]);
            if look == 0 && breaks {
                self.add("layout_broken", PAGES[idx]);
                self.n_layouts_broken += 1;
            }
            if self.random.chance(0.025) {
                self.add("error_shown", PAGES[idx]);
                self.n_errors_shown += 1;
            }
            if self.random.chance(0.7) {
                self.add(ACTIONS[idx], PAGES[idx]);
            }
        }
    }

    /// Opens a page that takes too long, which harms nobody who already pays.
    pub fn wait_for_report(&mut self) {
        let load_ms = self.random.between(4_001, 9_000);
        self.open_in("/reports", load_ms);
    }

    /// Imports data, for the first time or again.
    pub fn import(&mut self, obstacles: Obstacles, end: ImportEnd) {
        let load_ms = self.random.between(4_500, 14_000);
        if obstacles.slow_page {
            self.open_in("/import", load_ms)
        } else {
            self.open("/import")
        }
        self.add("import_started", "/import");
        for _ in 0..obstacles.n_import_errors {
            self.add("import_error", "/import");
        }
        self.add("import_mapped", "/import");
        match end {
            ImportEnd::Finished => self.add("import_finished", "/import"),
            ImportEnd::Cancelled => self.add("import_cancelled", "/import"),
            ImportEnd::Rejected => self.add("import_rejected", "/import"),
            ImportEnd::Paused => {}
        }
    }

    /// Ends an import that an earlier session began.
    pub fn finish_import(&mut self) {
        self.open("/import");
        self.add("import_finished", "/import");
    }

    /// Invites somebody, or thinks better of it.
    pub fn invite(&mut self, sends: bool) {
        self.add("invite_opened", "/team");
        if sends {
            self.add("invite_sent", "/team");
        }
    }
}
