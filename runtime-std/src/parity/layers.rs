//! `--layers`: every value between input and output, in the reference, the twin and the target.

use super::arithmetic::Arithmetic;
use super::compare::{max_abs, max_relative, worst};
use super::locations::{Location, Locations};
use super::tolerance::Limits;
use crate::error::{Error, Result};
use crate::lower::{Plan, Step};
use crate::model::Loaded;
use crate::reference::Runtime;
use crate::rows::{Batch, run_twin_observed};
use elbow_core::checksum::crc32_of_floats;
use serde::Serialize;

/// What is known of one step over all rows; `None` where a side does not say.
#[derive(Clone, Debug, Serialize)]
pub struct LayerDifference {
    /// Name of the node that it comes from.
    pub name: String,
    /// Operator of that node.
    pub op: String,
    /// The value of the file that it completes.
    pub value: Option<String>,
    /// Largest absolute difference between twin and reference.
    pub max_abs: Option<f64>,
    /// The same relative to `max(1, |reference|)`.
    pub max_relative: Option<f64>,
    /// Multiply-accumulates.
    pub macs: usize,
    /// What computes its node, in an integer model; none where it only moves values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<Arithmetic>,
    /// Why that is floats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What integers in this layer alone cost, in nats; the mean over the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kl_nats: Option<f64>,
    /// Whether the target wrote the twin's bits, by their checksums.
    pub crc_equal: Option<bool>,
}

/// All steps in their order.
#[derive(Clone, Debug, Serialize)]
pub struct Layers {
    /// One per step.
    pub layers: Vec<LayerDifference>,
    /// The first that differs: beyond the limit from the reference, or in a bit from the twin.
    pub first_different: Option<String>,
    /// How many have nothing in the reference to be held against, as copies that only the twin makes.
    pub without_reference: usize,
}

/// CRC-32 of the outputs of every step, for each row.
pub type Checksums = Vec<Vec<u32>>;

/// Differences of the twin's values of every step of the main graph from the reference's values of the same
/// name, and the twin's checksums. A value that the reference does not have, that is no float there, or has
/// another length, is not compared.
///
/// # Errors
///
/// As [`Runtime::run`], or an input is missing.
pub fn against_reference(
    loaded: &Loaded,
    runtime: &Runtime,
    batch: &Batch,
    limits: Limits,
) -> Result<(Layers, Checksums)> {
    let (main, source) = (loaded.model.graphs.main(), &loaded.main);
    let plan = main.plan;
    let values = plan.steps.iter().flat_map(|step| step.completes.iter().map(|given| &given.value));
    let places = Locations::of(&source.graph);
    let places: Vec<Vec<Location>> = values.map(|value| places.holding(value)).collect();
    let names = |places: &Vec<Location>| places.iter().map(|place| place.name.clone()).collect();
    let names: Vec<Vec<String>> = places.iter().map(names).collect();
    let reference = runtime.run(source, batch, &names)?;
    let reference = reference.values.into_iter().zip(&places).map(|(found, places)| {
        let (at, values) = found?;
        Some(places.get(at)?.part(values))
    });
    let reference: Vec<Option<Vec<f32>>> = reference.collect();
    let (twin, checksums) = twin_steps(plan, &main.state_pairs(), batch)?;
    let mut values = reference.iter().zip(&twin);
    let mut layer = |step: &Step| {
        let given: Vec<_> = values.by_ref().take(step.completes.len()).collect();
        let both = given.iter().filter_map(|(reference, twin)| {
            let reference = reference.as_ref().filter(|values| values.len() == twin.len())?;
            Some(compared(reference, twin, !loaded.model.missing.is_empty()))
        });
        let both: Vec<_> = both.collect();
        LayerDifference {
            name: step.name.clone(),
            op: step.op.clone(),
            value: step.completes.first().map(|given| given.value.clone()),
            max_abs: worst(both.iter().map(|(a, b)| max_abs(a.iter().map(|v| f64::from(*v)), b))),
            max_relative: worst(both.iter().map(|(a, b)| max_relative(a, b))),
            macs: step.macs,
            arithmetic: None,
            reason: None,
            kl_nats: None,
            crc_equal: None,
        }
    };
    let layers: Vec<LayerDifference> = plan.steps.iter().map(&mut layer).collect();
    Ok((Layers::new(layers, limits), checksums))
}

/// All rows of every value that the twin's steps complete, as floats and in the order of the steps, and the
/// checksums of the steps; `states` are pairs of plan input and output. Errors as those of
/// [`run_twin_observed`].
fn twin_steps(
    plan: &Plan,
    states: &[(usize, usize)],
    batch: &Batch,
) -> Result<(Vec<Vec<f32>>, Checksums)> {
    let mut twin: Vec<Vec<f32>> =
        vec![Vec::new(); plan.steps.iter().map(|step| step.completes.len()).sum()];
    let mut checksums: Checksums = Vec::new();
    let steps = plan.steps.len();
    let mut next = 0;
    let observe = |step: &Step, outputs: &[&[f32]]| {
        if checksums.last().is_none_or(|row| row.len() == steps) {
            checksums.push(Vec::new());
            next = 0;
        }
        checksums.last_mut().expect("pushed").push(crc32_of_floats(outputs));
        for given in &step.completes {
            let words = outputs[given.output];
            match &given.encoding {
                Some(encoding) => twin[next].extend(encoding.floats(words)),
                None => twin[next].extend_from_slice(words),
            }
            next += 1;
        }
    };
    run_twin_observed(plan, states, batch, observe)?;
    Ok((twin, checksums))
}

