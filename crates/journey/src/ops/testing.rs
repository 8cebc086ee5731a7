//! Small worlds for the tests of operators: drawn by hand or at random, cut into shards in several ways.

pub mod accounts;

use diptych_event::actors::ActorIds;
use diptych_event::index::OwnedIndex;
use diptych_event::time::{HOUR_US, parse_duration, parse_zone};
use diptych_event::timeline::Codes;
use diptych_event::{Names, Shard};
use proptest::prelude::*;
use serde_json::Value;

use crate::seam::{ALL_TIME, AnyOperator, AnyPlan, Catalog, Cell, Context, Evidence, Mask, PerRow, View};

/// 2024-01-01T00:00Z in microseconds.
pub const START_US: i64 = 1_704_067_200_000_000;

/// One row of a world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub time_us: i64,
    pub name: String,
    pub group: String,
    pub interactive: bool,
}

/// Some actors with their rows, in order.
#[derive(Debug, Clone)]
pub struct World {
    pub actors: Vec<(String, Vec<Row>)>,
    pub zone: &'static str,
    pub gap_us: i64,
    pub observed_until_us: i64,
}

/// A question's cells: over everything, and per group.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub cells: Vec<Cell>,
    pub split: Vec<(String, Vec<Cell>)>,
}

impl Answer {
    #[track_caller]
    pub fn cell(&self, id: &str) -> &Cell {
        let known = || self.cells.iter().map(|cell| cell.id.as_str()).collect::<Vec<_>>().join(", ");
        self.cells.iter().find(|cell| cell.id == id).unwrap_or_else(|| panic!("no cell {id} among {}", known()))
    }

    /// Returns x (or n where the cell is no share), n and people.
    #[track_caller]
    pub fn counts(&self, id: &str) -> (u64, u64, u64) {
        let cell = self.cell(id);
        (cell.x.unwrap_or(cell.n), cell.n, cell.people)
    }
}

/// How a world is cut up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// One shard, names numbered as they come.
    Whole,
    /// Three shards, last one first, names numbered backwards.
    Backwards,
}

