//! Laws that every operator keeps, on generated worlds.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use common::{ACCOUNT_SPEC, Answer, Question, ask, text};
use diptych_event::Spec;
use diptych_event::time::parse_zone;
use diptych_journey::{AnyOperator, OPERATORS, Panel};
use diptych_testkit::{CodeOrder, Options, World, generate, generate_accounts};
use serde_json::Value;

const N_WORLDS: u64 = 60;

/// Tells whether an answer depends on where local midnight is.
fn reads_the_calendar(case: &Case) -> bool {
    case.operator.about().id == "retention" || case.params.contains("trend") || case.params.contains("period")
}

/// Tells whether an operator is asked about accounts rather than users.
fn reads_accounts(operator: &dyn AnyOperator) -> bool {
    operator.about().panel != Panel::User
}

/// What `--by` is tried with, and the condition that picks one of its groups.
fn splits(operator: &dyn AnyOperator) -> [&'static str; 3] {
    if reads_accounts(operator) { ["device", "touchpoint", "name"] } else { ["device", "product", "name"] }
}

#[test]
fn every_operator_has_samples() {
    for operator in OPERATORS {
        let about = operator.about();
        assert!(about.samples.len() >= 3, "{} needs three samples or more on its index card", about.id);
    }
}

#[test]
fn generated_worlds_try_every_task_and_meet_every_friction() {
    let counted: RefCell<BTreeMap<String, u64>> = RefCell::default();
    for_each_case(|case| {
        if case.params == "{}" && ["tasks", "frictions"].contains(&case.operator.about().id) {
            for cell in case.answer(|_| {}).cells {
                *counted.borrow_mut().entry(cell.id).or_default() += cell.x.unwrap_or(cell.n);
            }
        }
    });
    let never: Vec<String> = counted.take().into_iter().filter(|(_, n)| *n == 0).map(|(id, _)| id).collect();
    assert!(never.is_empty(), "laws about these cells prove nothing: {}", never.join(", "));
}

#[test]
fn shards_and_merge_order_change_nothing() {
    for_each_case(|case| {
        let expected = case.answer(|question| question.by = Some("device")).full_text();
        for (n_shards, merge_seed) in [(2, 0), (3, 7), (8, 11), (64, 0), (64, 13)] {
            let actual = case.answer(|question| {
                question.by = Some("device");
                (question.n_shards, question.merge_seed) = (n_shards, merge_seed);
            });
            case.same(&actual.full_text(), &expected, &format!("{n_shards} shards, merge seed {merge_seed}"));
        }
    });
}

#[test]
fn order_of_arrival_and_codes_change_nothing() {
    for_each_case(|case| {
        let by = splits(case.operator)[1];
        let expected = case.answer(|question| question.by = Some(by)).full_text();
        let others = [
            ("shuffled lines", case.world.shuffled(case.seed + 1)),
            ("codes in reverse", case.world.recoded(CodeOrder::Reverse)),
            ("codes in any order", case.world.recoded(CodeOrder::Shuffled(case.seed + 2))),
        ];
        for (what, world) in &others {
            let other = Case { world, ..*case };
            case.same(&other.answer(|question| question.by = Some(by)).full_text(), &expected, what);
        }
    });
}

#[test]
fn who_lists_the_people_of_every_cell() {
    for_each_case(|case| {
        let missing = format!("{} is null", splits(case.operator)[1]);
        for condition in [None, Some("device = 'phone'"), Some(missing.as_str())] {
            let answer = case.answer(|question| (question.condition, question.n_shards) = (condition, 3));
            for cell in &answer.cells {
                let evidence = answer.who(&cell.id).unwrap_or_else(|| panic!("{case}: who does not know {}", cell.id));
                assert_eq!(evidence.n_actors(), cell.people, "{case}, where {condition:?}: people of {}", cell.id);
            }
            assert!(answer.who("no such cell").is_none(), "{case}: who makes up a cell");
        }
    });
}

#[test]
fn a_group_equals_the_question_with_its_condition() {
    for_each_case(|case| {
        let plain = case.answer(|_| {}).text();
        for by in splits(case.operator) {
            let split = case.answer(|question| question.by = Some(by));
            case.same(&split.text(), &plain, &format!("total by {by}"));
            for (label, cells) in &split.groups {
                let condition = label.as_ref().map_or(format!("{by} is null"), |label| format!("{by} = '{label}'"));
                let filtered = case.answer(|question| question.condition = Some(&condition));
                case.same(&text(cells), &filtered.text(), &condition);
            }
        }
    });
}

#[test]
fn partials_are_whole_numbers() {
    for_each_case(|case| {
        let answer = case.answer(|question| question.n_shards = 2);
        for partial in &answer.partials {
            if let Some(number) = inexact(partial) {
                panic!("{case}: the partial holds {number}, which is not a whole number");
            }
        }
        assert!(answer.partials.len() <= 3, "{case}: more than three scans");
    });
}

#[test]
fn later_worlds_have_the_same_answers() {
    for_each_case(|case| {
        if reads_the_calendar(case) {
            return;
        }
        let expected = case.answer(|_| {}).text();
        let world = &case.world.shifted(98_765_432_109_877);
        case.same(&Case { world, ..*case }.answer(|_| {}).text(), &expected, "shifted");
    });
}

