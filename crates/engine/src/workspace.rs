//! A workspace in use: its spec, its store, and the timelines brought up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diptych_event::Spec;
use diptych_event::log::{PROPERTY_PREFIX, TIMELINE_TEXT_FIELDS};
use diptych_event::spec::{Fields, PropertyKind, SourceSpec, SpecError};
use diptych_event::timeline::ColumnKind;
use diptych_journey::Catalog;
use diptych_store::log::Log;
use diptych_store::relations::Relations;
use diptych_store::timelines::{self, ACTOR_KIND, ColumnSpec, KeptOpen, SourceCard, Timelines, Wanted};
use diptych_store::{StoreError, Workspace, WriteLock};

use crate::EngineError;

/// Name of the spec's file in a workspace.
pub const SPEC_FILE: &str = "diptych.yaml";

/// Tells whether some event of a source maps one of some fields.
fn source_maps(source: &SourceSpec, fields: &[&str]) -> bool {
    let maps = |each: &Fields| fields.iter().any(|field| each.get(field).is_some());
    maps(&source.each) || source.events.iter().any(|event| maps(&event.fields))
}

/// A workspace and its spec.
pub struct Workbench {
    root: PathBuf,
    spec: Arc<Spec>,
    spec_text: String,
    kept: Arc<KeptOpen>,
}

