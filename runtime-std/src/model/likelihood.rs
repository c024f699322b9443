//! The likelihood of a decoder: a family, and where its parameters come from.

use super::axis::{Axis, DecoderMean};
use super::window::are_transposed;
use crate::lower::Port;
use crate::manifest::{LikelihoodTable, Parameter};
use elbow_core::distributions::{self, Family};

/// A family with its parameters; mirrors `elbow_core::distributions::Likelihood`.
#[derive(Clone, Debug, PartialEq)]
pub struct Likelihood {
    /// The family.
    pub family: Family,
    /// As many as [`Family::parameters`] lists, in that order.
    pub parameters: Vec<ParameterSource>,
    /// Whether it is evaluated by `log_prob_in_steps`, as behind an integer decoder, else by `log_prob`.
    pub in_steps: bool,
}

/// Where a parameter comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterSource {
    /// It was learned, or chosen: one value, one per place of the leading axis, or one per value.
    Fixed(Vec<f32>),
    /// An output of the decoder's plan: its index, at least 1, since output 0 is the mean.
    Output(usize),
}

impl Likelihood {
    /// A likelihood whose parameters are all fixed, given in the family's order; their number is not checked.
    pub fn fixed(family: Family, parameters: &[&[f32]]) -> Self {
        let parameters = parameters.iter().map(|values| ParameterSource::Fixed(values.to_vec()));
        Self { family, parameters: parameters.collect(), in_steps: false }
    }

    /// The likelihood whose decoded parameters are taken from `outputs`, those of the decoder's plan; a
    /// parameter whose output is missing is empty. Nothing is copied.
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

    /// Whether integers can evaluate it: a Gaussian of fixed scales, no more than one for every eight of `values`,
    /// below which the exponentials of the scales are dearer than the terms.
    pub(super) fn has_steps(&self, values: usize) -> bool {
        match &self.parameters[..] {
            [ParameterSource::Fixed(scales)] => {
                self.family == Family::Gaussian && 8 * scales.len() <= values
            }
            _ => false,
        }
    }

    /// Values of the fixed parameters, in the family's order; they are part of the weights.
    pub fn fixed_parameters(&self) -> impl Iterator<Item = &[f32]> {
        self.parameters.iter().filter_map(|source| match source {
            ParameterSource::Fixed(values) => Some(values.as_slice()),
            ParameterSource::Output(_) => None,
        })
    }

    /// The parameters that are outputs of the decoder's plan, each with the index of the output, in the
    /// family's order.
    pub fn outputs(&self) -> impl Iterator<Item = (distributions::Parameter, usize)> {
        let named = self.family.parameters().iter().zip(&self.parameters);
        named.filter_map(|(parameter, source)| match source {
            ParameterSource::Fixed(_) => None,
            ParameterSource::Output(index) => Some((*parameter, *index)),
        })
    }

    /// The likelihood of a manifest that has been checked, for a decoder of this `mean`; `outputs` are the
    /// outputs of its plan that are parameters, in order. Fixed lists along another than the leading axis are
    /// expanded to one number per value.
    ///
    /// # Errors
    ///
    /// A sentence about a list that does not fit the mean, or that fits it in more than one way.
    pub(super) fn of_table(
        table: &LikelihoodTable,
        mean: &DecoderMean<'_>,
        outputs: &[Port],
    ) -> Result<Self, String> {
        let classes = table.has_classes().then(|| mean.classes()).transpose()?;
        let family = table.family(classes.map_or(1, |axis| axis.len));
        let family = family.ok_or("mean_is does not fit the family")?;
        let mut outputs = (1..).zip(outputs);
        let mut along_an_axis = classes.is_some();
        let mut parameters = Vec::new();
        for (key, given) in table.parameters() {
            let named = |what: String| format!("{key} {what}");
            parameters.push(match given {
                Parameter::Number(value) => ParameterSource::Fixed(vec![*value]),
                Parameter::List(list) => {
                    let axis = own_axis(mean, list.len()).map_err(named)?;
                    along_an_axis |= axis.is_some();
                    let spread = axis.filter(|axis| !axis.leads(mean.len()));
                    ParameterSource::Fixed(match spread {
                        Some(axis) => axis.spread(list, mean.len()),
                        None => list.clone(),
                    })
                }
                Parameter::Output(_) => {
                    let (index, port) = outputs.next().ok_or("an output is missing")?;
                    let axis = output_axis(mean, port).map_err(named)?;
                    along_an_axis |= axis.is_some();
                    ParameterSource::Output(index)
                }
            });
        }
        if let (Some(axis), false) = (mean.axis, along_an_axis) {
            return Err(format!("axis = {axis}: no list runs along an axis; remove it"));
        }
        Ok(Self { family, parameters, in_steps: false })
    }
}

/// The axis that `len` values run along; `None` for a single one, and for one per value of the mean. An error
/// as [`DecoderMean::axis_of`].
fn own_axis(mean: &DecoderMean<'_>, len: usize) -> Result<Option<Axis>, String> {
    (len != 1 && len != mean.len()).then(|| mean.axis_of(len)).transpose()
}

/// [`own_axis`] of a parameter that the decoder computes. The error is a sentence: the output has the mean's
/// axes in another order, or runs along another than the leading axis.
fn output_axis(mean: &DecoderMean<'_>, port: &Port) -> Result<Option<Axis>, String> {
    let all = mean.len();
    if are_transposed(mean.shape, &port.shape) {
        return Err(format!(
            "is the output {:?} of shape {:?}, the mean has {:?}; export both in one order",
            port.name, port.shape, mean.shape
        ));
    }
    let axis = own_axis(mean, port.len())?;
    match axis {
        Some(axis) if !axis.leads(all) => Err(format!(
            "is the output {:?} with {} values, which do not run along the leading axis of the mean {:?}; let the graph give one per value ({all}), as by Expand",
            port.name, axis.len, mean.shape
        )),
        axis => Ok(axis),
    }
}
