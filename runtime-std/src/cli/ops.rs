//! `elbow ops`

use super::output;
use elbow::Result;
use elbow::import::{self, ops};

#[derive(Debug, clap::Args)]
pub struct OpsOptions {
    /// Print the table as Markdown
    #[arg(long)]
    markdown: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
}

#[derive(serde::Serialize)]
struct Table {
    oldest_opset: i64,
    newest_opset: i64,
    operators: Vec<OperatorRow>,
}

#[derive(serde::Serialize)]
struct OperatorRow {
    op: String,
    since_opset: i64,
    types: &'static str,
    notes: &'static str,
}

/// Prints the table of operators that import supports: aligned, in Markdown, or as JSON.
///
/// # Errors
///
/// As [`output::text`].
pub fn run(options: &OpsOptions) -> Result<()> {
    let rows = ops::OPERATORS.iter().map(|operator| OperatorRow {
        op: match operator.domain {
            "" => operator.name.into(),
            domain => format!("{domain}::{}", operator.name),
        },
        since_opset: operator.since,
        types: operator.types,
        notes: operator.notes,
    });
    let table = Table {
        oldest_opset: import::OLDEST_OPSET,
        newest_opset: import::NEWEST_OPSET,
        operators: rows.collect(),
    };
    match (options.json, options.markdown) {
        (true, _) => output::json(&table),
        (_, true) => output::text(&table.markdown()),
        _ => output::text(&table.text()),
    }
}

impl Table {
    /// The table in Markdown, with a line of headings.
    fn markdown(&self) -> String {
        let row = |row: &OperatorRow| {
            format!("| {} | {} | {} | {} |\n", row.op, self.opsets(row), row.types, row.notes)
        };
        let rows: String = self.operators.iter().map(row).collect();
        format!("| Operator | Opsets | Element types | Notes |\n|---|---|---|---|\n{rows}")
    }

    /// The operator sets of a row from its first to the newest supported one, as `7-21`; `all` for operators
    /// of another domain than the default one.
    fn opsets(&self, row: &OperatorRow) -> String {
        match row.op.contains("::") {
            true => "all".into(),
            false => format!("{}-{}", row.since_opset, self.newest_opset),
        }
    }

    /// The table in aligned columns, without headings.
    fn text(&self) -> String {
        let row = |row: &OperatorRow| {
            let opsets = self.opsets(row);
            format!("{:<22} {opsets:<8} {:<38} {}\n", row.op, row.types, row.notes)
        };
        self.operators.iter().map(row).collect()
    }
}
