//! Asking: one operator, its parameters and the modifiers, over all shards and cores.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diptych_event::spec::ProfileOf;
use diptych_event::time::{format_instant, parse_question_time};
use diptych_event::{Shard, account, suggest};
use diptych_journey::seam::{ALL_TIME, AnyPlan, AnyTotals, Evidence, Mask, Texts, Unit, Witness};
use diptych_journey::stats::newcombe;
use diptych_journey::{AnyOperator, AskError, Catalog, Cell, Context, Panel, View, ops};
use diptych_store::identity::Identity;
use diptych_store::log::Log;
use diptych_store::relations::Relations;
use diptych_store::timelines::{ShardData, Timelines};
use diptych_store::undeclared::Undeclared;

use crate::EngineError;
use crate::accounts::{self, Rows};
use crate::answer::{Answer, AskedModifiers, Base, Difference, Group, Knowledge, Window, quoted};
use crate::crew::side_by_side;
use crate::expressions::{Compiled, Compiler, names_column};
use crate::modifiers::{Profile, RowColumns, RowCondition, RowText, actor_batch, actor_schema};
use crate::watch::{Unwatched, Watch};
use crate::workspace::Workbench;

/// A question: an operator with parameters and modifiers.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Id of the operator.
    pub operator: String,
    /// Its parameters, an object.
    pub params: serde_json::Value,
    /// The modifiers.
    pub modifiers: Modifiers,
    /// How to work.
    pub limits: Limits,
}

/// What every operator understands.
#[derive(Debug, Clone, Default)]
pub struct Modifiers {
    /// SQL condition on a unit's anchor row.
    pub filter: Option<String>,
    /// SQL condition on actors.
    pub actors: Option<String>,
    /// SQL expression on a unit's anchor row whose values split the answer.
    pub by: Option<String>,
    /// SQL condition on a unit's anchor row: those that meet it are compared with the others.
    pub versus: Option<String>,
    /// First day or instant of anchors.
    pub from: Option<String>,
    /// Day or instant before which anchors lie.
    pub to: Option<String>,
    /// Ask an operator of the user panel about accounts, with all that their members did, instead of users.
    pub accounts: bool,
}

/// How to work.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Threads; never changes an answer.
    pub n_threads: usize,
    /// Bytes that an answer's counts may take.
    pub memory_bytes: usize,
    /// Groups that an answer shows.
    pub n_groups: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { n_threads: std::thread::available_parallelism().map_or(1, usize::from), memory_bytes: 2 << 30, n_groups: 50 }
    }
}

/// The people behind a cell.
#[derive(Debug, Clone, serde::Serialize)]
pub struct People {
    /// The cell.
    pub cell: Cell,
    /// Its units, in order of actor and time.
    pub units: Vec<Witness>,
}

impl People {
    /// Returns the number of distinct actors.
    pub fn n_actors(&self) -> usize {
        // Units are in order of their actors.
        self.units.chunk_by(|one, next| one.actor == next.actor).count()
    }

    /// Writes the units as CSV: one row per row of a unit.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("actor,time,name\r\n");
        for unit in &self.units {
            for (time_us, name) in &unit.rows {
                text.push_str(&format!("{},{},{}\r\n", quoted(&unit.actor), format_instant(*time_us), quoted(name)));
            }
        }
        text
    }
}

/// The timelines that a question reads, and what is known about them.
struct Read {
    timelines: Arc<Timelines>,
    catalog: Catalog,
    relations: Arc<Relations>,
    knows: Knowledge,
    of_accounts: bool,
    remark: Option<String>,
}

const NO_PANIC: &str = "no thread panics while it counts";

/// A question that was checked.
struct Asking<'a> {
    operator: &'static dyn AnyOperator,
    plan: AnyPlan,
    params: serde_json::Value,
    timelines: &'a Timelines,
    columns: RowColumns,
    masks: Vec<RowCondition>,
    texts: Vec<RowText>,
    filter: Option<RowCondition>,
    actors: Option<Compiled>,
    split: Option<RowText>,
    /// Where a row tells that it names no user: column and code (docs/accounts.md).
    own_rows: Option<(usize, u32)>,
    period_us: Range<i64>,
    limits: Limits,
    notes: Vec<String>,
}

