//! Pictures of real answers (of the simulated bakery, shortened): what is drawn is in the answer, fits, and can be read.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::Answer;
use diptych_picture::font::{Weight, width as text_width};
use diptych_picture::{FlowEdge, FlowStep, Group, Kind, Lane, Map, MapCell, StepKind, TaskFlow, Theme};
use diptych_picture::{customer_map, pdf_pages, png, svg, task_flow};
use roxmltree::{Document, Node};

const WIDTHS: [u32; 4] = [280, 400, 640, 1280];

/// Reads every answer below tests/answers, with its name.
fn answers() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/answers");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &PathBuf| file.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|file| (name(file), std::fs::read_to_string(file).unwrap())).collect()
}

fn draw(answer: &Answer, theme: Theme, width: u32) -> String {
    let groups: Vec<Group> = answer.groups();
    svg(&answer.drawing(&groups), theme, width)
}

/// Returns the group and the id of every mark that stands for a cell.
fn marks(document: &Document) -> Vec<(Option<String>, String)> {
    let marks = document.descendants().filter(|node| node.has_attribute("data-cell"));
    let text = |node: Node, name: &str| node.attribute(name).map(str::to_owned);
    marks.map(|node| (text(node, "data-group"), text(node, "data-cell").unwrap())).collect()
}

#[test]
fn every_mark_is_a_cell_of_the_answer_and_none_is_drawn_twice() {
    for (name, json) in answers() {
        let answer = Answer::parse(&json);
        let mut known: BTreeSet<(Option<String>, String)> = answer.cells.iter().map(|cell| (None, cell.id.clone())).collect();
        for (group, cells) in &answer.split {
            let group = group.clone().unwrap_or_else(|| "(none)".into());
            known.extend(cells.iter().map(|cell| (Some(group.clone()), cell.id.clone())));
        }
        for width in WIDTHS {
            let picture = draw(&answer, Theme::Light, width);
            let document = Document::parse(&picture).unwrap();
            let marks = marks(&document);
            assert!(marks.len() > 3, "{name} draws {} cells", marks.len());
            let mut seen = BTreeSet::new();
            for mark in marks {
                assert!(known.contains(&mark), "{name} at {width}: {mark:?} is not in the answer");
                assert!(seen.insert(mark.clone()), "{name} at {width}: {mark:?} is drawn twice");
            }
        }
    }
}

#[test]
fn what_the_picture_is_for_is_drawn() {
    let needed: [(&str, &[&str]); 13] = [
        ("funnel", &["step:", "of_previous:", "stopped:", "time:"]),
        ("sessions", &["sessions", "people", "length:", "duration:", "month:"]),
        ("transitions", &["cases", "pairs"]),
        ("retention", &["people", "cohort:"]),
        ("tasks", &["task:order:success", "task:order:failed", "task:order:abandoned", "task:order:step:", "task:find_product:attempts"]),
        ("frictions", &["friction:"]),
        ("stages", &["stage:", "lost:"]),
        ("drop_offs_by_tier", &["drop:"]),
        ("users_customers_month", &["period:2025-12:", "period:2025-10:pays_only", "move:2025-11:"]),
        ("channels", &["touched:", "purchases:"]),
        ("value", &["accounts", "cohort:2025-01-01"]),
        ("nps", &["score", "promoters", "passives", "detractors", "respondents", "response", "month:"]),
        ("behind", &["resolved", "lost", "signal:friction:slow_page:money", "named:money"]),
    ];
    let answers = answers();
    for (name, prefixes) in needed {
        let (_, json) = answers.iter().find(|(known, _)| known == name).unwrap();
        let answer = Answer::parse(json);
        let wide = draw(&answer, Theme::Light, 1280);
        let narrow = draw(&answer, Theme::Dark, 400);
        let (wide, narrow) = (Document::parse(&wide).unwrap(), Document::parse(&narrow).unwrap());
        let (wide, narrow) = (marks(&wide), marks(&narrow));
        for prefix in prefixes {
            let cells: Vec<_> =
                answer.cells.iter().filter(|cell| cell.id.starts_with(prefix) && cell.n > 0 && cell.value.is_some()).collect();
            assert!(!cells.is_empty(), "{name} has {prefix}");
            let part = cells.iter().filter(|cell| wide.contains(&(None, cell.id.clone()))).count();
            let part_narrow = cells.iter().filter(|cell| narrow.contains(&(None, cell.id.clone()))).count();
            assert!(part * 10 >= cells.len() * 7, "{name}: {part} of {} cells {prefix}… are drawn", cells.len());
            assert!(part_narrow * 10 >= cells.len() * 7, "{name}, narrow: {part_narrow} of {} cells {prefix}…", cells.len());
        }
    }
}

