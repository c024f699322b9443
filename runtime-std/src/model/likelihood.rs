//! The likelihood of a decoder: a family, and where its parameters come from.

use crate::manifest::{LikelihoodTable, Parameter, Window};
use elbow_core::distributions::{self, Family};

/// A family with its parameters; mirrors `elbow_core::distributions::Likelihood`.
#[derive(Clone, Debug, PartialEq)]
pub struct Likelihood {
    /// The family.
    pub family: Family,
    /// As many as [`Family::parameters`] lists, in that order.
    pub parameters: Vec<ParameterSource>,
}

/// Where a parameter comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterSource {
    /// It was learned, or chosen: one value, one per channel, or one per value.
    Fixed(Vec<f32>),
    /// The decoder gives it: the plan's output of this index, which is not 0, the mean's.
    Output(usize),
}

impl Likelihood {
    /// A family whose parameters are all fixed.
    pub fn fixed(family: Family, parameters: &[&[f32]]) -> Self {
        let parameters = parameters.iter().map(|values| ParameterSource::Fixed(values.to_vec()));
        Self { family, parameters: parameters.collect() }
    }

    /// The likelihood under what the decoder's plan has answered.
    pub fn under<'a>(&'a self, outputs: &'a [Vec<f32>]) -> distributions::Likelihood<'a> {
        let mut parameters: [&[f32]; 2] = [&[]; 2];
        for (parameter, source) in parameters.iter_mut().zip(&self.parameters) {
            *parameter = match source {
                ParameterSource::Fixed(values) => values,
                ParameterSource::Output(index) => outputs.get(*index).map_or(&[], Vec::as_slice),
            };
        }
        distributions::Likelihood { family: self.family, parameters }
    }

    /// The fixed parameters: they belong to the weights.
    pub fn fixed_parameters(&self) -> impl Iterator<Item = &[f32]> {
        self.parameters.iter().filter_map(|source| match source {
            ParameterSource::Fixed(values) => Some(values.as_slice()),
            ParameterSource::Output(_) => None,
        })
    }

    /// The parameters that are outputs of the decoder's plan, with their index.
    pub fn outputs(&self) -> impl Iterator<Item = (distributions::Parameter, usize)> {
        let named = self.family.parameters().iter().zip(&self.parameters);
        named.filter_map(|(parameter, source)| match source {
            ParameterSource::Fixed(_) => None,
            ParameterSource::Output(index) => Some((*parameter, *index)),
        })
    }

    /// The likelihood of a manifest that has been checked, for a mean of `shape`; `lens` has the lengths
    /// of the parameters that are outputs, in order.
    ///
    /// # Errors
    ///
    /// A sentence about lengths that do not fit.
    pub(super) fn of_table(
        table: &LikelihoodTable,
        shape: &[usize],
        window: Option<&Window>,
        lens: &[usize],
    ) -> Result<Self, String> {
        let all: usize = shape.iter().product();
        let leading = shape.get(1).copied().unwrap_or(all);
        let channels = window.map_or(leading, |window| window.channels);
        let family = table.family(leading).ok_or("mean_is does not fit the family")?;
        let (mut parameters, mut longest) = (Vec::new(), 1);
        let mut outputs = (1..).zip(lens);
        for (key, given) in table.parameters() {
            let (source, len) = match given {
                Parameter::Number(value) => (ParameterSource::Fixed(vec![*value]), 1),
                Parameter::List(list) => (ParameterSource::Fixed(list.clone()), list.len()),
                Parameter::Output(_) => {
                    let (index, len) = outputs.next().unwrap_or((0, &0));
                    (ParameterSource::Output(index), *len)
                }
            };
            if ![1, leading, channels, all].contains(&len) {
                return Err(format!(
                    "{key} has {len} values, expected 1, one per channel ({channels}) or one per value ({all})"
                ));
            }
            let [short, long] = [len.min(longest), len.max(longest)];
            if long % short != 0 {
                return Err(format!(
                    "{key} has {len} values beside {longest} of another parameter; give both one per value ({all})"
                ));
            }
            longest = long;
            parameters.push(source);
        }
        Ok(Self { family, parameters })
    }
}