/// What a round of counting reports to.
struct Round<'a> {
    watch: &'a dyn Watch,
    /// `None` where nobody wants to see what was counted so far.
    answer: Option<&'a Envelope<'a>>,
}

/// Makes the answer of what was counted.
type Envelope<'a> = dyn Fn(&Asking, AnyTotals, u64) -> Answer + Sync + 'a;

/// Finds an operator.
pub fn operator(id: &str) -> Result<&'static dyn AnyOperator, EngineError> {
    ops::find(id).ok_or_else(|| {
        let ids: Vec<&str> = diptych_journey::OPERATORS.iter().map(|operator| operator.about().id).collect();
        let near = suggest::did_you_mean(id, ids.iter().copied());
        EngineError::Wrong(format!("there is no operator \"{id}\"{near}; operators: {}", ids.join(", ")))
    })
}

impl Workbench {
    /// Answers a question.
    pub fn ask(&self, question: &Question) -> Result<Answer, EngineError> {
        self.ask_watched(question, &Unwatched)
    }

    /// Answers a question while somebody looks on, who may see what was counted so far and may stop it.
    pub fn ask_watched(&self, question: &Question, watch: &dyn Watch) -> Result<Answer, EngineError> {
        let read = self.read(question, watch)?;
        let mut asking = self.check(question, &read)?;
        asking.notes.extend(read.remark.clone());
        let envelope = |asking: &Asking, total: AnyTotals, n_actors: u64| self.envelope(question, &read, asking, total, n_actors);
        let n_actors = AtomicUsize::new(0);
        let total = asking.run(&n_actors, &Round { watch, answer: Some(&envelope) })?;
        Ok(envelope(&asking, total, n_actors.into_inner() as u64))
    }

    /// Puts counts into the envelope that every answer comes in.
    fn envelope(&self, question: &Question, read: &Read, asking: &Asking, total: AnyTotals, n_actors: u64) -> Answer {
        let (cells, groups) = asking.operator.finish(&asking.plan, total);
        let mut groups: Vec<Group> = groups.into_iter().map(|(group, cells)| Group { group, cells }).collect();
        let versus = question.modifiers.versus.as_deref();
        if let Some(versus) = versus {
            name_versus(&mut groups, versus);
        }
        let mut notes = asking.notes.clone();
        limit_groups(&mut groups, question.limits.n_groups, &mut notes);
        let about = asking.operator.about();
        let bound = |instant: i64| (instant != i64::MIN && instant != i64::MAX).then(|| format_instant(instant));
        Answer {
            operator: about.id,
            panel: if read.of_accounts && about.panel == Panel::User { Panel::Customer } else { about.panel },
            title: about.title,
            question: about.question,
            counting: about.counting,
            parameters: asking.params.clone(),
            modifiers: AskedModifiers {
                filter: question.modifiers.filter.clone(),
                actors: question.modifiers.actors.clone(),
                by: question.modifiers.by.clone(),
                versus: question.modifiers.versus.clone(),
                accounts: question.modifiers.accounts,
            },
            knows: read.knows,
            window: Window {
                from: bound(asking.period_us.start),
                to: bound(asking.period_us.end),
                zone: self.spec().time_zone().name().into(),
                observed_from: format_instant(read.catalog.first_us),
                observed_until: format_instant(read.catalog.observed_until_us),
            },
            base: Base { events: read.timelines.n_rows, actors: n_actors },
            differences: if versus.is_some() { differences(&groups) } else { Vec::new() },
            cells,
            groups,
            notes,
        }
    }