impl Workbench {
    /// Opens a workspace folder and reads its spec.
    pub fn open(root: &Path) -> Result<Self, EngineError> {
        let path = root.join(SPEC_FILE);
        let yaml = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                EngineError::file(&path, format!("byte {at} is not UTF-8; save the file as UTF-8"))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NotAWorkspace { root: root.to_owned(), missing: SPEC_FILE }.into());
            }
            Err(error) => return Err(EngineError::file(&path, format!("cannot be read: {error}"))),
        };
        Self::with_text(root, yaml)
    }

    /// Opens a workspace folder as if a text were its spec.
    pub(crate) fn with_text(root: &Path, yaml: String) -> Result<Self, EngineError> {
        let spec = Spec::parse(&yaml).map_err(|source| EngineError::Spec { path: root.join(SPEC_FILE), source })?;
        Ok(Self { root: root.to_owned(), spec: Arc::new(spec), spec_text: yaml, kept: Arc::default() })
    }

    /// Keeps timelines open together with others who have the same handle: for a process that opens the workspace often.
    pub fn keeping_open(self, kept: Arc<KeptOpen>) -> Self {
        Self { kept, ..self }
    }

    /// Returns the timelines that are kept open.
    pub(crate) fn kept(&self) -> &KeptOpen {
        &self.kept
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the spec.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the spec as it is written.
    pub(crate) fn spec_text(&self) -> &str {
        &self.spec_text
    }

    /// Tells whether some event of the spec maps one of some fields.
    pub(crate) fn maps(&self, fields: &[&str]) -> bool {
        self.spec.sources.values().any(|source| source_maps(source, fields))
    }

    /// Tells whether some source names users, known or anonymous.
    pub(crate) fn names_users(&self) -> bool {
        self.maps(&["user", "anonymous"])
    }

    /// Returns the end of observation of a source in microseconds: what the spec says, else its last event.
    fn source_end_us(&self, source: &SourceCard) -> i64 {
        self.spec.source_end_us(&source.name).unwrap_or(source.last_us)
    }

    /// Returns the earliest end among the sources that name users, in microseconds.
    pub(crate) fn users_end_us(&self, timelines: &Timelines) -> Option<i64> {
        let names_users =
            |source: &&SourceCard| self.spec.sources.get(&source.name).is_none_or(|source| source_maps(source, &["user", "anonymous"]));
        timelines.sources.iter().filter(names_users).map(|source| self.source_end_us(source)).min()
    }

    /// Makes an error about the spec.
    pub(crate) fn spec_error(&self, source: SpecError) -> EngineError {
        EngineError::Spec { path: self.root.join(SPEC_FILE), source }
    }

    /// Opens the store for reading.
    pub fn store(&self) -> Result<Workspace, EngineError> {
        Workspace::open(&self.root).map_err(|error| match error {
            StoreError::NotAWorkspace { root, .. } => {
                StoreError::NotAWorkspace { root, missing: "store/ (nothing was imported yet; `diptych import` does that)" }.into()
            }
            other => other.into(),
        })
    }

    /// Returns the columns that timelines hold: the text fields that some source maps, money, declared properties.
    pub fn timeline_columns(&self) -> Vec<ColumnSpec> {
        let mapped = |field: &str| {
            self.spec
                .sources
                .values()
                .any(|source| source.each.get(field).is_some() || source.events.iter().any(|event| event.fields.get(field).is_some()))
        };
        let money = mapped("value") || mapped("value_cents");
        let held = |field: &str| field == "source" || mapped(field) || (field == "currency" && money);
        let text = |field: &&str| ColumnSpec { name: (*field).to_owned(), log_column: (*field).to_owned(), kind: ColumnKind::Text };
        let mut columns: Vec<ColumnSpec> = TIMELINE_TEXT_FIELDS.iter().filter(|field| held(field)).map(text).collect();
        if money {
            columns.push(ColumnSpec { name: "value_cents".into(), log_column: "value_cents".into(), kind: ColumnKind::Integer });
        }
        if self.names_users() && self.maps(&["customer"]) {
            columns.push(ColumnSpec { name: "actor_kind".into(), log_column: ACTOR_KIND.into(), kind: ColumnKind::Text });
        }
        columns.extend(self.spec.properties.iter().map(|(name, property)| ColumnSpec {
            name: name.clone(),
            log_column: format!("{PROPERTY_PREFIX}{name}"),
            kind: match property.kind {
                PropertyKind::Text => ColumnKind::Text,
                PropertyKind::Integer | PropertyKind::Boolean => ColumnKind::Integer,
                PropertyKind::Number => ColumnKind::Number,
            },
        }));
        columns
    }

    /// Returns what timelines are asked to be.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            columns: self.timeline_columns(),
            identity_backfill_us: self.spec.identity_backfill_us(),
            has_anonymous: self.maps(&["anonymous"]),
        }
    }

    /// Reads the records of the log: memberships, profiles, merges.
    pub fn relations(&self) -> Result<Arc<Relations>, EngineError> {
        Ok(Timelines::relations(&self.store()?, &self.kept)?)
    }

    /// Opens the timelines, first bringing them up to the log when a killed import or a changed spec left them behind.
    ///
    /// Returns a remark when they are behind and another process is writing.
    pub fn timelines(&self) -> Result<(Arc<Timelines>, Option<String>), EngineError> {
        let store = self.store()?;
        let wanted = self.wanted();
        let mut remark = None;
        if !Timelines::covers(&store, &wanted, &self.kept)? {
            let log = Log::open(&store)?;
            match store.lock() {
                Ok(lock) => timelines::update(&store, &log, &wanted, &lock, &mut |_, _| {})?,
                Err(StoreError::Locked { .. }) => {
                    remark = Some("another process is importing; this answer knows what was imported before".into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        let open = Timelines::open(&store, &self.kept)?;
        open.map(|timelines| (timelines, remark)).ok_or_else(|| {
            EngineError::Wrong(format!("{}: the first import is still running; ask again when it is done", self.root.display()))
        })
    }

    /// Names what answers are made of: the spec, the log and the timelines; `None` while timelines are behind the log.
    pub fn answers_key(&self) -> Result<Option<String>, EngineError> {
        let store = self.store()?;
        let version = Log::newest_version(&store)?;
        if !Timelines::covers(&store, &self.wanted(), &self.kept)? {
            return Ok(None);
        }
        let timelines = Timelines::open(&store, &self.kept)?;
        let key = |timelines: Arc<Timelines>| serde_json::json!([self.spec_text, version, timelines.generation]).to_string();
        Ok(timelines.map(key))
    }

    /// Makes the timelines and the index of ids anew from the log.
    pub fn rebuild(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, EngineError> {
        let store = self.store()?;
        let lock: WriteLock = store.lock()?;
        let log = Log::open(&store)?;
        Timelines::remove(&store)?;
        let ids = store.store("ids");
        match fs::remove_dir_all(&ids) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(StoreError::io(&ids, "removing")(error).into()),
            _ => {}
        }
        diptych_store::ids::Ids::open(&store)?.catch_up(&log)?;
        timelines::accounts::remove(&store)?;
        timelines::update(&store, &log, &self.wanted(), &lock, progress)?;
        Ok(Timelines::open(&store, &self.kept)?.map_or(0, |timelines| timelines.n_rows))
    }

    /// Returns what operators may know before any row is read.
    pub fn catalog(&self, timelines: &Timelines) -> Catalog {
        let (first_us, last_us) = timelines.span_us.unwrap_or((0, 0));
        let ends_us: Vec<i64> = timelines.sources.iter().map(|source| self.source_end_us(source)).collect();
        let observed_until_us = ends_us.iter().copied().max().unwrap_or(last_us);
        let end_us = |sources: &u64| {
            let of_name = ends_us.iter().enumerate().filter(|(idx, _)| sources >> (*idx).min(63) & 1 == 1);
            of_name.map(|(_, end_us)| *end_us).min().unwrap_or(observed_until_us)
        };
        Catalog {
            names: timelines.names.clone(),
            columns: timelines.columns.iter().map(|column| (column.name.clone(), column.kind)).collect(),
            zone: self.spec.time_zone(),
            session_gap_us: self.spec.session_gap_us(),
            first_us,
            observed_until_us,
            ends_us: timelines.sources_of_name.iter().map(end_us).collect(),
            spec: self.spec.clone(),
        }
    }
}
