//! Command-line options made from the JSON Schema of an operator's parameters, and back.

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};

/// Kind of value that a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    List,
}

/// Makes one option per parameter.
pub fn args(schema: &impl serde::Serialize) -> Vec<Arg> {
    let schema = serde_json::to_value(schema).unwrap_or_default();
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    properties.iter().map(|(name, property)| arg(&schema, name, property)).collect()
}

fn arg(schema: &Value, name: &str, property: &Value) -> Arg {
    let kind = kind_of(schema, property);
    let help = property["description"].as_str().unwrap_or_default().replace('\n', " ");
    let default = match &property["default"] {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::String(text) => format!(" [default: {text}]"),
        other => format!(" [default: {other}]"),
    };
    let mut arg = Arg::new(format!("param:{name}")).long(name.to_owned()).help(format!("{help}{default}")).help_heading("Parameters");
    arg = match kind {
        Kind::List => arg.action(ArgAction::Append).value_name("TEXT").alias(name.trim_end_matches('s').to_owned()),
        Kind::Integer => arg.value_name("N").value_parser(clap::value_parser!(i64)),
        Kind::Text => arg.value_name("TEXT"),
    };
    let choices = choices(schema, property);
    if choices.is_empty() { arg } else { arg.value_parser(choices) }
}

/// Follows references and optional types to what a parameter is.
fn resolve<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    if let Some(reference) = property["$ref"].as_str() {
        return reference.strip_prefix("#/$defs/").map_or(property, |name| &schema["$defs"][name]);
    }
    if let Some(parts) = property["anyOf"].as_array().or_else(|| property["allOf"].as_array()) {
        return parts.iter().find(|part| part["type"] != "null").map_or(property, |part| resolve(schema, part));
    }
    property
}

fn kind_of(schema: &Value, property: &Value) -> Kind {
    let types = &resolve(schema, property)["type"];
    let is = |name: &str| types == name || types.as_array().is_some_and(|types| types.iter().any(|known| known == name));
    if is("array") {
        Kind::List
    } else if is("integer") {
        Kind::Integer
    } else {
        Kind::Text
    }
}

fn choices(schema: &Value, property: &Value) -> Vec<String> {
    let resolved = resolve(schema, property);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(words) = resolved["enum"].as_array() {
        return words.iter().filter_map(text).collect();
    }
    resolved["oneOf"].as_array().map(|parts| parts.iter().filter_map(|part| text(&part["const"])).collect()).unwrap_or_default()
}

/// Reads the parameters that were given: `--params` first, single options over it.
pub fn read(matches: &ArgMatches, schema: &impl serde::Serialize) -> anyhow::Result<Value> {
    let schema = serde_json::to_value(schema).unwrap_or_default();
    let mut params = match matches.get_one::<String>("params") {
        Some(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(params)) => params,
            Ok(_) => anyhow::bail!("--params: this is not a JSON object; write for example '{{\"gap\": \"30m\"}}'"),
            Err(error) => anyhow::bail!("--params: {error}; write for example '{{\"gap\": \"30m\"}}'"),
        },
        None => Map::new(),
    };
    let empty = Map::new();
    for (name, property) in schema["properties"].as_object().unwrap_or(&empty) {
        let id = format!("param:{name}");
        let value = match kind_of(&schema, property) {
            Kind::List => matches.get_many::<String>(&id).map(|values| Value::from(values.cloned().collect::<Vec<_>>())),
            Kind::Integer => matches.get_one::<i64>(&id).map(|number| Value::from(*number)),
            Kind::Text => matches.get_one::<String>(&id).map(|text| Value::from(text.clone())),
        };
        if let Some(value) = value {
            params.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(params))
}