    /// Lists the people behind a cell of an answer; `group` names a group of `--by` or `--versus`.
    pub fn who(&self, question: &Question, cell: &str, group: Option<&str>) -> Result<People, EngineError> {
        let mut question = question.clone();
        if let Some(group) = group {
            // A group is the same question with a condition: the law that tests hold over every operator.
            let modifiers = &mut question.modifiers;
            let condition = match (modifiers.by.take(), modifiers.versus.take()) {
                (Some(by), _) if group == "(none)" => format!("({by}) is null"),
                (Some(by), _) => format!("cast(({by}) as varchar) = '{}'", group.replace('\'', "''")),
                (None, Some(versus)) if group == versus => format!("({versus})"),
                (None, Some(versus)) if group == not(&versus) => format!("case when ({versus}) then false else true end"),
                (None, Some(versus)) => {
                    return Err(EngineError::Wrong(format!("--group: the groups are \"{versus}\" and \"{}\"", not(&versus))));
                }
                (None, None) => return Err(EngineError::Wrong("--group has a meaning only with --by or --versus".into())),
            };
            modifiers.filter = Some(match modifiers.filter.take() {
                Some(filter) => format!("({filter}) and {condition}"),
                None => condition,
            });
        }
        let answer = self.ask(&question)?;
        let asked = answer.cells.iter().find(|known| known.id == cell).ok_or_else(|| {
            let ids: Vec<&str> = answer.cells.iter().map(|cell| cell.id.as_str()).collect();
            let shown = ids.iter().take(40).copied().collect::<Vec<_>>().join(", ");
            let more = if ids.len() > 40 { format!(", … ({} in all)", ids.len()) } else { String::new() };
            AskError::Cell { cell: cell.into(), near: suggest::did_you_mean(cell, ids.iter().copied()), known: format!("{shown}{more}") }
        })?;
        let read = self.read(&question, &Unwatched)?;
        let mut asking = self.check(&question, &read)?;
        asking.split = None;
        let mut units = asking.witnesses(cell)?;
        units.sort();
        Ok(People { cell: asked.clone(), units })
    }

    /// Opens the timelines of the panel that a question is about.
    fn read(&self, question: &Question, watch: &dyn Watch) -> Result<Read, EngineError> {
        let panel = operator(&question.operator)?.about().panel;
        let (users, remark) = self.timelines()?;
        let relations = self.relations()?;
        let knows = Knowledge::new(&users, &relations);
        if panel == Panel::User && !question.modifiers.accounts {
            let catalog = self.catalog(&users);
            return Ok(Read { timelines: users, catalog, relations, knows, of_accounts: false, remark });
        }
        let rows = if panel == Panel::User { Rows::All } else { Rows::Named };
        let timelines = self.accounts(&users, &relations, rows, watch)?;
        let catalog = accounts::catalog(self, &users, &timelines);
        Ok(Read { timelines, catalog, relations, knows, of_accounts: true, remark })
    }