impl World {
    /// Reads lines such as `ana: view@0s cart@30s{phone} tick@40s!`, where `!` says that the row is no user activity.
    pub fn draw(text: &str) -> Self {
        let rows = |text: &str| {
            let row = |row: &str| {
                let (name, rest) = row.split_once('@').expect("name@offset");
                let interactive = !rest.ends_with('!');
                let rest = rest.trim_end_matches('!');
                let (offset, group) = rest.trim_end_matches('}').split_once('{').unwrap_or((rest, ""));
                let time_us = START_US + parse_duration(offset).unwrap();
                Row { time_us, name: name.into(), group: group.into(), interactive }
            };
            text.split_whitespace().map(row).collect::<Vec<_>>()
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self::of(lines.map(|line| line.split_once(':').map(|(actor, text)| (actor.into(), rows(text))).expect("actor: rows")).collect())
    }

    fn of(mut actors: Vec<(String, Vec<Row>)>) -> Self {
        actors.sort();
        let observed_until_us = actors.iter().flat_map(|(_, rows)| rows).map(|row| row.time_us).max().unwrap_or(0);
        Self { actors, zone: "UTC", gap_us: HOUR_US / 2, observed_until_us }
    }

    /// Draws worlds at random with instants at multiples of `step_us`.
    pub fn any(step_us: i64, n_steps: i64) -> impl Strategy<Value = World> {
        let row = (0..n_steps, 0..4_usize, 0..2_usize, 0..8_u8).prop_map(move |(step, name, group, quiet)| Row {
            time_us: START_US + step * step_us,
            name: ["view", "cart", "buy", "help"][name].into(),
            group: ["phone", "web"][group].into(),
            interactive: quiet > 0,
        });
        let actor = proptest::collection::vec(row, 0..14).prop_map(|mut rows| {
            rows.sort();
            rows
        });
        proptest::collection::vec(actor, 0..7).prop_map(|actors| {
            let name = |idx: usize| ["eva", "ana", "bob", "dan", "cem", "fay", "gus"][idx].to_owned();
            Self::of(actors.into_iter().enumerate().map(|(idx, rows)| (name(idx), rows)).collect())
        })
    }

    /// Returns the world in which only user activity exists.
    pub fn active(mut self) -> Self {
        self.actors.iter_mut().flat_map(|(_, rows)| rows).for_each(|row| row.interactive = true);
        self
    }

    /// Asks with parameters as JSON.
    pub fn ask(&self, operator: &dyn AnyOperator, params: Value) -> Answer {
        self.ask_cut(operator, params, Cut::Whole, None)
    }

    /// Asks about units whose anchor is in `only`, of the world cut as said; also per group.
    pub fn ask_cut(&self, operator: &dyn AnyOperator, params: Value, cut: Cut, only: Option<&str>) -> Answer {
        let catalog = self.catalog(cut);
        let (mut plan, _) = operator.plan(params, &mut Context::new(&catalog)).expect("a possible question");
        let labels: Vec<Option<String>> = self.groups(cut).into_iter().map(Some).collect();
        let (mut n_scans, mut total) = (0, operator.empty(&plan));
        loop {
            n_scans += 1;
            assert!(n_scans <= 3, "three scans at most");
            self.for_each_view(&catalog, cut, only, |view| operator.scan(&plan, view, &labels, &mut total));
            match operator.refine(&plan, &total) {
                Some(refined) => plan = refined,
                None => {
                    let (cells, split) = operator.finish(&plan, total);
                    let split = split.into_iter().map(|(label, cells)| (label.unwrap_or_default(), cells)).collect();
                    return Answer { cells, split };
                }
            }
        }
    }

    /// Returns the error of an impossible question.
    pub fn refuse(&self, operator: &dyn AnyOperator, params: Value) -> String {
        let catalog = self.catalog(Cut::Whole);
        match operator.plan(params, &mut Context::new(&catalog)) {
            Ok(_) => panic!("the question is possible"),
            Err(error) => error.to_string(),
        }
    }

    /// Lists who is behind a cell.
    pub fn who(&self, operator: &dyn AnyOperator, params: Value, cell: &str, only: Option<&str>) -> Option<Evidence> {
        let catalog = self.catalog(Cut::Backwards);
        let (plan, _): (AnyPlan, Value) = operator.plan(params, &mut Context::new(&catalog)).expect("a possible question");
        let (mut sink, mut known) = (Evidence::default(), true);
        self.for_each_view(&catalog, Cut::Backwards, only, |view| known &= operator.who(&plan, view, cell, &mut sink));
        known.then_some(sink)
    }

    /// Checks the laws of [`crate::Operator`] on this world.
    pub fn check_laws(&self, operator: &dyn AnyOperator, params: &Value) {
        let whole = self.ask_cut(operator, params.clone(), Cut::Whole, None);
        assert_eq!(whole, self.ask_cut(operator, params.clone(), Cut::Backwards, None), "order of shards and codes");
        let mut ids: Vec<&str> = whole.cells.iter().map(|cell| cell.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), whole.cells.len(), "ids are distinct");
        self.check_who(operator, params, &whole.cells, None);
        assert_eq!(self.who(operator, params.clone(), "nonsense:0", None).map(|who| who.units), None);
        for (group, cells) in &whole.split {
            assert_eq!(*cells, self.ask_cut(operator, params.clone(), Cut::Whole, Some(group)).cells, "--by is --where");
            self.check_who(operator, params, cells, Some(group));
        }
    }