#[test]
fn the_same_answer_gives_the_same_bytes() {
    for (name, json) in answers() {
        let (one, other) = (Answer::parse(&json), Answer::parse(&json));
        assert_eq!(draw(&one, Theme::Light, 640), draw(&other, Theme::Light, 640), "{name}");
        assert_ne!(draw(&one, Theme::Light, 640), draw(&other, Theme::Dark, 640), "{name}");
    }
}

#[test]
fn texts_neither_overlap_nor_leave_the_picture() {
    for (name, json) in answers() {
        let answer = Answer::parse(&json);
        for width in WIDTHS {
            check(&format!("{name} at {width}"), &draw(&answer, Theme::Light, width));
        }
    }
}

#[test]
fn hostile_names_are_escaped_and_shortened() {
    let endless = "endless ".repeat(63);
    let hostile = ["<script>alert(\"1\")</script>&amp;", "👩‍👩‍👧‍👦🥐é\u{1b}[31m", "עברית ثم العربية", "W", &endless];
    let names = ["view_product", "order", "slow_page", "consideration", "awareness", "newsletter", "desktop", "bronze", "add_to_cart"];
    for (answer, json) in answers() {
        for bad in hostile {
            let escaped = serde_json::to_string(bad).unwrap();
            let mut json = json.clone();
            for (idx, name) in names.iter().enumerate() {
                let replacement = format!("{}{idx}", &escaped[1..escaped.len() - 1]);
                json = json.replace(name, &replacement);
            }
            let answer_with_it = Answer::parse(&json);
            for width in [400, 1280] {
                let picture = draw(&answer_with_it, Theme::Dark, width);
                assert!(!picture.contains("<script"), "{answer} has a script");
                check(&format!("{answer} at {width} with {bad:.12}"), &picture);
            }
        }
    }
}

#[test]
fn an_answer_without_data_is_a_calm_picture() {
    for (name, json) in answers() {
        let mut answer = Answer::parse(&json);
        for cell in answer.cells.iter_mut().chain(answer.split.iter_mut().flat_map(|(_, cells)| cells)) {
            let has_count = cell.x.is_none() && cell.value == Some(cell.n as f64);
            (cell.n, cell.people, cell.lo, cell.hi) = (0, 0, None, None);
            cell.x = cell.x.map(|_| 0);
            cell.value = has_count.then_some(0.0);
        }
        for width in WIDTHS {
            check(&format!("{name} without units at {width}"), &draw(&answer, Theme::Light, width));
        }
        answer.cells.clear();
        answer.split.clear();
        let picture = draw(&answer, Theme::Light, 400);
        assert!(picture.contains("No data for this question."), "{name}");
        assert!(!picture.contains("data-cell"), "{name}");
    }
}

#[test]
fn numbers_that_are_none_are_not_drawn() {
    for (name, json) in answers() {
        let mut answer = Answer::parse(&json);
        for (idx, cell) in answer.cells.iter_mut().chain(answer.split.iter_mut().flat_map(|(_, cells)| cells)).enumerate() {
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300][idx % 5];
            (cell.value, cell.lo, cell.hi) = (Some(odd), Some(odd), Some(odd));
        }
        for width in [400, 1280] {
            check(&format!("{name} with odd numbers at {width}"), &draw(&answer, Theme::Light, width));
        }
    }
}

#[test]
fn marks_can_be_reached_and_read_out() {
    for (name, json) in answers() {
        let picture = draw(&Answer::parse(&json), Theme::Light, 1280);
        let document = Document::parse(&picture).unwrap();
        let root = document.root_element();
        assert_eq!((root.attribute("class"), root.attribute("role")), (Some("diptych"), Some("group")), "{name}");
        assert!(root.attribute("aria-label").is_some_and(|label| !label.is_empty()), "{name}");
        for mark in document.descendants().filter(|node| node.has_attribute("data-cell")) {
            assert_eq!((mark.attribute("tabindex"), mark.attribute("role")), (Some("0"), Some("button")), "{name}");
            let title = mark.first_element_child().filter(|node| node.has_tag_name("title")).and_then(|title| title.text());
            assert_eq!(title, mark.attribute("aria-label"), "{name}");
        }
        assert!(!picture.contains("<script") && !picture.contains("<style") && !picture.contains("foreignObject"), "{name}");
    }
}

