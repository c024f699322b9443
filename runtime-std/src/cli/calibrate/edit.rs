//! The manifest with the calibration in it; comments, order and everything else stay.

use super::seen::Sets;
use super::{DRIFT, Drift, SCORES};
use elbow::detect::{CONFIDENCE, Fitted};
use elbow::manifest::{Exchangeable, GateTable, PARTS, RowSet, Score, TailName};
use elbow::{Error, Precision, Result};
use std::path::Path;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// What is written besides what the scores decide.
pub struct Tables {
    /// The model that the calibration belongs to.
    pub identity: String,
    /// Arithmetic of the scores.
    pub precision: Precision,
    /// Every how many windows one is scored.
    pub every: u32,
    /// Limits of the sensor; the manifest's stay where there are none.
    pub gate: Option<GateTable>,
    /// The monitor of drift; the manifest's is removed where there is none.
    pub drift: Option<Drift>,
    /// Median log-likelihood of each channel; empty where unknown.
    pub channels: Vec<f32>,
    /// How the rows were made exchangeable.
    pub basis: Exchangeable,
}

/// A calibration to be written.
pub struct Edit<'a> {
    /// The `[score]` without a calibration.
    pub score: &'a Score,
    /// What the calibration is to hold.
    pub asked: &'a elbow::detect::Asked,
    /// What the scores have decided.
    pub fitted: &'a Fitted,
    /// Everything else.
    pub tables: &'a Tables,
    /// Sets of rows.
    pub seen: &'a Sets,
}

/// Name of the file with the scores of a mode.
pub fn mode_file(mode: usize) -> String {
    format!("scores_mode{mode}.npy")
}

impl Edit<'_> {
    /// The text of the manifest at `path` with the calibration in it.
    ///
    /// # Errors
    ///
    /// An input error where the file cannot be read, or one of the tables is written as a value.
    pub fn applied(&self, path: &Path) -> Result<String> {
        let fault = |what: String| Error::input(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path)
            .map_err(|error| fault(format!("cannot be read: {error}; check the path")))?;
        let mut document: DocumentMut =
            text.parse().map_err(|error| fault(format!("{error}; correct this line")))?;
        let root = document.as_table_mut();
        self.write_score(table(root, "score").map_err(&fault)?);
        if let Some(gate) = &self.tables.gate {
            write_gate(table(root, "gate").map_err(&fault)?, gate);
        }
        match &self.tables.drift {
            Some(drift) => {
                let table = table(root, "drift").map_err(&fault)?;
                table.insert("lambda", number(drift.lambda));
                table.insert("reference", text_item(DRIFT));
                table.insert("threshold", number(drift.replay.bounded.threshold));
            }
            None => {
                // One of an earlier calibration belongs to that.
                root.remove("drift");
            }
        }
        let data = table(root, "data").map_err(&fault)?;
        for (key, set) in self.seen.tables() {
            data.insert(key, row_set(&set));
        }
        Ok(document.to_string())
    }

    /// Writes `[score]` and its tables.
    fn write_score(&self, table: &mut Table) {
        let Self { score, fitted, tables, .. } = self;
        table.insert("kind", text_item(score.kind.name()));
        match score.samples {
            Some(samples) => table.insert("samples", integer(samples)),
            None => table.remove("samples"),
        };
        match score.tail {
            TailName::Low if !table.contains_key("tail") => None,
            tail => table.insert("tail", text_item(tail.name())),
        };
        table.insert("alpha", number(score.alpha));
        table.insert("threshold", number(fitted.cut.threshold));
        table.insert("calibration", text_item(SCORES));
        match &tables.channels[..] {
            [] => table.remove("channel_log_likelihood"),
            channels => table.insert("channel_log_likelihood", list(channels)),
        };
        table.insert("calibrated", Item::Table(self.calibrated()));
        let mut modes = ArrayOfTables::new();
        for (mode, _) in fitted.own_modes() {
            let mut own = Table::new();
            own.insert("index", integer(*mode));
            own.insert("calibration", text_item(&mode_file(*mode)));
            modes.push(own);
        }
        table.remove("mode");
        if !modes.is_empty() {
            table.insert("mode", Item::ArrayOfTables(modes));
        }
        self.write_alarm(table);
    }

    /// `[score.calibrated]`, with a comment that says what is assumed.
    fn calibrated(&self) -> Table {
        let Self { fitted, tables, .. } = self;
        let mut calibrated = Table::new();
        calibrated.insert("model", text_item(&tables.identity));
        calibrated.insert("precision", text_item(tables.precision.name()));
        calibrated.insert("rows", integer(fitted.scores.count()));
        calibrated.insert("rate", list(&fitted.rate.map(rounded)));
        calibrated.insert("confidence", number(CONFIDENCE));
        calibrated.insert("basis", text_item(tables.basis.name()));
        let assumed = format!("\n# {}\n", assumption(tables.basis));
        calibrated.decor_mut().set_prefix(assumed);
        calibrated
    }

    /// Writes `[score.alarm]`.
    fn write_alarm(&self, score: &mut Table) {
        let Self { fitted, tables, asked, .. } = self;
        let replay = &fitted.replay;
        let mut alarm = Table::new();
        alarm.insert("kappa", number(asked.goal.kappa));
        alarm.insert("arl", number(asked.goal.arl));
        alarm.insert("every", integer(tables.every));
        alarm.insert("threshold", number(replay.design.h));
        if let Some(votes) = asked.goal.votes {
            let votes = [votes.needed, votes.of].map(i64::from);
            alarm.insert("votes", toml_edit::value(Array::from_iter(votes)));
        }
        alarm.insert("windows", integer(replay.windows));
        alarm.insert("events", integer(replay.events));
        if let Some(dispersion) = replay.dispersion {
            alarm.insert("dispersion", number(dispersion));
        }
        alarm.insert("upper_rate", number(replay.upper));
        score.insert("alarm", Item::Table(alarm));
    }
}