    /// Checks a question: all that can go wrong with its words goes wrong here.
    fn check<'a>(&self, question: &Question, read: &'a Read) -> Result<Asking<'a>, EngineError> {
        let (timelines, catalog) = (&read.timelines, &read.catalog);
        let operator = operator(&question.operator)?;
        let mut context = Context::new(catalog);
        let params = if question.params.is_null() { serde_json::json!({}) } else { question.params.clone() };
        let (plan, params) = operator.plan(params, &mut context)?;
        let compiler = Compiler;
        let mut columns = RowColumns::of_timelines(timelines, catalog.zone);
        let modifiers = &question.modifiers;
        // A condition on actors that names an attribute is looked at as of the anchor row (DECISIONS 14).
        let of_actors = modifiers.actors.as_ref();
        let names_profile = |sql: &&String| self.spec().profiles.keys().any(|name| names_column(sql, name));
        let actors_as_of = of_actors.filter(names_profile);
        let of_rows = [&modifiers.filter, &modifiers.by, &modifiers.versus];
        for sql in context.masks.iter().chain(&context.texts).chain(of_rows.into_iter().flatten()).chain(actors_as_of) {
            self.read_profiles(sql, &mut columns, read, &mut context.notes)?;
            self.read_undeclared(sql, &compiler, &mut columns, timelines, &mut context.notes)?;
        }
        let text = |place: &str, sql: &str| columns.text(&compiler, place, sql);
        let condition = |place: &str, sql: &str| columns.condition(&compiler, place, sql);
        if modifiers.by.is_some() && modifiers.versus.is_some() {
            return Err(EngineError::Wrong("--by and --versus both split the answer; use one of them".into()));
        }
        let masks: Result<Vec<RowCondition>, EngineError> =
            context.masks.iter().map(|sql| condition("a condition of a step", sql)).collect();
        let texts: Result<Vec<RowText>, EngineError> = context.texts.iter().map(|sql| text("an expression of the spec", sql)).collect();
        let actors = of_actors.filter(|_| actors_as_of.is_none());
        let actors = actors.map(|sql| compiler.compile("--actors", sql, &actor_schema(catalog.zone))).transpose()?;
        let filter = match (&modifiers.filter, actors_as_of) {
            (Some(filter), Some(actors)) => Some(format!("({filter}) and ({actors})")),
            (filter, actors) => filter.as_ref().or(actors).cloned(),
        };
        let split = match (&modifiers.by, &modifiers.versus) {
            (Some(by), _) => Some(text("--by", by)?),
            (None, Some(versus)) => {
                condition("--versus", versus)?;
                Some(text("--versus", &format!("case when ({versus}) then true else false end"))?)
            }
            (None, None) => None,
        };
        let zone = self.spec().time_zone();
        let instant = |place: &str, text: &Option<String>| -> Result<Option<i64>, EngineError> {
            text.as_ref()
                .map(|text| parse_question_time(text, zone).map_err(|what| EngineError::Wrong(format!("{place}: {what}"))))
                .transpose()
        };
        let from = instant("--from", &modifiers.from)?.unwrap_or(ALL_TIME.start);
        let to = instant("--to", &modifiers.to)?.unwrap_or(ALL_TIME.end);
        if from >= to {
            return Err(EngineError::Wrong("--from must be before --to".into()));
        }
        Ok(Asking {
            operator,
            plan,
            params,
            timelines,
            masks: masks?,
            texts: texts?,
            filter: filter
                .map(|sql| condition(if actors_as_of.is_some() { "--where and --actors" } else { "--where" }, &sql))
                .transpose()?,
            actors,
            split,
            own_rows: if read.of_accounts { None } else { accounts::own_rows(timelines) },
            period_us: from..to,
            limits: question.limits.clone(),
            notes: context.notes,
            columns,
        })
    }

    /// Reads the attributes that an expression names; notes those without dates.
    fn read_profiles(&self, sql: &str, columns: &mut RowColumns, read: &Read, notes: &mut Vec<String>) -> Result<(), EngineError> {
        for (name, profile) in &self.spec().profiles {
            if columns.schema().field_with_name(name).is_ok() || !names_column(sql, name) {
                continue;
            }
            if profile.of == ProfileOf::Account && !read.of_accounts {
                return Err(EngineError::Wrong(format!("{name} is an attribute of accounts; ask about them with --accounts")));
            }
            let member_column = read.timelines.columns.iter().position(|column| column.name == account::MEMBER);
            let member = match profile.of {
                ProfileOf::User => member_column.map(|column| (column, read.timelines.dictionaries[column].clone())),
                ProfileOf::Account => None,
            };
            let identity = Identity::new(0, &read.relations.merges);
            let values = read.relations.profiles.iter().filter(|value| value.name == *name);
            let n_undated = values.clone().filter(|value| value.from_us == i64::MIN).count();
            if n_undated > 0 {
                notes.push(format!("{n_undated} values of {name} have no date: they may have been known only later"));
            }
            columns.add_profile(name, Profile::new(values.map(|value| (identity.canonical(&value.actor), value)), member));
        }
        Ok(())
    }

    /// Reads the properties that an expression names and the spec does not declare, and says so.
    fn read_undeclared(
        &self,
        sql: &str,
        compiler: &Compiler,
        columns: &mut RowColumns,
        timelines: &Timelines,
        notes: &mut Vec<String>,
    ) -> Result<(), EngineError> {
        while let Some(name) = compiler.unknown_column(sql, columns.schema()) {
            let held = timelines.columns.iter().any(|column| column.name == name);
            let log = Log::open(&self.store()?)?;
            let Some(property) = Undeclared::read(&log, &name)?.filter(|_| !held) else { return Ok(()) };
            columns.add_undeclared(&name, property);
            notes.push(format!(
                "{name} is not declared under `properties:` of the spec; it was read from the log row by row, which is slow"
            ));
        }
        Ok(())
    }
}

