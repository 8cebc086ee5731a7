//! The addresses: the router and the description in docs/reference/openapi.json are both made from [`ROUTES`].

use axum::Router;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::state::App;
use crate::{app, ask, data, files, map, openapi, operators, people, report, screens, spec, sql, workspace};

/// One address and method.
pub struct Route {
    /// `get`, `post` or `put`.
    pub method: &'static str,
    /// The path; `{…}` stands for a part that differs.
    pub path: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Parameters of the address, with their meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// What the body is, where there is one.
    pub takes: Option<Content>,
    /// What the answer is, by media type.
    pub gives: &'static [Content],
    handler: fn() -> MethodRouter<App>,
}

/// What a body or an answer is.
#[derive(Clone, Copy)]
pub struct Content {
    /// The media type.
    pub media_type: &'static str,
    /// Its JSON Schema, where it is JSON that the program knows the form of.
    pub schema: Option<fn(&mut SchemaGenerator) -> Schema>,
}

const fn json<T: JsonSchema>() -> Content {
    Content { media_type: "application/json", schema: Some(|generator| generator.subschema_for::<T>()) }
}

const fn plain(media_type: &'static str) -> Content {
    Content { media_type, schema: None }
}

const CSV: Content = plain("text/csv");
const XLSX: Content = plain(crate::sheet::XLSX);
const SVG: Content = plain("image/svg+xml");
const PNG: Content = plain("image/png");
const PDF: Content = plain("application/pdf");
const MARKDOWN: Content = plain("text/markdown");
const LINES: Content = plain("application/x-ndjson");

const FORMAT: (&str, &str) = ("format", "json, csv, xlsx, svg or png");
const THEME: (&str, &str) = ("theme", "light or dark: colours of a picture");
const MAP: &[(&str, &str)] = &[("format", "json, md, html, svg, png or pdf"), THEME];
const STREAM: (&str, &str) =
    ("stream", "1: progress, partial answers and the answer as lines; closing the connection cancels the question");

