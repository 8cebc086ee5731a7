//! What listeners do in the app, session by session.

use crate::calendar::{self, HOUR_MS, MINUTE_MS};
use crate::random::Random;

/// One app event.
#[derive(Clone, Debug)]
pub(super) struct Tap {
    pub time_ms: i64,
    pub event: &'static str,
    pub listener: String,
    pub device: &'static str,
    /// Where a track is meant.
    pub genre: Option<&'static str>,
    /// Who paid for the advertisement, and the campaign.
    pub advertiser: Option<(String, String)>,
}

/// An advertisement that may be heard on a day.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub advertiser: String,
    pub campaign: String,
    pub weight: f64,
}

/// A session under way. It starts with the listener, never with an advertisement.
pub(super) struct Listening<'a> {
    listener: &'a str,
    device: &'static str,
    genre: &'static str,
    random: &'a mut Random,
    taps: &'a mut Vec<Tap>,
    time_ms: i64,
    n_taps: usize,
    /// After how many events, and for how long, the listener does something else.
    pause: Option<(usize, i64)>,
    pub n_ads_too_long: u32,
}

pub(super) const GENRES: [&str; 6] = ["pop", "rock", "jazz", "classical", "hiphop", "podcast"];

/// Draws when a session starts; its events end before midnight.
pub(super) fn start_ms(day: u32, random: &mut Random) -> i64 {
    const BY_HOUR: [f64; 15] = [1.2, 2.2, 1.8, 1.2, 1.0, 1.2, 1.6, 1.4, 1.2, 1.4, 2.0, 2.6, 3.0, 3.2, 2.4];
    let hour = 6 + random.pick(&BY_HOUR) as i64;
    calendar::utc_ms(day, hour * HOUR_MS + random.between(1, HOUR_MS - 1))
}

impl<'a> Listening<'a> {
    /// Opens the app.
    pub fn open(
        listener: &'a str,
        device: &'static str,
        genre: &'static str,
        start_ms: i64,
        random: &'a mut Random,
        taps: &'a mut Vec<Tap>,
    ) -> Self {
        // The second pause is exactly the session gap, which does not split.
        let pause_ms = match random.pick(&[0.96, 0.01, 0.03]) {
            0 => None,
            1 => Some(30 * MINUTE_MS),
            _ => Some(random.between(30 * MINUTE_MS + 1, 70 * MINUTE_MS)),
        };
        let pause = pause_ms.map(|pause_ms| (random.between(2, 8) as usize, pause_ms));
        let mut listening = Self { listener, device, genre, random, taps, time_ms: start_ms, n_taps: 0, pause, n_ads_too_long: 0 };
        listening.add("app_opened");
        listening
    }

    /// Adds one event; only what listeners do by themselves comes after a pause.
    pub fn add(&mut self, event: &'static str) {
        let by_itself = ["ad_impression", "ad_too_long", "playback_error", "payment_failed"].contains(&event);
        if 0 < self.n_taps {
            self.time_ms += match self.pause {
                Some((after, pause_ms)) if after <= self.n_taps && !by_itself => {
                    self.pause = None;
                    pause_ms
                }
                _ => self.while_ms(event),
            };
        }
        self.n_taps += 1;
        self.taps.push(Tap {
            time_ms: self.time_ms,
            event,
            listener: self.listener.to_owned(),
            device: self.device,
            genre: None,
            advertiser: None,
        });
    }

    fn while_ms(&mut self, event: &str) -> i64 {
        match event {
            "ad_impression" | "payment_failed" => self.random.between(400, 3_000),
            "playback_error" => self.random.between(250, 5_000),
            "ad_too_long" => 30_000,
            "play" => 4_000 + self.random.log_normal(120_000.0, 0.6).min(420_000.0) as i64,
            _ => 1_200 + self.random.log_normal(15_000.0, 0.8).min(300_000.0) as i64,
        }
    }

    /// Hears tracks, skips some, searches for others; those who do not pay hear one of `offers` after every third track.
    pub fn hear(&mut self, n_tracks: usize, offers: &[Offer], too_long_share: f64) {
        for track in 1..=n_tracks {
            if self.random.chance(0.25) {
                self.add("search");
                // Now and then nothing suits, and what comes next is not a track.
                if 1 < track && self.random.chance(0.25) {
                    self.add("view_artist");
                    continue;
                }
            }
            self.add("play");
            let genre = if self.random.chance(0.7) { self.genre } else { GENRES[self.random.below(GENRES.len() as u64) as usize] };
            self.last().genre = Some(genre);
            if self.random.chance(0.2) {
                self.add("skip");
            }
            if track % 3 == 0 && !offers.is_empty() {
                self.hear_advertisement(offers, too_long_share);
            }
        }
    }

    fn hear_advertisement(&mut self, offers: &[Offer], too_long_share: f64) {
        let weights: Vec<f64> = offers.iter().map(|offer| offer.weight).collect();
        let offer = &offers[self.random.pick(&weights)];
        let too_long = self.random.chance(too_long_share);
        self.add("ad_impression");
        self.last().advertiser = Some((offer.advertiser.clone(), offer.campaign.clone()));
        if too_long {
            self.add("ad_too_long");
            self.n_ads_too_long += 1;
        }
    }

    fn last(&mut self) -> &mut Tap {
        self.taps.last_mut().expect("just added")
    }

    /// Gives the instant of the last event.
    pub fn now_ms(&self) -> i64 {
        self.time_ms
    }
}