impl Asking<'_> {
    /// Scans all shards, as often as the operator asks for.
    fn run(&mut self, n_actors: &AtomicUsize, round: &Round) -> Result<AnyTotals, EngineError> {
        let mut total = self.scan_all(self.operator.empty(&self.plan), n_actors, round)?;
        for _ in 1..3 {
            let Some(plan) = self.operator.refine(&self.plan, &total) else { break };
            self.plan = plan;
            n_actors.store(0, Ordering::Relaxed);
            total = self.scan_all(total, n_actors, round)?;
        }
        Ok(total)
    }

    /// Adds all shards to `total`: every thread to counts of its own, which are added in the end.
    fn scan_all(&self, total: AnyTotals, n_actors: &AtomicUsize, round: &Round) -> Result<AnyTotals, EngineError> {
        let n_shards = self.timelines.n_shards();
        let operator = self.operator;
        let mut counts: Vec<Mutex<AnyTotals>> = (1..self.n_threads()).map(|_| Mutex::new(operator.empty(&self.plan))).collect();
        counts.insert(0, Mutex::new(total));
        let sizes: Vec<AtomicUsize> = counts.iter().map(|_| AtomicUsize::new(0)).collect();
        let n_done = Mutex::new(0);
        self.for_each_shard(|thread_idx, parts| {
            let mut count = counts[thread_idx].lock().expect(NO_PANIC);
            for part in parts {
                part.with(|shard| {
                    self.view(shard, |view, labels| {
                        operator.scan(&self.plan, view, labels, &mut count);
                        Ok(())
                    })
                })?;
            }
            sizes[thread_idx].store(operator.size_bytes(&count), Ordering::Relaxed);
            drop(count);
            if sizes.iter().map(|size| size.load(Ordering::Relaxed)).sum::<usize>() > self.limits.memory_bytes {
                return Err(EngineError::Memory { limit_bytes: self.limits.memory_bytes });
            }
            let mut n_done = n_done.lock().expect(NO_PANIC);
            *n_done += 1;
            let n_more: usize = parts.iter().map(ShardData::n_actors).sum();
            let n_actors = n_actors.fetch_add(n_more, Ordering::Relaxed) + n_more;
            round.watch.counted(*n_done, n_shards)?;
            if let Some(answer) = round.answer.filter(|_| *n_done < n_shards && round.watch.wants_partial(*n_done, n_shards)) {
                let so_far = counts.iter().map(|count| operator.copy(&count.lock().expect(NO_PANIC)));
                if let Some(so_far) = so_far.reduce(|total, other| self.merged(total, other)) {
                    round.watch.partial(*n_done, n_shards, answer(self, so_far, n_actors as u64));
                }
            }
            Ok(())
        })?;
        let mut counts: Vec<AnyTotals> = counts.into_iter().map(|count| count.into_inner().expect(NO_PANIC)).collect();
        if operator.share(&self.plan, &mut counts) {
            let counts: Vec<Mutex<&mut AnyTotals>> = counts.iter_mut().map(Mutex::new).collect();
            side_by_side(counts.len(), |idx| operator.settle(&self.plan, &mut counts[idx].lock().expect(NO_PANIC)));
        }
        Ok(counts.into_iter().reduce(|total, other| self.merged(total, other)).expect("there is a thread"))
    }

    fn merged(&self, mut total: AnyTotals, other: AnyTotals) -> AnyTotals {
        self.operator.merge(&self.plan, &mut total, other);
        total
    }

    fn n_threads(&self) -> usize {
        self.limits.n_threads.clamp(1, self.timelines.n_shards())
    }

    fn witnesses(&mut self, cell: &str) -> Result<Vec<Witness>, EngineError> {
        // A refined plan may know cells that the first one does not.
        self.run(&AtomicUsize::new(0), &Round { watch: &Unwatched, answer: None })?;
        let found = Mutex::new(Vec::new());
        self.for_each_shard(|_, parts| {
            let mut evidence = Evidence::default();
            for part in parts {
                part.with(|shard| {
                    self.view(shard, |view, _| {
                        self.operator.who(&self.plan, view, cell, &mut evidence);
                        Ok(())
                    })
                })?;
            }
            found.lock().expect(NO_PANIC).extend(evidence.units);
            Ok(())
        })?;
        Ok(found.into_inner().expect(NO_PANIC))
    }

    /// Calls `work` with the thread's number and the parts of every shard, on all threads; shards are taken in order by
    /// whoever is free.
    fn for_each_shard(&self, work: impl Fn(usize, &[ShardData]) -> Result<(), EngineError> + Sync) -> Result<(), EngineError> {
        let next = AtomicUsize::new(0);
        let n_shards = self.timelines.n_shards();
        let run = |thread_idx: usize| -> Result<(), EngineError> {
            loop {
                let shard_idx = next.fetch_add(1, Ordering::Relaxed);
                if shard_idx >= n_shards {
                    return Ok(());
                }
                let done = work(thread_idx, &self.timelines.parts(shard_idx)?);
                if done.is_err() {
                    next.store(n_shards, Ordering::Relaxed);
                    return done;
                }
            }
        };
        side_by_side(self.n_threads(), run).into_iter().collect()
    }

    /// Evaluates the modifiers on a shard and calls `look` with what the operator may see.
    fn view(&self, shard: &Shard, look: impl FnOnce(&View, &[Option<String>]) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let masks: Result<Vec<Mask>, EngineError> = self.masks.iter().map(|mask| mask.holds(&self.columns, shard)).collect();
        let masks = masks?;
        let texts: Result<Vec<Texts>, EngineError> = self.texts.iter().map(|text| text.texts(&self.columns, shard)).collect();
        let texts = texts?;
        let admitted = self.filter.as_ref().map(|filter| filter.holds(&self.columns, shard)).transpose()?;
        let actors = match &self.actors {
            Some(actors) => {
                let of_shard = actor_batch(shard, self.columns.zone());
                Some(actors.holds(&of_shard).map_err(|error| EngineError::Wrong(format!("--actors: {}", error.strip_backtrace())))?)
            }
            None => None,
        };
        let (groups, labels) = match &self.split {
            Some(split) => {
                let groups = split.texts(&self.columns, shard)?;
                (Some(groups.codes), groups.labels)
            }
            None => (None, Vec::new()),
        };
        // On users' timelines what only the account did (a purchase at the till) is no activity of the user.
        let interactive = self.own_rows.map(|own_rows| accounts::activity(shard, own_rows));
        let interactive = interactive.as_deref().filter(|interactive| interactive.contains(&0)).or(shard.interactive);
        let view = View {
            shard: Shard { interactive, ..*shard },
            actors: actors.as_deref(),
            admitted: admitted.as_ref(),
            period_us: self.period_us.clone(),
            groups: groups.as_ref(),
            masks: &masks,
            texts: &texts,
        };
        look(&view, &labels)
    }
}