    fn check_who(&self, operator: &dyn AnyOperator, params: &Value, cells: &[Cell], only: Option<&str>) {
        for cell in cells {
            let who = self.who(operator, params.clone(), &cell.id, only).unwrap_or_else(|| panic!("who knows {}", cell.id));
            assert_eq!(who.n_actors(), cell.people, "people behind {}", cell.id);
            assert!(who.units.iter().all(|unit| !unit.rows.is_empty()));
        }
    }

    fn catalog(&self, cut: Cut) -> Catalog {
        let mut names: Vec<&str> = self.actors.iter().flat_map(|(_, rows)| rows).map(|row| row.name.as_str()).collect();
        if cut == Cut::Backwards {
            names.reverse();
        }
        // Names that no row has: the operators must not trip over them.
        let names: Names = ["view", "never"].into_iter().filter(|_| cut == Cut::Whole).chain(names).chain(["view", "never"]).collect();
        let first_us = self.actors.iter().flat_map(|(_, rows)| rows).map(|row| row.time_us).min().unwrap_or(0);
        Catalog {
            names,
            columns: Vec::new(),
            zone: parse_zone(self.zone).unwrap(),
            session_gap_us: self.gap_us,
            first_us,
            observed_until_us: self.observed_until_us,
            ends_us: Vec::new(),
            spec: Default::default(),
        }
    }

    fn groups(&self, cut: Cut) -> Vec<String> {
        let mut groups: Vec<String> = self.actors.iter().flat_map(|(_, rows)| rows).map(|row| row.group.clone()).collect();
        groups.sort_unstable();
        groups.dedup();
        if cut == Cut::Backwards {
            groups.reverse();
        }
        groups
    }

    fn for_each_view(&self, catalog: &Catalog, cut: Cut, only: Option<&str>, mut take: impl FnMut(&View)) {
        let groups_known = self.groups(cut);
        let n_shards = if cut == Cut::Whole { 1 } else { 3 };
        for shard_idx in (0..n_shards).rev() {
            let actors: Vec<&(String, Vec<Row>)> = self.actors.iter().skip(shard_idx).step_by(n_shards).collect();
            let rows: Vec<&Row> = actors.iter().flat_map(|(_, rows)| rows).collect();
            let text: String = actors.iter().map(|(actor, _)| actor.as_str()).collect();
            let (mut id_offsets, mut offsets) = (vec![0], vec![0]);
            for (actor, rows) in &actors {
                id_offsets.push(id_offsets[id_offsets.len() - 1] + actor.len() as i32);
                offsets.push(offsets[offsets.len() - 1] + rows.len() as u64);
            }
            let time_us: Vec<i64> = rows.iter().map(|row| row.time_us).collect();
            let name: Vec<u32> = rows.iter().map(|row| catalog.names.code(&row.name).unwrap()).collect();
            let tie = vec![0; rows.len()];
            let interactive: Vec<u8> = rows.iter().map(|row| u8::from(row.interactive)).collect();
            let group_idx = |row: &&Row| groups_known.iter().position(|group| *group == row.group).unwrap() as u32;
            let groups = PerRow::Rows(rows.iter().map(group_idx).collect());
            let admitted = only.map(|only| Mask::from(rows.iter().map(|row| row.group == only).collect::<Vec<bool>>()));
            let index = OwnedIndex::new(&offsets[..actors.len()], &offsets[1..], &time_us, Codes::Long(&name));
            let shard = Shard {
                actors: ActorIds { offsets: &id_offsets, text: text.as_bytes() },
                starts: &offsets[..actors.len()],
                ends: &offsets[1..],
                time_us: &time_us,
                name: Codes::Long(&name),
                seq: None,
                tie: &tie,
                interactive: Some(&interactive[..]).filter(|interactive| interactive.contains(&0)),
                columns: &[],
                index: index.index(),
            };
            take(&View {
                shard,
                actors: None,
                admitted: admitted.as_ref(),
                period_us: ALL_TIME,
                groups: Some(&groups),
                masks: &[],
                texts: &[],
            });
        }
    }
}
