//! `--precision`

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use elbow::Precision;

/// The parser of a [`Precision`]'s name, which refuses all other texts; the help lists all names.
pub fn parser() -> impl TypedValueParser<Value = Precision> {
    let values = Precision::ALL.map(|one| PossibleValue::new(one.name()).help(meaning(one)));
    PossibleValuesParser::new(values).try_map(|name| {
        let named = Precision::ALL.into_iter().find(|one| one.name() == name);
        named.ok_or("no precision of this name")
    })
}

/// The help text of a precision.
fn meaning(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "Floats alone",
        Precision::Int8 => {
            "Integer weights; of the two below the cheapest that is of grade A on the calibration rows"
        }
        Precision::Int8x8 => "Weights and activations of eight bits",
        Precision::Int8x16 => "Weights of eight bits, activations of 12 to 16",
    }
}
