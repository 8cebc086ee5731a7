//! `/api/ask/{operator}` and `/api/who/{operator}`: questions, and the people behind a number.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use diptych_engine::ask::Limits;
use diptych_engine::drawn::{PIXELS_PER_PIXEL, png};
use diptych_engine::seam::{Cell, Witness};
use diptych_engine::{Answer, Modifiers, Question};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::request::{self, Params, answer_json, attachment, media};
use crate::sheet::{Sheet, XLSX};
use crate::state::{App, Served, work};
use crate::stream::{Lines, Told, Unless};

/// A question.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// The operator's parameters.
    params: Map<String, Value>,
    /// SQL condition on a unit's anchor row.
    #[serde(rename = "where")]
    filter: Option<String>,
    /// SQL condition on actors.
    actors: Option<String>,
    /// SQL expression whose values split the answer.
    by: Option<String>,
    /// SQL condition: those that meet it are compared with the others.
    versus: Option<String>,
    /// First day or instant of anchors.
    from: Option<String>,
    /// Day or instant before which anchors lie.
    to: Option<String>,
    /// Ask an operator of the user panel about accounts.
    accounts: bool,
    /// Most groups of `by` in the answer.
    groups: Option<usize>,
}

/// Which people are asked for, beside the question.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Behind {
    /// Id of the cell.
    cell: String,
    /// Group of `by` or `versus` that the cell is in.
    #[serde(default)]
    group: Option<String>,
    /// Most units in the answer; 200 unless given.
    #[serde(default = "two_hundred")]
    limit: usize,
    /// Units left out before the first.
    #[serde(default)]
    offset: usize,
}

/// The people behind a cell, a page at a time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PeoplePage {
    /// The cell.
    cell: Cell,
    /// Units behind it.
    units_total: usize,
    /// Distinct actors behind it.
    actors_total: usize,
    /// Units of this page, in order of actor and time: the actor, and the rows that make the unit count.
    units: Vec<Witness>,
    /// Whether there are more after these.
    more: bool,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The envelope of docs/reference/answer.schema.json.
    #[default]
    Json,
    /// One row per cell and group.
    Csv,
    /// The same as a workbook.
    Xlsx,
    /// The picture.
    Svg,
    /// The picture as pixels.
    Png,
}

/// Colours of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

/// Parameters of the address of a question.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// How the answer is written.
    #[serde(default)]
    pub format: Format,
    #[serde(default)]
    theme: Theme,
    /// Pixels that a picture is wide.
    width: Option<u32>,
    #[serde(default)]
    stream: u8,
    q: Option<String>,
}

fn two_hundred() -> usize {
    200
}

impl Asked {
    /// Makes the question that the engine is asked.
    fn question(self, operator: String, limits: Limits) -> Question {
        let n_groups = self.groups.unwrap_or(limits.n_groups);
        Question {
            operator,
            params: Value::Object(self.params),
            modifiers: Modifiers {
                filter: self.filter,
                actors: self.actors,
                by: self.by,
                versus: self.versus,
                from: self.from,
                to: self.to,
                accounts: self.accounts,
            },
            limits: Limits { n_groups, ..limits },
        }
    }
}

/// Answers a question that stands in the body.
pub async fn post(
    State(app): State<App>,
    Path(operator): Path<String>,
    Params(wish): Params<Wish>,
    body: Body,
) -> Result<Response, Problem> {
    if wish.q.is_some() {
        return Err(Problem::wrong("`q` is for GET; the body is the question").at_field("q"));
    }
    let asked = request::json(body).await?;
    answer(app, operator, wish, asked).await
}

/// Answers a question that stands in the address.
pub async fn get(State(app): State<App>, Path(operator): Path<String>, Params(wish): Params<Wish>) -> Result<Response, Problem> {
    let asked = request::from_json(wish.q.as_deref().unwrap_or_default().as_bytes()).map_err(|problem| problem.at_field("q"))?;
    answer(app, operator, wish, asked).await
}