#[test]
fn patterns_of_two_pictures_on_one_page_do_not_meet() {
    let mut ids = BTreeSet::new();
    for (name, json) in answers() {
        let picture = draw(&Answer::parse(&json), Theme::Light, 640);
        let document = Document::parse(&picture).unwrap();
        for id in document.descendants().filter_map(|node| node.attribute("id")) {
            assert!(ids.insert(id.to_owned()), "{name} has {id}, which another picture has too");
        }
    }
}

#[test]
fn a_picture_becomes_a_png_of_its_size_and_a_pdf_with_its_pages() {
    let (_, json) = &answers()[0];
    let answer = Answer::parse(json);
    let picture = draw(&answer, Theme::Dark, 400);
    let document = Document::parse(&picture).unwrap();
    let height: u32 = document.root_element().attribute("height").unwrap().parse().unwrap();
    let bytes = png(&picture, 2.0).unwrap();
    let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((size(16), size(20)), (800, 2 * height), "the header of a PNG has its width and height");
    let pdf = pdf_pages(&[picture.clone(), picture]).unwrap();
    assert!(pdf.starts_with(b"%PDF-") && String::from_utf8_lossy(&pdf).contains("/Count 2"));
}

#[test]
fn pictures_look_as_they_did() {
    for (name, json) in answers() {
        let picture = draw(&Answer::parse(&json), Theme::Light, 800);
        insta::assert_snapshot!(name, lines(&picture));
    }
}

#[test]
fn maps_hold_numbers_and_notes() {
    let answers = answers();
    let (_, json) = answers.iter().find(|(name, _)| name == "stages").unwrap();
    let answer = Answer::parse(json);
    let live = |text: &'static str, id: &str| {
        let cell = Some(answer.cells.iter().find(|cell| cell.id == id).unwrap());
        vec![MapCell { text, cell, kind: Kind::Live }]
    };
    let note = |text: &'static str| vec![MapCell { text, cell: None, kind: Kind::Note }];
    let emotion = |value: i8| vec![MapCell { text: "how it feels", cell: None, kind: Kind::Emotion(value) }];
    let map = Map {
        title: "Journey map of the household",
        subtitle: "Wants fresh bread without a queue & <without> a call",
        stages: vec!["awareness", "consideration", "purchase", "loyalty"],
        lanes: vec![
            Lane {
                name: "Accounts",
                cells: ["awareness", "consideration", "purchase", "loyalty"]
                    .map(|stage| live("are there now", &format!("stage:{stage}:now")))
                    .into(),
            },
            Lane { name: "Emotion", cells: [1, -2, 0, 2, -1].map(emotion).into() },
            Lane { name: "A lane of its own with a name that goes on and on and on", cells: vec![] },
            Lane {
                name: "Thoughts and expectations of everybody who waits for bread and for anything else",
                cells: vec![
                    note("Is it open on Sunday?"),
                    vec![],
                    note("Why does it ask for my address again and again, although it knows it?"),
                ],
            },
        ],
        currency: "EUR",
    };
    for width in WIDTHS {
        let picture = customer_map(&map, Theme::Light, width);
        check(&format!("map at {width}"), &picture);
        let document = Document::parse(&picture).unwrap();
        assert_eq!(marks(&document).len(), 4);
    }
    insta::assert_snapshot!("customer_map", lines(&customer_map(&map, Theme::Light, 800)));
    let empty = Map { title: "Empty", ..Map::default() };
    assert!(customer_map(&empty, Theme::Dark, 400).contains("The spec has no stages."));
}

