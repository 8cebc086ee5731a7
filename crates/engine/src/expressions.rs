//! SQL expressions over columns: `--where`, `--by`, steps' conditions and the spec's mappings, through DataFusion.

use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue, SchemaError};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, TryCast};
use datafusion::physical_expr::{PhysicalExpr, expressions};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use diptych_event::suggest;

use crate::EngineError;

/// Compiles SQL expressions; column names keep their case.
pub struct Compiler;

/// What knows the functions of SQL: made for the first expression of the process, and never changed.
static CONTEXT: LazyLock<SessionContext> = LazyLock::new(session);

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Compiled {
    expression: Arc<dyn PhysicalExpr>,
    /// Names of the columns that it reads, in ascending order.
    pub columns: Vec<String>,
}

/// One of the conditions that an expression joins by `and`.
#[derive(Debug)]
pub struct Conjunct {
    /// The condition.
    pub compiled: Compiled,
    /// The column and the bounds, where the condition is that a column of whole numbers lies within bounds.
    pub within: Option<(String, RangeInclusive<i64>)>,
}

/// Most operators of an expression: each may nest one deeper, and every level takes stack where rows are evaluated.
const OPERATORS_MAX: usize = 250;

/// Says why a text has more operators than can be worked on; none where it has not.
pub fn too_deep(sql: &str, operators_max: usize) -> Option<String> {
    // What cannot be cut into words is refused by the parser, which says it better.
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    let is_operator = |token: &Token| match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::XOR
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::WHEN
                | Keyword::JOIN
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
        ),
        Token::Whitespace(_) | Token::Comma | Token::LParen | Token::RParen | Token::Period => false,
        Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => false,
        _ => true,
    };
    let n_operators = tokens.iter().filter(|token| is_operator(token)).count();
    (n_operators > operators_max).then(|| {
        format!("{n_operators} operators are more than the {operators_max} that are worked on; `name in ('a', 'b', …)` stands for many comparisons")
    })
}

/// Makes the session that every expression of this program runs in.
pub fn session() -> SessionContext {
    SessionContext::new_with_config(session_config())
}

/// Makes the session of a query; with a limit, what does not fit into memory is refused instead of being put on the disk.
pub fn session_within(memory_bytes: Option<usize>) -> Result<SessionContext, EngineError> {
    let Some(memory_bytes) = memory_bytes else { return Ok(session()) };
    let no_disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(memory_bytes, 1.0).with_disk_manager_builder(no_disk).build_arc();
    let runtime = runtime.map_err(|error| EngineError::Wrong(error.to_string()))?;
    Ok(SessionContext::new_with_config_rt(session_config(), runtime))
}

fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.enable_ident_normalization = false;
    config.options_mut().execution.time_zone = Some("UTC".into());
    config
}