/// Every address of the API.
pub const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/api/workspace",
        summary: "Tells what the workspace holds, and whether questions can be asked.",
        query: &[],
        takes: None,
        gives: &[json::<workspace::Workspace>()],
        handler: || routing::get(workspace::get),
    },
    Route {
        method: "get",
        path: "/api/operators",
        summary: "Lists the operators with their parameters and definitions.",
        query: &[],
        takes: None,
        gives: &[json::<Vec<operators::Card>>()],
        handler: || routing::get(operators::list),
    },
    Route {
        method: "post",
        path: "/api/ask/{operator}",
        summary: "Answers a question.",
        query: &[FORMAT, THEME, STREAM],
        takes: Some(json::<ask::Asked>()),
        gives: &[json::<diptych_engine::Answer>(), CSV, XLSX, SVG, PNG, LINES],
        handler: || routing::post(ask::post),
    },
    Route {
        method: "get",
        path: "/api/ask/{operator}",
        summary: "Answers a question that stands in the address, for links.",
        query: &[("q", "the body of the question as JSON"), FORMAT, THEME, STREAM],
        takes: None,
        gives: &[json::<diptych_engine::Answer>(), CSV, XLSX, SVG, PNG, LINES],
        handler: || routing::get(ask::get),
    },
    Route {
        method: "post",
        path: "/api/who/{operator}",
        summary: "Lists the people behind a cell; the body is that of the question, with cell, group, limit and offset.",
        query: &[("format", "json, csv or xlsx")],
        takes: Some(json::<ask::Behind>()),
        gives: &[json::<ask::PeoplePage>(), CSV, XLSX],
        handler: || routing::post(ask::who),
    },
    Route {
        method: "post",
        path: "/api/sql",
        summary: "Runs a query that only reads the workspace's tables, limited in time and memory.",
        query: &[("format", "json, csv or xlsx")],
        takes: Some(json::<sql::Query>()),
        gives: &[json::<sql::Table>(), CSV, XLSX],
        handler: || routing::post(sql::post),
    },
    Route {
        method: "get",
        path: "/api/spec",
        summary: "Returns diptych.yaml as it is written.",
        query: &[],
        takes: None,
        gives: &[json::<spec::Written>()],
        handler: || routing::get(spec::get),
    },
    Route {
        method: "put",
        path: "/api/spec",
        summary: "Writes diptych.yaml, if the text can be used and nobody changed the file meanwhile.",
        query: &[],
        takes: Some(json::<spec::Written>()),
        gives: &[json::<spec::Tag>()],
        handler: || routing::put(spec::put),
    },
    Route {
        method: "get",
        path: "/api/spec/schema",
        summary: "Returns the JSON Schema of diptych.yaml.",
        query: &[],
        takes: None,
        gives: &[plain("application/json")],
        handler: || routing::get(spec::schema),
    },
    Route {
        method: "post",
        path: "/api/spec/check",
        summary: "Checks a text that might become diptych.yaml, without writing it.",
        query: &[],
        takes: Some(json::<spec::Draft>()),
        gives: &[json::<spec::Checked>()],
        handler: || routing::post(spec::check_draft),
    },
    Route {
        method: "get",
        path: "/api/check",
        summary: "Compares diptych.yaml with the data.",
        query: &[],
        takes: None,
        gives: &[json::<Vec<diptych_engine::check::Finding>>()],
        handler: || routing::get(spec::check),
    },
    Route {
        method: "get",
        path: "/api/data",
        summary: "Tells what was imported, what was rejected, and which files lie in the data folder.",
        query: &[],
        takes: None,
        gives: &[json::<diptych_engine::inventory::Inventory>()],
        handler: || routing::get(data::inventory),
    },
    Route {
        method: "put",
        path: "/api/files/{name}",
        summary: "Puts a file into the data folder, whole or not at all.",
        query: &[],
        takes: Some(plain("application/octet-stream")),
        gives: &[json::<diptych_engine::inventory::Upload>()],
        handler: || routing::put(files::put),
    },
    Route {
        method: "post",
        path: "/api/profile",
        summary: "Looks at files of the data folder and proposes a diptych.yaml, writing nothing.",
        query: &[],
        takes: Some(json::<data::Files>()),
        gives: &[json::<diptych_engine::init::Proposed>()],
        handler: || routing::post(data::profile),
    },
    Route {
        method: "post",
        path: "/api/import",
        summary: "Imports files of the data folder, or all that the spec names.",
        query: &[("stream", "1: progress and the result as lines")],
        takes: Some(json::<data::Wanted>()),
        gives: &[json::<Vec<diptych_engine::import::Imported>>(), LINES],
        handler: || routing::post(data::import),
    },
    Route {
        method: "get",
        path: "/api/quarantine",
        summary: "Lists rejected rows; as CSV they can be corrected and sent back.",
        query: &[
            ("source", "one source"),
            ("limit", "rows; 100 unless given, all in CSV"),
            ("offset", "rows left out"),
            ("format", "json or csv"),
        ],
        takes: None,
        gives: &[json::<data::RejectedPage>(), CSV],
        handler: || routing::get(data::quarantine),
    },
    Route {
        method: "post",
        path: "/api/quarantine/retry",
        summary: "Imports corrected rows; without a body, tries all rejected rows again.",
        query: &[("source", "source of the rows, where several have rejected ones"), ("stream", "1: progress and the result as lines")],
        takes: Some(CSV),
        gives: &[json::<Vec<diptych_engine::import::Imported>>(), LINES],
        handler: || routing::post(data::retry),
    },
    Route {
        method: "get",
        path: "/api/report",
        summary: "Both panels and the hinge between them on one page.",
        query: &[("format", "json, html, text or pdf")],
        takes: None,
        gives: &[plain("application/json"), plain("text/html"), plain("text/plain"), PDF],
        handler: || routing::get(report::get),
    },
    Route {
        method: "get",
        path: "/api/map/customer",
        summary: "The customer journey map: stages across; touchpoints, tasks, frictions, measures, money and owners down.",
        query: MAP,
        takes: None,
        gives: &[json::<diptych_engine::map::JourneyMap>(), MARKDOWN, plain("text/html"), SVG, PNG, PDF],
        handler: || routing::get(map::customer),
    },
    Route {
        method: "get",
        path: "/api/map/task",
        summary: "The flow of a task: its steps in order, and how attempts end.",
        query: &[("name", "the task; the first unless given"), ("format", "json, md, html, svg, png or pdf"), THEME],
        takes: None,
        gives: &[json::<diptych_engine::map::Flow>(), MARKDOWN, plain("text/html"), SVG, PNG, PDF],
        handler: || routing::get(map::task),
    },
    Route {
        method: "get",
        path: "/api/map/flow",
        summary: "The flow of all users: events and the ways between them.",
        query: MAP,
        takes: None,
        gives: &[json::<diptych_engine::map::Flow>(), MARKDOWN, plain("text/html"), SVG, PNG, PDF],
        handler: || routing::get(map::flow),
    },
    Route {
        method: "get",
        path: "/api/screens/{page}",
        summary: "Returns the picture that the spec names for a page.",
        query: &[],
        takes: None,
        gives: &[PNG, plain("image/jpeg"), plain("image/webp"), plain("image/gif")],
        handler: || routing::get(screens::get),
    },
    Route {
        method: "get",
        path: "/api/users/{id}",
        summary: "One user: sessions with their events, tasks and frictions, accounts, attributes.",
        query: &[("limit", "newest sessions; 200 unless given")],
        takes: None,
        gives: &[json::<diptych_engine::people::User>()],
        handler: || routing::get(people::user),
    },
    Route {
        method: "get",
        path: "/api/accounts/{id}",
        summary: "One account: members, stages, money and the newest rows of its timeline.",
        query: &[("limit", "newest rows; 200 unless given")],
        takes: None,
        gives: &[json::<diptych_engine::people::Account>()],
        handler: || routing::get(people::account),
    },
    Route {
        method: "get",
        path: "/api/series",
        summary: "Totals per day without persons, and dated facts.",
        query: &[],
        takes: None,
        gives: &[json::<diptych_engine::series::Context>()],
        handler: || routing::get(people::series),
    },
    Route {
        method: "get",
        path: "/api/openapi.json",
        summary: "This description.",
        query: &[],
        takes: None,
        gives: &[plain("application/json")],
        handler: || routing::get(openapi::get),
    },
];

/// Makes the router of all addresses and of the app.
pub fn router(app: &App) -> Router {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    routes
        .method_not_allowed_fallback(async || crate::problem::Problem::new("method", "this address does not know this method"))
        .fallback(app::file)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(app.clone())
}