#[test]
fn a_task_flow_has_the_planned_path_and_the_ways_beside_it() {
    let answers = answers();
    let (_, json) = answers.iter().find(|(name, _)| name == "tasks").unwrap();
    let (_, transitions) = answers.iter().find(|(name, _)| name == "transitions").unwrap();
    let (answer, transitions) = (Answer::parse(json), Answer::parse(transitions));
    let find = |id: &str| answer.cells.iter().find(|cell| cell.id == id).unwrap();
    let way = |from: &'static str, to: &'static str| {
        let id = format!("edge:{from}→{to}");
        FlowEdge { from, to, cell: transitions.cells.iter().find(|cell| cell.id == id).unwrap() }
    };
    let step = |name: &'static str, kind: StepKind, k: u32| FlowStep {
        name,
        kind,
        reached: Some(find(&format!("task:order:step:{k}"))),
        time: (k > 1).then(|| find("task:order:elapsed:succeeded")),
        errors: (k == 2).then(|| find("task:find_product:with_error")),
    };
    let flow = TaskFlow {
        title: "order",
        subtitle: "Attempts that are not open",
        steps: vec![
            step("view_home", StepKind::Start, 1),
            step("view_product", StepKind::Step, 2),
            step("add_to_cart", StepKind::Success, 3),
        ],
        ways: vec![way("view_product", "view_home"), way("add_to_cart", "view_product"), way("view_home", "search")],
        endings: vec![("abandoned", find("task:order:abandoned")), ("failed", find("task:order:failed"))],
        currency: "EUR",
    };
    for width in WIDTHS {
        let picture =
            task_flow(&TaskFlow { steps: vec![flow.steps[0].clone(), flow.steps[2].clone()], ..flow.clone() }, Theme::Dark, width);
        check(&format!("short flow at {width}"), &picture);
    }
    for width in WIDTHS {
        let picture = task_flow(&flow, Theme::Light, width);
        check(&format!("flow at {width}"), &picture);
        let document = Document::parse(&picture).unwrap();
        let drawn = marks(&document);
        assert_eq!(drawn.iter().filter(|(_, id)| id.starts_with("edge:")).count(), 3, "{drawn:?}");
        assert_eq!(drawn.iter().filter(|(_, id)| id.starts_with("task:order:step:")).count(), 3, "{drawn:?}");
    }
    insta::assert_snapshot!("task_flow", lines(&task_flow(&flow, Theme::Light, 800)));
    let empty = TaskFlow { title: "Empty", ..TaskFlow::default() };
    assert!(task_flow(&empty, Theme::Dark, 400).contains("The task has no planned path."));
}

/// Writes an element per line, so that a difference is small.
fn lines(picture: &str) -> String {
    picture.replace("><", ">\n<")
}

/// A text as it stands in the picture.
struct Placed {
    text: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Checks that a picture is SVG with finite numbers and texts that fit and do not lie on each other.
fn check(what: &str, picture: &str) {
    let document = Document::parse(picture).unwrap_or_else(|error| panic!("{what}: {error}"));
    let root = document.root_element();
    let size = |name: &str| root.attribute(name).unwrap().parse::<f64>().unwrap();
    let (width, height) = (size("width"), size("height"));
    for node in document.descendants().filter(Node::is_element) {
        for attribute in node.attributes().filter(|attribute| {
            ["d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "fill-opacity"].contains(&attribute.name())
        }) {
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{what}: {}={value}", attribute.name());
            let is_size = ["width", "height", "r"].contains(&attribute.name());
            assert!(!is_size || value.parse::<f64>().unwrap() >= 0.0, "{what}: {}={value}", attribute.name());
        }
    }
    let placed: Vec<Placed> = document.descendants().filter(|node| node.has_tag_name("text")).map(place).collect();
    for (idx, text) in placed.iter().enumerate() {
        let inside = text.left >= -0.5 && text.right <= width + 0.5 && text.top >= 0.0 && text.bottom <= height;
        assert!(inside, "{what}: \"{}\" leaves the picture: {:.0} to {:.0}, {:.0}", text.text, text.left, text.right, text.bottom);
        for other in &placed[idx + 1..] {
            let apart = text.right <= other.left || other.right <= text.left || text.bottom <= other.top || other.bottom <= text.top;
            assert!(apart, "{what}: \"{}\" lies on \"{}\" at {:.0}, {:.0}", text.text, other.text, text.left, text.top);
        }
    }
}

fn place(node: Node) -> Placed {
    let number = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let (x, y, size) = (number("x"), number("y"), number("font-size"));
    let weight = if node.has_attribute("font-weight") { Weight::SemiBold } else { Weight::Regular };
    let text: String = node.children().filter(|child| child.is_text()).filter_map(|child| child.text()).collect();
    // Without the slack that layouts have.
    let wide = text_width(&text, size, weight) / 1.05;
    let left = match node.attribute("text-anchor") {
        Some("middle") => x - wide / 2.0,
        Some("end") => x - wide,
        _ => x,
    };
    Placed { text, left, right: left + wide, top: y - 0.72 * size, bottom: y + 0.2 * size }
}
