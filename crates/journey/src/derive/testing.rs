//! Drawn journeys under a spec, for the tests of derivations.

use std::sync::Arc;

use diptych_event::time::Zone;
use diptych_event::{Names, Spec};
use diptych_testkit::{World, parse_moment};
use serde_json::Value;

use crate::seam::{ALL_TIME, AnyOperator, AskError, Catalog, Cell, Context, Mask, View};

/// A drawn world with a spec.
pub struct Scene {
    world: World,
    pub catalog: Catalog,
}

impl Scene {
    /// Reads the spec after `format: 1`, journeys in testkit's notation, and the end of observation (empty: the last event).
    #[track_caller]
    pub fn new(spec: &str, journeys: &str, until: &str) -> Self {
        let mut scene = Self::of(World::parse(journeys).expect("journey notation"), spec);
        if !until.is_empty() {
            scene.catalog.observed_until_us = parse_moment(until).expect("a moment");
        }
        scene
    }

    /// Observes a world to its last event.
    #[track_caller]
    pub fn of(world: World, spec: &str) -> Self {
        let catalog = Catalog {
            names: world.names().clone(),
            columns: world.columns(),
            zone: Zone::UTC,
            session_gap_us: 1_800_000_000,
            first_us: world.first_us(),
            observed_until_us: world.last_us(),
            ends_us: Vec::new(),
            spec: Arc::new(Spec::parse(&format!("format: 1\n{spec}")).expect("a spec")),
        };
        Self { world, catalog }
    }

    pub fn names(&self) -> &Names {
        &self.catalog.names
    }

    /// Asks an operator about all rows.
    pub fn ask(&self, operator: &dyn AnyOperator, params: Value) -> Vec<Cell> {
        let plan = |context: &mut Context| operator.plan(params, context).map(|(plan, _)| plan);
        self.read(plan, |plan, view| {
            let mut total = operator.empty(plan);
            operator.scan(plan, view, &[], &mut total);
            operator.finish(plan, total).0
        })
    }

    /// Returns the error of an impossible question.
    #[track_caller]
    pub fn refuse(&self, operator: &dyn AnyOperator, params: Value) -> String {
        let refused = operator.plan(params, &mut Context::new(&self.catalog)).err();
        refused.expect("the question is impossible").to_string()
    }

    /// Compiles rules and gives them the view of all rows.
    pub fn read<R, T>(&self, compile: impl FnOnce(&mut Context) -> Result<R, AskError>, read: impl FnOnce(&R, &View) -> T) -> T {
        let mut context = Context::new(&self.catalog);
        let rules = compile(&mut context).expect("the rules are possible");
        let owned = self.world.shards(1).remove(0);
        let masks: Vec<Mask> = context.masks.iter().map(|sql| self.world.mask(&owned, sql).expect("a condition").into()).collect();
        let view =
            View { shard: owned.shard(), actors: None, admitted: None, period_us: ALL_TIME, groups: None, masks: &masks, texts: &[] };
        read(&rules, &view)
    }
}
