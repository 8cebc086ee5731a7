//! The description of the API (OpenAPI 3.1), made from the routes themselves.

use axum::response::Response;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::problem::Problem;
use crate::request::answer_json;
use crate::routes::{Content, ROUTES, Route};

/// Returns the description.
pub async fn get() -> Response {
    answer_json(&openapi())
}

/// Makes the description.
pub fn openapi() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let described = describe(route, &mut generator, &json!(problem));
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Diptych",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The HTTP API of `diptych serve`. Requests other than GET carry the header `x-diptych: 1`. \
                            Failures are `application/problem+json`; their `type` is one of a fixed list.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn describe(route: &Route, generator: &mut SchemaGenerator, problem: &Value) -> Value {
    let of_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = of_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let of_query = route
        .query
        .iter()
        .map(|(name, meaning)| json!({ "name": name, "in": "query", "description": meaning, "schema": { "type": "string" } }));
    let own_header = (route.method != "get")
        .then(|| json!({ "name": crate::guard::OWN_HEADER, "in": "header", "required": true, "schema": { "const": "1" } }));
    let parameters: Vec<Value> = of_path.chain(of_query).chain(own_header).collect();
    let mut described = json!({
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done.", "content": contents(route.gives, generator) },
            "default": { "description": "Not done.", "content": { "application/problem+json": { "schema": problem } } },
        },
    });
    if let Some(takes) = &route.takes {
        described["requestBody"] = json!({ "content": contents(std::slice::from_ref(takes), generator) });
    }
    described
}

fn contents(contents: &[Content], generator: &mut SchemaGenerator) -> Value {
    let described = contents.iter().map(|content| {
        let schema = content.schema.map_or(json!({}), |schema| json!({ "schema": schema(generator) }));
        (content.media_type.to_owned(), schema)
    });
    Value::Object(described.collect())
}