/// Returns the name of the group of those that do not meet a condition.
fn not(condition: &str) -> String {
    format!("not ({condition})")
}

/// Gives the two groups of `--versus` their names, the ones that meet the condition first.
fn name_versus(groups: &mut [Group], condition: &str) {
    for group in groups.iter_mut() {
        group.group = Some(match group.group.as_deref() {
            Some("true") => condition.to_owned(),
            _ => not(condition),
        });
    }
    groups.sort_by_key(|group| group.group.as_deref() != Some(condition));
}

/// Keeps the largest groups; the note says how many were left out.
fn limit_groups(groups: &mut Vec<Group>, n_groups: usize, notes: &mut Vec<String>) {
    if groups.len() <= n_groups {
        return;
    }
    let size = |group: &Group| group.cells.first().map_or(0, |cell| cell.n);
    let mut sizes: Vec<(u64, Option<String>)> = groups.iter().map(|group| (size(group), group.group.clone())).collect();
    sizes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let n_all = groups.len();
    let kept: std::collections::BTreeSet<Option<String>> = sizes.into_iter().take(n_groups).map(|(_, group)| group).collect();
    groups.retain(|group| kept.contains(&group.group));
    notes.push(format!("{n_all} groups; the {n_groups} largest are shown (--groups shows more)"));
}

/// Compares every share of the first group with that of the second.
fn differences(groups: &[Group]) -> Vec<Difference> {
    let [first, second] = groups else { return Vec::new() };
    let shares = first.cells.iter().filter_map(|cell| Some((cell, cell.x?)));
    shares
        .filter_map(|(cell, x1)| {
            let other = second.cells.iter().find(|other| other.id == cell.id)?;
            let interval = newcombe(x1, cell.n, other.x?, other.n);
            Some(Difference {
                id: cell.id.clone(),
                value: cell.value.zip(other.value).map(|(a, b)| a - b),
                lo: interval.map(|interval| interval.0),
                hi: interval.map(|interval| interval.1),
                method: if cell.unit == Unit::Actor { "newcombe" } else { "newcombe; units of one person are not independent" },
            })
        })
        .collect()
}
