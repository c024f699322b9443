//! The child's side of a program that has tract.

use crate::error::{Context, Error, Result};
use crate::ir::ElementType;
use crate::npy;
use crate::reference::child::{COMPLAINT, VERSION};
use crate::reference::{MODEL, Port, REQUEST, Request, input_file, output_file, write};
use std::fs;
use std::path::Path;
use tract_onnx::prelude::*;

/// The version that is linked.
const LINKED: &str = "0.23.9";

impl Request {
    /// The request that lies in `folder`, with the values of its inputs; an error where a file cannot be
    /// read.
    fn read(folder: &Path) -> Result<Self> {
        let fault = |error: String| Error::environment(error);
        let text = fs::read(folder.join(REQUEST)).map_err(|error| fault(error.to_string()))?;
        let mut request: Self =
            serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))?;
        for (at, input) in request.inputs.iter_mut().enumerate() {
            input.values = npy::read(&folder.join(input_file(at)))?.values;
        }
        Ok(request)
    }
}

/// Runs the request in `folder` and writes version and outputs there; the message of a panic, from now on in
/// the whole process, is written there as the complaint.
///
/// # Errors
///
/// Whatever tract says.
pub(super) fn answer(folder: &Path) -> Result<()> {
    write(&folder.join(VERSION), LINKED.as_bytes())?;
    let complaint = folder.join(COMPLAINT);
    std::panic::set_hook(Box::new(move |panic| {
        let what = panic.payload_as_str().unwrap_or("it stopped without a reason");
        // Nobody is left to tell if this fails.
        let _ = write(&complaint, what.as_bytes());
    }));
    let request = Request::read(folder)?;
    let results = execute(&request, &folder.join(MODEL));
    let results = results.map_err(|error| Error::input(format!("{error:#}")))?;
    results.iter().enumerate().try_for_each(|(at, values)| {
        let bytes = npy::encode(&[values.len()], values);
        write(&folder.join(output_file(at)), &bytes).context("the reference")
    })
}

/// Every output of the ONNX file at `path`, all rows one after another, flat; states are carried from row to
/// row. An error is tract's; it may panic as well.
fn execute(request: &Request, path: &Path) -> TractResult<Vec<Vec<f32>>> {
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut model = onnx.model_for_path(path)?;
    let names: Vec<String> =
        model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.clone()).collect();
    // Which of our inputs tract's input is; where it has renamed them, both keep the file's order.
    let sources: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| request.inputs.iter().position(|port| port.name == *name).unwrap_or(at))
        .collect();
    for (at, source) in sources.iter().enumerate() {
        let Port { shape, element_type, .. } = &request.inputs[*source];
        model = model.with_input_fact(at, datum_type(*element_type).fact(shape).into())?;
    }
    let model = model.into_optimized()?.into_runnable()?;
    let mut outputs: Vec<Vec<f32>> = Vec::new();
    for row in 0..request.rows {
        let tensors = sources.iter().map(|source| {
            let port = &request.inputs[*source];
            let len: usize = port.shape.iter().product();
            let state = request.states.iter().find(|(input, _)| input == source);
            let values = match state.and_then(|(_, output)| outputs.get(*output)) {
                Some(kept) => &kept[(row - 1) * len..row * len],
                None if state.is_some() => &port.values,
                None => &port.values[row * len..(row + 1) * len],
            };
            tensor(port, values).map(IntoTValue::into_tvalue)
        });
        let results = model.run(tensors.collect::<TractResult<TVec<_>>>()?)?;
        outputs.resize(results.len(), Vec::new());
        for (output, result) in outputs.iter_mut().zip(results) {
            output.extend(result.cast_to::<f32>()?.to_plain_array_view::<f32>()?.iter());
        }
    }
    Ok(outputs)
}

/// tract's name of an element type.
fn datum_type(element_type: ElementType) -> DatumType {
    match element_type {
        ElementType::Float32 => DatumType::F32,
        ElementType::Int64 => DatumType::I64,
        ElementType::Int32 => DatumType::I32,
        ElementType::Bool => DatumType::Bool,
    }
}

/// One row of an input, `values`, as a tensor of the type that the file declares; an error where shape and
/// number of values differ.
fn tensor(port: &Port, values: &[f32]) -> TractResult<Tensor> {
    match port.element_type {
        ElementType::Float32 => Tensor::from_shape(&port.shape, values),
        ElementType::Int64 => typed(port, values, |value| value as i64),
        ElementType::Int32 => typed(port, values, |value| value as i32),
        ElementType::Bool => typed(port, values, |value| value != 0.0),
    }
}

/// One row of an input, `values`, as a tensor of the type that `of` converts to; an error where shape and
/// number of values differ.
fn typed<T: Datum + Copy>(
    port: &Port,
    values: &[f32],
    of: impl Fn(f32) -> T,
) -> TractResult<Tensor> {
    let values: Vec<T> = values.iter().map(|value| of(*value)).collect();
    Tensor::from_shape(&port.shape, &values)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let pinned = format!("tract-onnx = \"={}\"", super::LINKED);
        let workspace = include_str!("../../../../Cargo.toml");
        assert!(workspace.lines().any(|line| line == pinned), "{pinned}");
    }
}