/// The pairs of values to compare, from the reference and from the twin: all, or where `missing`, that is
/// where the model takes NaN for missing values, without those that are NaN in both.
fn compared(reference: &[f32], twin: &[f32], missing: bool) -> (Vec<f32>, Vec<f32>) {
    let is_compared = |(a, b): &(&f32, &f32)| !missing || !a.is_nan() || !b.is_nan();
    reference.iter().zip(twin).filter(is_compared).map(|(a, b)| (*a, *b)).unzip()
}

impl Layers {
    /// All these steps, with the first one beyond the limit found, and those without a reference counted.
    fn new(layers: Vec<LayerDifference>, limits: Limits) -> Self {
        let without_reference = layers.iter().filter(|layer| layer.max_abs.is_none()).count();
        let mut layers = Self { layers, first_different: None, without_reference };
        layers.judge(limits);
        layers
    }

    /// Sets `crc_equal` of every step by the checksums of twin and target, a list per row with one per step,
    /// and finds the first different step again.
    ///
    /// # Errors
    ///
    /// An environment error where the target gives another number of rows or steps; nothing is set then.
    pub fn enter(&mut self, twin: &Checksums, target: &Checksums, limits: Limits) -> Result<()> {
        let steps = self.layers.len();
        if target.len() != twin.len() || target.iter().any(|row| row.len() != steps) {
            return Err(Error::environment(format!(
                "the target answers with checksums of other than {steps} steps; build its image again"
            )));
        }
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let equal = twin.iter().zip(target).all(|(a, b)| a[index] == b[index]);
            layer.crc_equal = Some(equal);
        }
        self.judge(limits);
        Ok(())
    }

    /// Sets `first_different` to the name of the first step that is beyond the relative limit, NaN, or of
    /// other bits than the twin's; `None` without one.
    fn judge(&mut self, limits: Limits) {
        let differs = |layer: &&LayerDifference| {
            let far =
                layer.max_relative.is_some_and(|max| max > limits.output_relative || max.is_nan());
            far || layer.crc_equal == Some(false)
        };
        let first = self.layers.iter().find(differs);
        self.first_different = first.map(|layer| layer.name.clone());
    }
}

impl std::fmt::Display for Layers {
    /// Writes a line per step, and a last one, without a newline, on the first that differs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.1e}"));
        for layer in &self.layers {
            let bits = match layer.crc_equal {
                Some(true) => "same bits",
                Some(false) => "OTHER BITS",
                None => "",
            };
            writeln!(
                f,
                "  {:<40} {:<18} {:>8} {:>8} {bits}",
                layer.name,
                layer.op,
                number(layer.max_abs),
                number(layer.max_relative)
            )?;
        }
        match &self.first_different {
            Some(name) => write!(f, "  the first layer that differs is {name:?}")?,
            None => f.write_str("  no layer differs")?,
        }
        match (self.without_reference, self.layers.len()) {
            (0, _) => Ok(()),
            (none, all) => {
                write!(
                    f,
                    "; {none} of {all} steps give nothing that the reference has, and were not held against it"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        kl_nats_max: Some(1e-6),
        kl_nats_mean: None,
        kl_nats_p99: None,
        elbo_drop: None,
        steps_within_one: None,
        steps_max: None,
        output_relative: 1e-5,
    };

    fn layers(errors: [f64; 3]) -> Layers {
        let layer = |(at, error): (usize, f64)| LayerDifference {
            name: format!("layer{at}"),
            op: "Gemm".into(),
            value: None,
            max_abs: Some(error),
            max_relative: Some(error),
            macs: 0,
            arithmetic: None,
            reason: None,
            kl_nats: None,
            crc_equal: None,
        };
        Layers::new((0..).zip(errors).map(layer).collect(), LIMITS)
    }

    #[test]
    fn the_first_layer_beyond_the_limit_is_named() {
        assert_eq!(layers([1e-7, 1e-6, 0.0]).first_different, None);
        let first = |errors| layers(errors).first_different.expect("one differs");
        assert_eq!(first([1e-7, 2e-5, 3.0]), "layer1");
        assert_eq!(first([f64::NAN, 0.0, 0.0]), "layer0");
    }

    #[test]
    fn the_first_layer_with_other_bits_is_named() {
        let twin = vec![vec![1, 2, 3], vec![4, 5, 6]];
        let mut same = layers([0.0; 3]);
        same.enter(&twin, &twin.clone(), LIMITS).expect("as many steps");
        assert_eq!(same.first_different, None);
        assert!(same.layers.iter().all(|layer| layer.crc_equal == Some(true)));
        let mut other = layers([0.0; 3]);
        other.enter(&twin, &vec![vec![1, 2, 3], vec![4, 5, 7]], LIMITS).expect("as many steps");
        assert_eq!(other.first_different.as_deref(), Some("layer2"));
        let fewer = vec![vec![1, 2], vec![4, 5]];
        assert!(layers([0.0; 3]).enter(&twin, &fewer, LIMITS).is_err());
    }
}
