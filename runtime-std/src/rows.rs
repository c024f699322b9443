//! Rows of inputs, and many of them through one plan.

use crate::error::{Error, Result};
use crate::ir::NoiseKind;
use crate::lower::{Plan, Step};
use crate::twin::{Outside, Twin};
use crate::watch;
use elbow_core::noise::{Stream, fill_standard_normal};

/// One input of a graph for every row.
#[derive(Clone, Debug)]
pub struct Rows {
    /// ONNX name.
    pub name: String,
    /// Shape of one row, batch axis included.
    pub shape: Vec<usize>,
    /// All rows, one after the other.
    pub values: Vec<f32>,
}

impl Rows {
    /// Values of one row; panics beyond the last.
    pub fn row(&self, row: usize) -> &[f32] {
        let len: usize = self.shape.iter().product();
        &self.values[row * len..(row + 1) * len]
    }

    /// Number of whole rows that the values make.
    pub fn count(&self) -> usize {
        self.values.len() / self.shape.iter().product::<usize>().max(1)
    }

    /// Random values of `rows` rows of this name and shape, standard normal or uniform in [0, 1), for input
    /// number `number` among those that take noise: of each row the stream of `(seed, row, u32::MAX -
    /// number)`, which no sample of a posterior shares.
    ///
    /// # Errors
    ///
    /// Never: the stream cannot fail; the error type is that of `NoiseSource`.
    pub fn noise(
        name: &str,
        shape: &[usize],
        kind: NoiseKind,
        rows: usize,
        seed: u64,
        number: u32,
    ) -> Result<Self> {
        let len: usize = shape.iter().product();
        let mut values = vec![0.0; rows * len];
        for (row, values) in (0u64..).zip(values.chunks_exact_mut(len.max(1))) {
            let mut stream = Stream::new(seed, row, u32::MAX - number);
            match kind {
                NoiseKind::Normal => fill_standard_normal(&mut stream, values)
                    .map_err(|error| Error::environment(error.to_string()))?,
                NoiseKind::Uniform => values.chunks_mut(4).for_each(|values| {
                    let words = stream.next_block();
                    values.iter_mut().zip(words).for_each(|(value, word)| *value = uniform(word));
                }),
            }
        }
        Ok(Self { name: name.into(), shape: shape.to_vec(), values })
    }
}

/// The key of all noise and the number of a row, from which each draw of the row has its [`Stream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKey {
    /// Key of all noise.
    pub seed: u64,
    /// Number of the row.
    pub row: u64,
}

impl StreamKey {
    /// The random words of draw number `sample` of the row.
    pub fn stream(self, sample: u32) -> Stream {
        Stream::new(self.seed, self.row, sample)
    }
}

/// The input error that inputs with these names have no rows.
pub fn missing(names: &[&str]) -> Error {
    Error::input(format!("inputs {names:?} are missing; give each by --input NAME=FILE.npy"))
}

/// The inputs of a model or graph, with equally many rows each.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// One per input, each name once; at least [`len`](Self::len) rows of each.
    pub inputs: Vec<Rows>,
    /// How many rows there are.
    pub len: usize,
}

impl Batch {
    /// The input of this name; `None` where there is none.
    pub fn get(&self, name: &str) -> Option<&Rows> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The input of this name, which the user has to give.
    ///
    /// # Errors
    ///
    /// An input error where it is missing.
    pub fn given(&self, name: &str) -> Result<&Rows> {
        self.get(name).ok_or_else(|| missing(&[name]))
    }

    /// Values of one row, all inputs one after another; panics beyond the last.
    pub fn row(&self, row: usize) -> Vec<f32> {
        self.inputs.iter().flat_map(|input| input.row(row)).copied().collect()
    }

    /// A copy of the first `len` rows, or of all where there are fewer.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        let len = self.len.min(len);
        let first = |input: &Rows| {
            let values = &input.values[..len * input.shape.iter().product::<usize>()];
            Rows { name: input.name.clone(), shape: input.shape.clone(), values: values.to_vec() }
        };
        Self { inputs: self.inputs.iter().map(first).collect(), len }
    }
}

impl From<Rows> for Batch {
    /// One input, with as many rows as its values make.
    fn from(input: Rows) -> Self {
        let len = input.count();
        Self { inputs: vec![input], len }
    }
}

/// The upper 24 bits of `word` as a number in [0, 1).
fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * 2f32.powi(-24)
}

/// The outputs of the plan on the twin, in the plan's order, each with its values on all rows, one row after
/// another. Progress goes to the watcher of this thread.
///
/// `batch` holds the plan's inputs and may hold more.
///
/// # Errors
///
/// As [`run_twin_in_sequence`].
pub fn run_twin(plan: &Plan, batch: &Batch) -> Result<Vec<Vec<f32>>> {
    run_twin_in_sequence(plan, &[], batch)
}