impl Compiler {
    /// Returns the first name in `sql` that is no column of `schema`.
    pub fn unknown_column(&self, sql: &str, schema: &SchemaRef) -> Option<String> {
        if schema.field_with_name(sql.trim()).is_ok() || too_deep(sql, OPERATORS_MAX).is_some() {
            return None;
        }
        let df_schema = DFSchema::try_from(schema.clone()).ok()?;
        match CONTEXT.parse_sql_expr(sql, &df_schema).err()?.find_root() {
            DataFusionError::SchemaError(error, _) => match error.as_ref() {
                SchemaError::FieldNotFound { field, .. } => Some(field.name.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Compiles `sql` over the columns of `schema`; `place` names the text in errors.
    ///
    /// A cast that fails gives no value instead of stopping; text that meets a number counts as a number.
    pub fn compile(&self, place: &str, sql: &str, schema: &SchemaRef) -> Result<Compiled, EngineError> {
        let expression = self.parse(place, sql, schema)?;
        self.plan(expression, schema).map_err(|error| wrong(place, sql, explain(&error, schema)))
    }

    /// Compiles the conditions that `sql` joins by `and`.
    pub fn conjuncts(&self, place: &str, sql: &str, schema: &SchemaRef) -> Result<Vec<Conjunct>, EngineError> {
        let parts = split_conjunction_owned(self.parse(place, sql, schema)?).into_iter();
        let conjunct = |part: Expr| {
            let within = bounds(&part, schema);
            let compiled = self.plan(part, schema).map_err(|error| wrong(place, sql, explain(&error, schema)))?;
            Ok(Conjunct { compiled, within })
        };
        parts.map(conjunct).collect()
    }

    fn parse(&self, place: &str, sql: &str, schema: &SchemaRef) -> Result<Expr, EngineError> {
        let wrong = |what: String| wrong(place, sql, what);
        if let Some(what) = too_deep(sql, OPERATORS_MAX) {
            return Err(wrong(what));
        }
        let df_schema = DFSchema::try_from(schema.clone()).map_err(|error| wrong(error.to_string()))?;
        // A text that is a column's name is that column, even where SQL has another use for the word (`user`, `order`).
        let parsed = match schema.field_with_name(sql.trim()) {
            Ok(field) => Expr::Column(Column::new_unqualified(field.name())),
            Err(_) => CONTEXT.parse_sql_expr(sql, &df_schema).map_err(|error| wrong(explain(&error, schema)))?,
        };
        if has_aggregate(&parsed) {
            return Err(wrong("aggregate and window functions cannot stand here; a row is looked at on its own".into()));
        }
        lenient(parsed, &df_schema).map_err(|error| wrong(explain(&error, schema)))
    }

    fn plan(&self, expression: Expr, schema: &SchemaRef) -> Result<Compiled, DataFusionError> {
        let columns = expression.column_refs().into_iter().map(|column| column.name.clone()).collect::<std::collections::BTreeSet<_>>();
        let expression = CONTEXT.create_physical_expr(expression, &DFSchema::try_from(schema.clone())?)?;
        Ok(Compiled { expression, columns: columns.into_iter().collect() })
    }
}

/// Returns the column and the bounds where an expression compares a column of whole numbers with a constant.
fn bounds(expression: &Expr, schema: &SchemaRef) -> Option<(String, RangeInclusive<i64>)> {
    let column = |side: &Expr| match side {
        Expr::Column(column) => {
            schema.field_with_name(&column.name).ok().filter(|field| field.data_type() == &DataType::Int64).map(|_| column.name.clone())
        }
        _ => None,
    };
    let constant = |side: &Expr| match side {
        Expr::Literal(ScalarValue::Int64(number), _) => *number,
        _ => None,
    };
    const NONE: RangeInclusive<i64> = RangeInclusive::new(1, 0);
    match expression {
        Expr::Between(between) if !between.negated => Some((column(&between.expr)?, constant(&between.low)?..=constant(&between.high)?)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (name, op, number) = match (column(left), constant(right)) {
                (Some(name), Some(number)) => (name, *op, number),
                _ => (column(right)?, op.swap()?, constant(left)?),
            };
            let bounds = match op {
                Operator::Eq => number..=number,
                Operator::GtEq => number..=i64::MAX,
                Operator::LtEq => i64::MIN..=number,
                Operator::Gt => number.checked_add(1).map_or(NONE, |number| number..=i64::MAX),
                Operator::Lt => number.checked_sub(1).map_or(NONE, |number| i64::MIN..=number),
                _ => return None,
            };
            Some((name, bounds))
        }
        _ => None,
    }
}

fn wrong(place: &str, sql: &str, what: String) -> EngineError {
    EngineError::Sql { place: place.into(), sql: sql.into(), what }
}

impl Compiled {
    /// Returns the column that it is, where it is nothing else.
    pub fn column(&self) -> Option<&str> {
        self.expression.downcast_ref::<expressions::Column>().map(expressions::Column::name)
    }

    /// Returns the type of the values.
    pub fn data_type(&self, schema: &SchemaRef) -> Result<DataType, DataFusionError> {
        self.expression.data_type(schema)
    }

    /// Evaluates the expression on every row.
    pub fn evaluate(&self, rows: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
        self.expression.evaluate(rows)?.into_array(rows.num_rows())
    }

    /// Evaluates a condition on every row; no value counts as false.
    pub fn holds(&self, rows: &RecordBatch) -> Result<Vec<bool>, DataFusionError> {
        let values = self.evaluate(rows)?;
        let truths: &BooleanArray = values.as_boolean_opt().ok_or_else(|| {
            DataFusionError::Plan(format!("this is a {} and not a condition; compare it with something", values.data_type()))
        })?;
        Ok((0..truths.len()).map(|row| truths.is_valid(row) && truths.value(row)).collect())
    }
}

/// Tells whether an expression names a column: the word stands in it outside of text constants.
pub fn names_column(sql: &str, name: &str) -> bool {
    let outside = sql.split('\'').step_by(2);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    outside.flat_map(|part| part.split(|c: char| !is_word(c))).any(|word| word == name)
}

fn has_aggregate(expression: &Expr) -> bool {
    let mut found = false;
    let _ = expression.apply(|part| {
        found |= matches!(
            part,
            Expr::AggregateFunction(_) | Expr::WindowFunction(_) | Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
        );
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Casts become casts that give no value where they fail, and text beside a number is read as a number:
/// files hold text, and `'9' > '10'` is not what anybody means by `amount > 10`.
fn lenient(expression: Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    let rewritten = expression.transform_up(|part| {
        Ok(match part {
            Expr::Cast(cast) => Transformed::yes(Expr::TryCast(TryCast::new(cast.expr, cast.field.data_type().clone()))),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
                let arithmetic = matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo);
                let comparison = op.supports_propagation();
                let number = |expression: Box<Expr>, data_type: &DataType, other: &DataType| {
                    let meets_number = other.is_numeric() || (arithmetic && is_text(other));
                    if is_text(data_type) && meets_number && (arithmetic || comparison) {
                        Box::new(Expr::TryCast(TryCast::new(expression, DataType::Float64)))
                    } else {
                        expression
                    }
                };
                let (left, right) = (number(left, &left_type, &right_type), number(right, &right_type, &left_type));
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(rewritten.data)
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Says what DataFusion found wrong in words of the person who wrote it.
pub fn explain(error: &DataFusionError, schema: &SchemaRef) -> String {
    let text = error.strip_backtrace();
    let text = text.split_once("Diagnostic").map_or(text.as_str(), |(before, _)| before);
    let first = text.lines().next().unwrap_or_default();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let listed = || {
        let mut shown = names.clone();
        shown.truncate(30);
        let more = if names.len() > 30 { format!(", … ({} in all)", names.len()) } else { String::new() };
        format!("{}{more}", shown.join(", "))
    };
    if let Some(rest) = first.split_once("No field named ").map(|(_, rest)| rest) {
        let word = rest.split(['.', ' ']).next().unwrap_or(rest).trim_matches(['"', '.', '\'']);
        let near = suggest::did_you_mean(word, names.iter().copied());
        return format!("there is no column {word}{near}; columns: {}; a text constant is written in single quotes: '{word}'", listed());
    }
    let cleaned = ["SQL error: ", "ParserError(", "Error during planning: ", "Schema error: ", "This feature is not implemented: "]
        .iter()
        .fold(first.to_owned(), |text, noise| text.replace(noise, ""));
    cleaned.trim_end_matches(')').trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{Field, Schema};

    use super::*;

    #[test]
    fn bounds_mean_what_the_comparison_does() {
        let schema: SchemaRef =
            Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("x", DataType::Float64, true)]));
        let numbers = [i64::MIN + 1, -6, -5, -4, 0, 4, 5, 6, i64::MAX - 1, i64::MAX];
        let column: ArrayRef = Arc::new(Int64Array::from(numbers.iter().map(|number| Some(*number)).chain([None]).collect::<Vec<_>>()));
        let rows = RecordBatch::try_new(schema.clone(), vec![column, arrow::array::new_null_array(&DataType::Float64, 11)]).unwrap();
        let constants = ["5", "-5", "0", "9223372036854775807"];
        let compared = ["=", "<", "<=", ">", ">="]
            .iter()
            .flat_map(|op| constants.map(|constant| [format!("n {op} {constant}"), format!("{constant} {op} n")]));
        let between = ["n between -5 and 5".to_owned(), "n between 5 and -5".to_owned()];
        for sql in compared.flatten().chain(between) {
            let parts = Compiler.conjuncts("--where", &sql, &schema).unwrap();
            let [Conjunct { compiled, within: Some((name, bounds)) }] = parts.as_slice() else { panic!("{sql} has bounds") };
            let mut holds: Vec<bool> = numbers.iter().map(|number| bounds.contains(number)).collect();
            holds.push(false);
            assert_eq!((name.as_str(), compiled.holds(&rows).unwrap()), ("n", holds), "{sql}");
        }
        for sql in ["n <> 5", "x > 5", "n > 4.5", "n > x", "n + 1 > 5", "n not between 1 and 5", "n is null"] {
            let parts = Compiler.conjuncts("--where", sql, &schema).unwrap();
            assert!(parts.iter().all(|part| part.within.is_none()), "{sql}");
        }
    }
}
