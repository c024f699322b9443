//! Constraints on the values of an input, and a message for the first value that violates them.

use crate::ir::ElementType;
use crate::manifest::{Layout, Window};

/// Largest magnitude up to which every whole number is an f32: 2^24.
const EXACT: f32 = 16_777_216.0;

/// Constraints on the values of an input; without any set here, all values are finite.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Name of the input.
    pub name: String,
    /// Element type in the file: integers must be whole numbers of magnitude 2^24 at most, truth values 0 or 1.
    pub element: ElementType,
    /// For each value of a row, the length of the table that it is an index of; `None` for other values.
    pub tables: Vec<Option<usize>>,
    /// Whether NaN is allowed, for missing values.
    pub nan: bool,
    /// Which value of a row belongs to which channel, for messages.
    pub window: Option<Window>,
}

impl Held {
    /// The constraints of both, on an input that two graphs share by its name: the element type that is not
    /// float32 (of `self` first), NaN only where both allow it, of two tables the shorter, and the window of
    /// `self` first. There are as many entries of tables as `self` has.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        if self.element == ElementType::Float32 {
            self.element = other.element;
        }
        self.nan &= other.nan;
        let both = self.tables.iter_mut().zip(&other.tables);
        both.for_each(|(own, other)| {
            *own = own.map_or(*other, |own| Some(other.map_or(own, |other| own.min(other))))
        });
        self.window = self.window.or_else(|| other.window.clone());
        self
    }

    /// Message on the first value of `rows`, each of `len` values (at least 1), that violates a constraint:
    /// its place and the cure. `None` where all are allowed.
    pub fn problem(&self, rows: &[f32], len: usize) -> Option<String> {
        let wrong = |(at, value): (usize, &f32)| {
            let what = self.wrong(at % len, *value)?;
            let channel = self.channel(at % len);
            Some(format!(
                "found {value} in row {} at index {}{channel}, {what}",
                at / len,
                at % len
            ))
        };
        rows.iter().enumerate().find_map(wrong)
    }

    /// Whether the file declares integers, int32 or int64.
    fn is_whole(&self) -> bool {
        matches!(self.element, ElementType::Int32 | ElementType::Int64)
    }

    /// Message on the constraint that `value`, at `index` in its row, violates; `None` where it violates
    /// none. An index into a table counts from its end where it is negative.
    fn wrong(&self, index: usize, value: f32) -> Option<String> {
        if value.is_nan() && self.nan {
            return None;
        }
        if !value.is_finite() {
            let cure = match value.is_nan() && !self.name.is_empty() {
                true => format!(
                    "; for a model that handles missing values itself, write `[[input]]` `name = {:?}` `allow = \"nan\"` into elbow.toml",
                    self.name
                ),
                false => String::new(),
            };
            return Some(format!("expected finite values: drop or repair this row{cure}"));
        }
        if self.element == ElementType::Bool && value != 0.0 && value != 1.0 {
            return Some(format!(
                "expected 0 or 1: the file declares input {:?} as bool",
                self.name
            ));
        }
        if self.is_whole() && value != value.trunc() {
            return Some(format!(
                "expected whole numbers: the file declares input {:?} as integers; round the values",
                self.name
            ));
        }
        if self.is_whole() && value.abs() > EXACT {
            return Some(beyond(&self.name));
        }
        let len = self.tables.get(index).copied().flatten()?;
        let id = f64::from(value.trunc());
        let inside = (-(len as f64)..len as f64).contains(&id);
        (!inside).then(|| {
            format!(
                "which input {:?} takes as an id of a table of {len}: expected 0 to {}, or -{len} to -1 from its end",
                self.name,
                len.saturating_sub(1)
            )
        })
    }

    /// Text with the channel and the reading of the value at `index` of a windowed observation; empty for an
    /// input without a window.
    fn channel(&self, index: usize) -> String {
        let Some(window) = &self.window else { return String::new() };
        let [channel, reading] = match window.layout() {
            Layout::ChannelsFirst => [index / window.length, index % window.length],
            Layout::TimeFirst => [index % window.channels, index / window.channels],
        };
        format!(" (channel {channel}, reading {reading})")
    }
}

/// Text of the message on an integer of input `name` that is beyond 2^24, above which not every integer is an
/// f32.
pub(crate) fn beyond(name: &str) -> String {
    format!(
        "beyond 2^24, up to which the floats that stand for integers are exact; give input {name:?} smaller ids"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lie_in_their_table_and_are_whole() {
        let tables = vec![Some(50), None];
        let element = ElementType::Int64;
        let held = Held { name: "t".into(), element, tables, ..Held::default() };
        assert_eq!(held.problem(&[49.0, 77.0, -50.0, -77.0], 2), None);
        for (rows, words) in [
            ([0.0, 0.0, 50.0, 0.0], ["found 50 in row 1 at index 0", "table of 50"]),
            ([-51.0, 0.0, 0.0, 0.0], ["found -51 in row 0 at index 0", "-50 to -1"]),
            ([0.0, 1.5, 0.0, 0.0], ["found 1.5 in row 0 at index 1", "whole"]),
            ([0.0, 0.0, 0.0, 2e7], ["found 20000000 in row 1", "2^24"]),
            ([f32::NAN, 0.0, 0.0, 0.0], ["found NaN in row 0", "finite"]),
        ] {
            let problem = held.problem(&rows, 2).expect("it is wrong");
            assert!(words.iter().all(|word| problem.contains(word)), "{problem}");
        }
    }

    #[test]
    fn truth_values_are_0_and_1() {
        let held = Held { name: "t".into(), element: ElementType::Bool, ..Held::default() };
        assert_eq!(held.problem(&[0.0, 1.0], 1), None);
        let problem = held.problem(&[1.0, 2.0], 1).expect("2 is none");
        assert!(problem.contains("found 2 in row 1") && problem.contains("bool"), "{problem}");
    }

    #[test]
    fn a_missing_value_is_named_by_its_channel_unless_it_is_allowed() {
        let text = "name = \"m\"\n[encoder]\nonnx = \"e\"\ninput = \"x\"\nmean = 0\n\
            spread = { output = 1, head = \"logvar\" }\n[window]\nchannels = 3\nlength = 2\nhop = 1\n\
            layout = \"time_first\"\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n";
        let window = crate::manifest::Manifest::parse(text).expect("a manifest").window;
        let mut held = Held { name: "x".into(), window, ..Held::default() };
        let mut row = [0.0; 6];
        row[5] = f32::NAN;
        let problem = held.problem(&row, 6).expect("it is wrong");
        assert!(problem.contains("(channel 2, reading 1)"), "{problem}");
        assert!(problem.contains("allow = \"nan\""), "{problem}");
        held.nan = true;
        assert_eq!(held.problem(&row, 6), None);
        row[0] = f32::INFINITY;
        assert!(held.problem(&row, 6).is_some_and(|problem| problem.contains("inf in row 0")));
    }
}