async fn answer(app: App, operator: String, wish: Wish, asked: Asked) -> Result<Response, Problem> {
    // Wrong words are told before the question waits for its place.
    diptych_engine::ask::operator(&operator)?;
    if wish.stream != 0 {
        return Ok(stream(app, operator, asked));
    }
    let gone = Unless::default();
    let _asker = gone.asker();
    work(&app, move |app, limits| {
        let answer = app.bench()?.ask_watched(&asked.question(operator, limits), &gone)?;
        written(app, &answer, &wish)
    })
    .await
}

/// Answers as lines: what is told while the work goes on, then the answer or the problem.
fn stream(app: App, operator: String, asked: Asked) -> Response {
    let (lines, response) = Lines::new();
    tokio::spawn(async move {
        let told = Told::new(lines.clone());
        let answering = work(&app, move |app, limits| Ok(app.bench()?.ask_watched(&asked.question(operator, limits), &told)?));
        let done = tokio::select! {
            done = answering => done,
            () = lines.closed() => return,
        };
        match done {
            Ok(answer) => lines.finish("answer", &[("answer", serde_json::to_value(answer).expect("answers are plain data"))]).await,
            Err(problem) => lines.fail(&problem).await,
        }
    });
    response
}

/// Pixels that a picture is wide unless the asker says.
pub const WIDTH: u32 = 960;

impl From<Theme> for diptych_engine::drawn::Theme {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self::Light,
            Theme::Dark => Self::Dark,
        }
    }
}

fn written(app: &Served, answer: &Answer, wish: &Wish) -> Result<Response, Problem> {
    let name = answer.operator;
    let svg = || -> Result<String, Problem> {
        let bench = app.bench()?;
        let currency = bench.spec().currency.as_ref().map_or("", |currency| currency.text.as_str());
        Ok(answer.to_svg(currency, wish.theme.into(), wish.width.unwrap_or(WIDTH)))
    };
    match wish.format {
        Format::Json => Ok(media("application/json", answer.to_json())),
        Format::Csv => Ok(attachment("text/csv; charset=utf-8", &format!("{name}.csv"), answer.to_csv())),
        Format::Xlsx => Ok(attachment(XLSX, &format!("{name}.xlsx"), Sheet::of_answer(answer).to_xlsx()?)),
        Format::Svg => Ok(media("image/svg+xml", svg()?)),
        Format::Png => Ok(media("image/png", png(&svg()?, PIXELS_PER_PIXEL)?)),
    }
}

/// Lists the people behind a cell.
pub async fn who(
    State(app): State<App>,
    Path(operator): Path<String>,
    Params(wish): Params<Wish>,
    body: Body,
) -> Result<Response, Problem> {
    let mut whole: Map<String, Value> = request::json(body).await?;
    let of_behind = ["cell", "group", "limit", "offset"];
    let behind: Map<String, Value> = of_behind.iter().filter_map(|name| Some(((*name).to_owned(), whole.remove(*name)?))).collect();
    let behind: Behind = request::from_value(Value::Object(behind))?;
    let asked: Asked = request::from_value(Value::Object(whole))?;
    diptych_engine::ask::operator(&operator)?;
    work(&app, move |app, limits| {
        let people = app.bench()?.who(&asked.question(operator, limits), &behind.cell, behind.group.as_deref())?;
        match wish.format {
            Format::Json => {
                let units_total = people.units.len();
                let actors_total = people.n_actors();
                let units: Vec<Witness> = people.units.into_iter().skip(behind.offset).take(behind.limit).collect();
                let more = behind.offset.saturating_add(units.len()) < units_total;
                Ok(answer_json(&PeoplePage { cell: people.cell, units_total, actors_total, units, more }))
            }
            Format::Csv => Ok(attachment("text/csv; charset=utf-8", "people.csv", people.to_csv())),
            Format::Xlsx => Ok(attachment(XLSX, "people.xlsx", Sheet::of_people(&people).to_xlsx()?)),
            Format::Svg | Format::Png => Err(Problem::wrong("people have no picture; ask for json, csv or xlsx").at_field("format")),
        }
    })
    .await
}