/// What has to be true for the rate to hold.
pub fn assumption(basis: Exchangeable) -> &'static str {
    match basis {
        Exchangeable::Recordings => {
            "The rate holds for windows that are exchangeable with these, its bounds for independent ones: disjoint windows of several recordings."
        }
        Exchangeable::Blocks => {
            "The rate holds for windows that are exchangeable with these, its bounds for independent ones: disjoint windows that follow each other."
        }
        Exchangeable::Rows => {
            "The rate holds for rows that are exchangeable with these, its bounds for independent ones: nothing is known of where they come from."
        }
    }
}

/// The table of this key, which is added at the end where there is none; a sentence where it is written otherwise.
fn table<'t>(root: &'t mut Table, key: &str) -> std::result::Result<&'t mut Table, String> {
    let item = root.entry(key).or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut()
        .ok_or_else(|| format!("{key} is written as a value; write it as a table, [{key}]"))
}

/// Writes `[gate]`; keys that there are no limits for are removed.
fn write_gate(table: &mut Table, gate: &GateTable) {
    let floats = [
        ("lo", &gate.lo),
        ("hi", &gate.hi),
        ("least_variance", &gate.least_variance),
        ("largest_step", &gate.largest_step),
    ];
    for (key, values) in floats {
        match values {
            Some(values) => table.insert(key, list(values)),
            None => table.remove(key),
        };
    }
    for (key, values) in
        [("most_at_rails", &gate.most_at_rails), ("longest_run", &gate.longest_run)]
    {
        match values {
            Some(values) => {
                let values = values.iter().copied().map(i64::from);
                table.insert(key, toml_edit::value(Array::from_iter(values)))
            }
            None => table.remove(key),
        };
    }
}

/// A set of rows as an inline table.
fn row_set(set: &RowSet) -> Item {
    let mut table = InlineTable::new();
    table.insert("files", Value::Array(Array::from_iter(set.files.iter().map(String::as_str))));
    table.insert("rows", Value::from(set.rows as i64));
    table.insert("hashes", Value::from(set.hashes.to_string_lossy().as_ref()));
    if let Some(readings) = &set.readings {
        table.insert("readings", Value::from(readings.to_string_lossy().as_ref()));
    }
    toml_edit::value(table)
}

/// A share with six digits behind the point.
fn rounded(share: f64) -> f64 {
    (share * PARTS).round() / PARTS
}

/// A text.
fn text_item(text: &str) -> Item {
    toml_edit::value(text)
}

/// A whole number.
fn integer(value: impl TryInto<i64>) -> Item {
    toml_edit::value(value.try_into().unwrap_or(i64::MAX))
}

/// A number with the digits that bring it back, which for f32 are fewer than for f64.
fn number(value: impl std::fmt::Debug) -> Item {
    Item::Value(digits(&value))
}

/// Numbers in one line.
fn list(values: &[impl std::fmt::Debug]) -> Item {
    toml_edit::value(Array::from_iter(values.iter().map(|value| digits(value))))
}

/// A finite number or an infinity, as Rust writes it; 0 for anything else, which callers do not have.
fn digits(value: &impl std::fmt::Debug) -> Value {
    format!("{value:?}").parse().unwrap_or_else(|_| Value::from(0.0))
}
