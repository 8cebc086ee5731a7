//! Reference docs and schemas, made from the operators and the spec's types.

use std::fs;
use std::path::Path;

use diptych_engine::{Answer, OPERATORS, Spec};
use serde_json::Value;

/// Makes every generated file: path in the repository, content.
fn generate() -> Vec<(String, String)> {
    let json = |schema: &dyn Fn() -> serde_json::Result<String>| format!("{}\n", schema().expect("a schema is plain data"));
    let mut files = vec![
        ("docs/reference/spec.schema.json".into(), json(&|| serde_json::to_string_pretty(&Spec::json_schema()))),
        ("docs/reference/answer.schema.json".into(), json(&|| serde_json::to_string_pretty(&Answer::json_schema()))),
        ("docs/reference/openapi.json".into(), json(&|| serde_json::to_string_pretty(&diptych_server::openapi()))),
    ];
    let mut index = String::from(
        "# Operators\n\nMade by `make gen` from the operators themselves.\n\n| operator | panel | question |\n|---|---|---|\n",
    );
    for operator in OPERATORS {
        let about = operator.about();
        let panel = serde_json::to_value(about.panel).expect("a panel is a word");
        let panel = panel.as_str().unwrap_or_default();
        index.push_str(&format!("| [{}]({}.md) | {panel} | {} |\n", about.id, about.id, about.question));
        files.push((format!("docs/reference/operators/{}.md", about.id), page(*operator)));
    }
    files.push(("docs/reference/operators/README.md".into(), index));
    files
}

fn page(operator: &dyn diptych_engine::AnyOperator) -> String {
    let about = operator.about();
    let schema = serde_json::to_value(operator.schema()).expect("a schema is plain data");
    let mut parameters = String::from("| parameter | meaning | default |\n|---|---|---|\n");
    let empty = serde_json::Map::new();
    for (name, property) in schema["properties"].as_object().unwrap_or(&empty) {
        let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        let words = choices(&schema, property);
        let words = if words.is_empty() { String::new() } else { format!(" One of {words}.") };
        let default = match &property["default"] {
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        parameters.push_str(&format!("| `--{name}` | {meaning}{words} | {default} |\n"));
    }
    let sources: Vec<String> = about.sources.iter().map(|source| format!("- {source}\n")).collect();
    format!(
        "<!-- Made by `make gen` from crates/journey/src/ops/{id}/. -->\n\n{spec}\n\n## Parameters\n\n{parameters}\n## Unit and anchor\n\n\
         A unit is {anchor}; `--where`, `--by`, `--versus`, `--from` and `--to` look at that row.\n\n## Definition from\n\n{sources}",
        id = about.id,
        spec = about.spec.trim_end(),
        anchor = about.anchor,
        sources = sources.concat()
    )
}

fn choices(schema: &Value, property: &Value) -> String {
    let reference = property["$ref"].as_str().or_else(|| property["anyOf"][0]["$ref"].as_str());
    let resolved = reference.and_then(|reference| reference.strip_prefix("#/$defs/")).map_or(property, |name| &schema["$defs"][name]);
    let words: Vec<String> = match (resolved["enum"].as_array(), resolved["oneOf"].as_array()) {
        (Some(words), _) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (None, Some(parts)) => parts.iter().filter_map(|part| part["const"].as_str()).map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    };
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Writes every generated file.
pub fn write(root: &Path) -> anyhow::Result<()> {
    for (path, content) in generate() {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        fs::write(&path, content)?;
    }
    Ok(())
}

/// Fails when a generated file is missing, stale, or of an operator that is gone.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let files = generate();
    for (path, content) in &files {
        let known = fs::read_to_string(root.join(path)).unwrap_or_default();
        anyhow::ensure!(known == *content, "{path} is stale; run `make gen`");
    }
    for entry in fs::read_dir(root.join("docs/reference/operators"))?.flatten() {
        let name = format!("docs/reference/operators/{}", entry.file_name().to_string_lossy());
        anyhow::ensure!(files.iter().any(|(path, _)| *path == name), "{name} belongs to no operator; remove it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_docs_are_fresh() {
        super::check(&crate::root()).unwrap();
    }
}