#[test]
fn effective_parameters_ask_the_same() {
    for_each_case(|case| {
        let first = case.answer(|_| {});
        let again = case.answer(|question| question.params = first.params.clone());
        assert_eq!(again.params, first.params, "{case}");
        case.same(&again.text(), &first.text(), "effective parameters");
    });
}

#[test]
fn parameters_that_nobody_knows_are_refused() {
    let world = generate(1, &Options::default());
    for operator in OPERATORS {
        for params in operator.about().samples {
            let mut params: Value = serde_json::from_str(params).expect("samples are JSON");
            params["no_such_parameter"] = Value::from(1);
            let refused = ask(&world, &Question::new(*operator, params)).err().map(|error| error.to_string());
            assert!(refused.is_some_and(|what| what.contains("no_such_parameter")), "{}", operator.about().id);
        }
    }
}

#[test]
fn cell_ids_are_distinct_and_no_value_is_made_up() {
    for_each_case(|case| {
        let answer = case.answer(|question| question.by = Some("device"));
        for cells in answer.groups.iter().map(|(_, cells)| cells).chain([&answer.cells]) {
            let mut ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
            ids.sort_unstable();
            if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
                panic!("{case}: two cells are called {}", pair[0]);
            }
            for cell in cells {
                let numbers = [cell.value, cell.lo, cell.hi];
                assert!(numbers.into_iter().flatten().all(f64::is_finite), "{case}: {cell:?}");
                assert!(cell.x.is_none_or(|x| x <= cell.n), "{case}: more than all: {cell:?}");
                assert!(cell.x.is_none() || cell.n > 0 || cell.value.is_none(), "{case}: a share of nothing: {cell:?}");
            }
        }
    });
}

/// One operator with one set of parameters on one world.
#[derive(Clone, Copy)]
struct Case<'a> {
    operator: &'static dyn AnyOperator,
    params: &'static str,
    world: &'a World,
    seed: u64,
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} {} on world {}", self.operator.about().id, self.params, self.seed)
    }
}

impl Case<'_> {
    fn answer<'q>(&self, change: impl FnOnce(&mut Question<'q>)) -> Answer {
        let mut question = Question::new(self.operator, serde_json::from_str(self.params).expect("samples are JSON"));
        let zone = ["UTC", "America/New_York", "Asia/Kolkata"][self.seed as usize % 3];
        question.zone = parse_zone(zone).expect("the zone exists");
        if reads_accounts(self.operator) {
            static SPEC: OnceLock<Arc<Spec>> = OnceLock::new();
            question.spec = SPEC.get_or_init(|| Arc::new(Spec::parse(ACCOUNT_SPEC).expect("the spec is good"))).clone();
        }
        change(&mut question);
        ask(self.world, &question).unwrap_or_else(|error| panic!("{self}: {error}"))
    }

    fn same(&self, actual: &str, expected: &str, what: &str) {
        assert!(actual == expected, "{self}: {what}\n   got {actual}\nbefore {expected}");
    }
}

fn for_each_case(check: impl Fn(&Case)) {
    static OF_USERS: OnceLock<Vec<World>> = OnceLock::new();
    static OF_ACCOUNTS: OnceLock<Vec<World>> = OnceLock::new();
    let of_users = OF_USERS.get_or_init(|| (0..N_WORLDS).map(|seed| complete(generate(seed, &Options::varied(seed)), USER)).collect());
    let of_accounts = OF_ACCOUNTS.get_or_init(|| (0..N_WORLDS).map(|seed| complete(generate_accounts(seed), ACCOUNT)).collect());
    for operator in OPERATORS {
        let worlds = if reads_accounts(*operator) { of_accounts } else { of_users };
        for params in operator.about().samples {
            for (seed, world) in (0..).zip(worlds) {
                check(&Case { operator: *operator, params, world, seed });
            }
        }
    }
}

/// Somebody who has every event and property.
const USER: &str =
    "zoe: view@0s{device=phone,product=hat,size=3} cart@1m{device=phone,product=hat,size=3} buy@2h search@1d error@2d help@3d";

/// An account that has every event and property.
const ACCOUNT: &str = "zoe: session:started@0s{member=ann,role=buyer,touchpoint=maps,device=phone} visit@0s{member=ann} \
    newsletter@1d task:checkout:started@2d{member=ann} friction:payment_failed@2d{member=ann} task:checkout:failed@2d1h{member=ann} \
    friction:slow_page@3d{member=ben} task:checkout:abandoned@3d{member=ben} task:checkout:succeeded@4d{member=ann} \
    order@4d{revenue_cents=1500,money_kind=recurring,device=phone} refund@9d{revenue_cents=-900,money_kind=refund} survey@12d{score=9}";

/// Adds an actor who has every event and property, so that every question can be asked.
fn complete(world: World, actor: &str) -> World {
    let mut rows = World::parse(actor).expect("the line is notation").rows().to_vec();
    rows.extend_from_slice(world.rows());
    World::new(rows, CodeOrder::Arrival)
}

/// Finds a number that is not whole.
fn inexact(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => (!number.is_i64() && !number.is_u64()).then(|| number.to_string()),
        Value::Array(values) => values.iter().find_map(inexact),
        Value::Object(fields) => fields.values().find_map(inexact),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}