/// [`run_twin`] where the rows are calls one after another: each pair of `states` holds the index of an input
/// and of the output that becomes this input at the next row; at the first row the input is zero. `batch`
/// need not hold these inputs.
///
/// # Errors
///
/// As [`Twin::run`], an input is missing, or a computed index lies outside its table.
pub fn run_twin_in_sequence(
    plan: &Plan,
    states: &[(usize, usize)],
    batch: &Batch,
) -> Result<Vec<Vec<f32>>> {
    run_twin_observed(plan, states, batch, |_, _| {})
}

/// [`run_twin_in_sequence`] as on a device: a computed index outside its table is no error but takes the
/// nearest value, and the second part of the result is the number of such indices.
///
/// # Errors
///
/// As [`Twin::run`], or an input is missing.
pub fn run_twin_counted(
    plan: &Plan,
    states: &[(usize, usize)],
    batch: &Batch,
) -> Result<(Vec<Vec<f32>>, u64)> {
    let mut twin = Twin::new(plan);
    let run = run_observed(&mut twin, states, batch, |_, _| {})?;
    Ok((run.outputs, twin.hits()))
}

/// [`run_twin_in_sequence`], and for each row the number of values that integers could not hold.
///
/// # Errors
///
/// As [`run_twin_in_sequence`].
pub fn run_twin_flagged(
    plan: &Plan,
    states: &[(usize, usize)],
    batch: &Batch,
) -> Result<(Vec<Vec<f32>>, Vec<u64>)> {
    let run = run_observed(&mut Twin::new(plan), states, batch, |_, _| {})?;
    run.checked()
}

/// [`run_twin_in_sequence`] that calls `observe` after every step of every row, with the outputs of the step.
///
/// # Errors
///
/// As [`run_twin_in_sequence`].
pub fn run_twin_observed(
    plan: &Plan,
    states: &[(usize, usize)],
    batch: &Batch,
    observe: impl FnMut(&Step, &[&[f32]]),
) -> Result<Vec<Vec<f32>>> {
    let run = run_observed(&mut Twin::new(plan), states, batch, observe)?;
    Ok(run.checked()?.0)
}

/// All rows of each output, and the first index outside its table with its row; of each row the number of
/// values that integers could not hold.
struct Run {
    outputs: Vec<Vec<f32>>,
    outside: Option<(usize, Outside)>,
    saturated: Vec<u64>,
}

impl Run {
    /// The outputs, and the saturated values of each row; an input error where an index was outside its table.
    fn checked(self) -> Result<(Vec<Vec<f32>>, Vec<u64>)> {
        match self.outside {
            None => Ok((self.outputs, self.saturated)),
            Some((row, outside)) => {
                Err(Error::input(format!("row {row}: {outside}; correct the ids of this row")))
            }
        }
    }
}

/// The outputs of the twin's plan on all rows of `batch`, with `states` and `observe` as for
/// [`run_twin_observed`]; an index outside its table is no error. Counters of `twin` go on from where they
/// are.
///
/// # Errors
///
/// As [`Twin::run`], or an input of the plan is missing.
fn run_observed(
    twin: &mut Twin<'_>,
    states: &[(usize, usize)],
    batch: &Batch,
    mut observe: impl FnMut(&Step, &[&[f32]]),
) -> Result<Run> {
    let plan = twin.plan();
    let (mut outside, mut saturated) = (None, Vec::with_capacity(batch.len));
    let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); plan.outputs.len()];
    let sources = plan.inputs.iter().enumerate().map(|(at, port)| {
        if let Some((_, output)) = states.iter().find(|(input, _)| *input == at) {
            return Ok(RowSource::State { output: *output, zeros: vec![0.0; port.len()] });
        }
        batch.given(&port.name).map(RowSource::Rows)
    });
    let sources: Vec<RowSource> = sources.collect::<Result<_>>()?;
    let mut last: Option<Vec<Vec<f32>>> = None;
    let step = watch::begin("twin", batch.len);
    for row in 0..batch.len {
        let tensors: Vec<&[f32]> =
            sources.iter().map(|source| source.row(row, last.as_deref())).collect();
        let before = twin.saturated();
        let results = twin.run_observed(&tensors, &mut observe)?;
        saturated.push(twin.saturated() - before);
        outside = outside.or_else(|| Some((row, twin.outside()?.clone())));
        outputs.iter_mut().zip(&results).for_each(|(all, one)| all.extend(one));
        last = Some(results);
        step();
    }
    Ok(Run { outputs, outside, saturated })
}

/// The source of the values of an input: rows that were given, or an output of the row before.
enum RowSource<'r> {
    Rows(&'r Rows),
    State { output: usize, zeros: Vec<f32> },
}

impl RowSource<'_> {
    /// Values of the input at `row`; `last` holds the outputs of the row before, `None` at the first row,
    /// where a state is zero. Panics beyond the last row.
    fn row<'a>(&'a self, row: usize, last: Option<&'a [Vec<f32>]>) -> &'a [f32] {
        match (self, last) {
            (Self::Rows(rows), _) => rows.row(row),
            (Self::State { output, .. }, Some(last)) => &last[*output],
            (Self::State { zeros, .. }, None) => zeros,
        }
    }
}
