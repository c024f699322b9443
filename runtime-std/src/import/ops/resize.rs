//! Resampling to another length: `Resize` and `Upsample`, axis by axis.
//!
//! A reader appends the operations of the ONNX node `call` to the graph in `scope` and returns the node's
//! outputs in order; operations whose operands are all constants are calculated at import instead, unless no
//! kernel computes them or the budget of import (2^24 values in all) is used up: then they are appended.
//! `Err` is a reason and an advice. Unless its doc says otherwise, a reader also fails where an operand is
//! missing or of another element type, where an operation would read or give data without values (known
//! integers may be without), where an attribute is of another type, not finite, or an axis that is not
//! there, or where the constants, known integers and lists of indices that it makes itself exceed the budget
//! of import, 2^24 values in all. Other functions fail as their docs say, and as the methods of `Scope` and
//! `Call` that they use. What was appended before an `Err` stays in the graph.

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Outputs, Scope};
use super::super::tensor::{checked_shape, resolve_axis};
use crate::ir::Op;

/// Where output positions lie in the input: `coordinate_transformation_mode`.
#[derive(Clone, Copy, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    CropAndResize,
}

/// Which neighbour is the nearest one: `nearest_mode`.
#[derive(Clone, Copy, PartialEq)]
enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// That of opset 10, whose text does not give one: the lower neighbour towards more values, the upper one
    /// towards fewer, as in onnxruntime.
    Outwards,
}

/// How values between positions are made.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nearest(Rounding),
    Linear,
    /// With the coefficient of the kernel (Keys, 1981).
    Cubic(f64),
}

/// How to resample, for all axes alike.
struct Attributes {
    mode: Mode,
    coordinates: Coordinates,
    antialias: bool,
    exclude_outside: bool,
}

/// One axis: its length before and after, and the factor between positions.
struct ResizedAxis {
    axis: usize,
    from: usize,
    to: usize,
    scale: f64,
    /// Start and end of the crop, as shares of the axis.
    roi: (f64, f64),
}

/// `Resize` to known scales or sizes: one node for each axis that changes, then a reshape. `Err` for computed
/// or unfit scales and sizes, unknown attributes, crops beyond the input, and places whose nearest neighbour
/// is undecided (see `is_undecided`).
pub fn resize(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let from = scope.shape(x).to_vec();
    let old = call.opset < 11;
    let attributes = attributes(call, old)?;
    let axes = axes(scope, call, &from, old)?;
    let mut y = x;
    for axis in &axes {
        let crops = attributes.coordinates == Coordinates::CropAndResize;
        if axis.from == axis.to && axis.scale == 1.0 && !crops {
            continue;
        }
        let mut shape = scope.shape(y).to_vec();
        shape[axis.axis] = axis.to;
        scope.spend(axis.numbers(&attributes))?;
        let op = axis.op(&attributes)?;
        y = scope.step(call, op, &[y], &format!("axis{}", axis.axis), &shape)?;
    }
    let shape = scope.shape(y).to_vec();
    scope.emit(call, Op::Reshape, vec![y], &shape)
}

/// The attributes of the call; `old` (before opset 11) has asymmetric coordinates and `Outwards` rounding,
/// whatever the file says. Defaults: half_pixel, nearest by round_prefer_floor, a cubic coefficient of -0.75.
/// `Err` for unknown values.
fn attributes(call: &Call<'_>, old: bool) -> Read<Attributes> {
    let coordinates = match call.string("coordinate_transformation_mode")? {
        _ if old => Coordinates::Asymmetric,
        None | Some("half_pixel") => Coordinates::HalfPixel,
        Some("half_pixel_symmetric") => Coordinates::HalfPixelSymmetric,
        Some("pytorch_half_pixel") => Coordinates::PytorchHalfPixel,
        Some("align_corners") => Coordinates::AlignCorners,
        Some("asymmetric") => Coordinates::Asymmetric,
        Some("tf_crop_and_resize") => Coordinates::CropAndResize,
        Some(other) => {
            let expected = "half_pixel, align_corners, asymmetric or one of their variants";
            return call.refuse_value("coordinate_transformation_mode", other, expected);
        }
    };
    let rounding = match call.string("nearest_mode")? {
        _ if old => Rounding::Outwards,
        None | Some("round_prefer_floor") => Rounding::PreferFloor,
        Some("round_prefer_ceil") => Rounding::PreferCeil,
        Some("floor") => Rounding::Floor,
        Some("ceil") => Rounding::Ceil,
        Some(other) => return call.refuse_value("nearest_mode", other, "a rounding of ONNX"),
    };
    let mode = match call.string("mode")? {
        None | Some("nearest") => Mode::Nearest(rounding),
        Some("linear" | "bilinear") => Mode::Linear,
        Some("cubic") => Mode::Cubic(f64::from(call.number("cubic_coeff_a")?.unwrap_or(-0.75))),
        Some(other) => return call.refuse_value("mode", other, "nearest, linear or cubic"),
    };
    let (antialias, exclude_outside) = (call.flag("antialias")?, call.flag("exclude_outside")?);
    Ok(Attributes { mode, coordinates, antialias, exclude_outside })
}

/// The axes listed in `axes`, all where it is missing, with their new lengths: by sizes if given, else by
/// scales. Scales were an attribute before opset 9, and are input 1 before opset 11 (`old`); since, the
/// inputs are roi, scales and sizes. `Err` where there are neither, where they are computed or do not fit, and
/// where an axis is listed twice.
fn axes(scope: &Scope, call: &Call<'_>, from: &[usize], old: bool) -> Read<Vec<ResizedAxis>> {
    let listed: Vec<usize> = match call.ints("axes")? {
        Some(axes) => {
            axes.iter().map(|&axis| resolve_axis(axis, from.len())).collect::<Read<_>>()?
        }
        None => (0..from.len()).collect(),
    };
    if (1..listed.len()).any(|at| listed[..at].contains(&listed[at])) {
        return invalid("its `axes` name one twice");
    }
    let scales = match call.numbers("scales")? {
        Some(scales) => Some(scales.to_vec()),
        None => known(scope, call, if old { 1 } else { 2 }, "scales")?,
    };
    let sizes = if old { None } else { call.optional_integers(3, "sizes")? };
    let sizes = sizes.filter(|sizes| !sizes.data.is_empty());
    let lengths: Vec<usize> = listed.iter().map(|&axis| from[axis]).collect();
    let (sizes, scales) = match (sizes, scales) {
        (Some(sizes), _) => by_sizes(call, &lengths, &sizes.data)?,
        (None, Some(scales)) => by_scales(&lengths, &scales)?,
        (None, None) => return invalid("has neither scales nor sizes"),
    };
    let roi = if old { None } else { known(scope, call, 1, "roi")? };
    let roi = roi.filter(|roi| roi.len() == 2 * listed.len());
    let part = |at: usize| match &roi {
        Some(roi) => (f64::from(roi[at]), f64::from(roi[listed.len() + at])),
        None => (0.0, 1.0),
    };
    let to = checked_shape(&sizes)?;
    let all = listed.iter().enumerate();
    Ok(all
        .map(|(at, &axis)| ResizedAxis {
            axis,
            from: from[axis],
            to: to[at],
            scale: scales[at],
            roi: part(at),
        })
        .collect())
}

/// The floats of the optional operand `index`; `None` where it is left out or empty, `Err` (which names
/// `role`) where they are computed.
fn known(scope: &Scope, call: &Call<'_>, index: usize, role: &str) -> Read<Option<Vec<f32>>> {
    let Some(id) = call.optional_float(index, role)? else { return Ok(None) };
    match scope.known(id) {
        Some([]) => Ok(None),
        Some(values) => Ok(Some(values.to_vec())),
        None => refuse(
            format!("its `{role}` are computed, expected known numbers"),
            "resize by a constant factor, or to a constant size",
        ),
    }
}

/// New length and scale (output positions per input position) of every axis.
type Sizes = (Vec<i64>, Vec<f64>);

/// New lengths `floor(len * scale)`, calculated in f32, beside the scales. `Err` unless there is one scale
/// per axis, above 0 and below 1e6, and no length becomes 0.
fn by_scales(from: &[usize], scales: &[f32]) -> Read<Sizes> {
    if scales.len() != from.len() || scales.iter().any(|scale| !(*scale > 0.0 && *scale < 1e6)) {
        return invalid(format!("scales {scales:?} do not fit {} axes", from.len()));
    }
    let size = |(&len, scale): (&usize, &f32)| (len as f32 * scale).floor() as i64;
    let sizes: Vec<i64> = from.iter().zip(scales).map(size).collect();
    if sizes.contains(&0) {
        return invalid(format!("scales {scales:?} leave nothing of {from:?}"));
    }
    Ok((sizes, scales.iter().map(|&scale| f64::from(scale)).collect()))
}

/// The lengths that `sizes` asks for, with the scales `size / len`. Where `keep_aspect_ratio_policy` is not
/// stretch, one scale for all, the least (not_larger) or greatest (not_smaller), and lengths `scale * len`
/// rounded to nearest, halves up. `Err` unless there is one size per axis, all sizes and lengths are 1 or
/// more, and the policy is known.
fn by_sizes(call: &Call<'_>, from: &[usize], sizes: &[i64]) -> Read<Sizes> {
    if sizes.len() != from.len() || sizes.iter().any(|&size| size < 1) || from.contains(&0) {
        return invalid(format!("sizes {sizes:?} do not fit {from:?}"));
    }
    let ratios: Vec<f64> =
        sizes.iter().zip(from).map(|(&size, &len)| size as f64 / len as f64).collect();
    let joint = match call.string("keep_aspect_ratio_policy")? {
        None | Some("stretch") => return Ok((sizes.to_vec(), ratios)),
        Some("not_larger") => ratios.iter().copied().fold(f64::INFINITY, f64::min),
        Some("not_smaller") => ratios.iter().copied().fold(0.0, f64::max),
        Some(other) => {
            let expected = "stretch, not_larger or not_smaller";
            return call.refuse_value("keep_aspect_ratio_policy", other, expected);
        }
    };
    let sizes = from.iter().map(|&len| (joint * len as f64 + 0.5).floor() as i64).collect();
    Ok((sizes, vec![joint; from.len()]))
}

impl ResizedAxis {
    /// How many numbers the operation along this axis holds: an index for each output value, and where
    /// several input values make one up, an index and a weight for each of these.
    fn numbers(&self, attributes: &Attributes) -> usize {
        let each = match attributes.mode {
            Mode::Nearest(_) => 1,
            // A cast saturates.
            Mode::Linear | Mode::Cubic(_) => (4.0 * self.reach(attributes)) as usize,
        };
        self.to.saturating_mul(each)
    }

    /// Half the number of input values that make up an output value: the kernel's radius, which `antialias`
    /// widens towards fewer values, rounded up.
    fn reach(&self, attributes: &Attributes) -> f64 {
        let radius = match attributes.mode {
            Mode::Cubic(_) => 2.0,
            Mode::Linear | Mode::Nearest(_) => 1.0,
        };
        (radius / self.kernel_scale(attributes)).ceil()
    }

    /// Factor from input positions to those of the kernel: 1, or with `antialias` towards fewer values less,
    /// so that no input value is skipped.
    fn kernel_scale(&self, attributes: &Attributes) -> f64 {
        if attributes.antialias { self.scale.min(1.0) } else { 1.0 }
    }

    /// The operation that resamples along this axis: `Take` for nearest, else `Resample`. `Err` for crops
    /// beyond the input, and for half_pixel_symmetric places whose nearest neighbour is undecided.
    fn op(&self, attributes: &Attributes) -> Read<Op> {
        let places: Vec<f64> = (0..self.to).map(|at| self.place(at, attributes)).collect();
        let last = self.from as f64 - 1.0;
        let crops = attributes.coordinates == Coordinates::CropAndResize;
        if crops && places.iter().any(|place| !(0.0..=last).contains(place)) {
            return refuse(
                "crops beyond its input, which needs values that are not there",
                "crop inside the input",
            );
        }
        let axis = self.axis;
        if let Mode::Nearest(rounding) = attributes.mode {
            let nearest = |place: &f64| {
                let index = match rounding {
                    Rounding::PreferFloor => (place - 0.5).ceil(),
                    Rounding::PreferCeil => (place + 0.5).floor(),
                    Rounding::Ceil => place.ceil(),
                    Rounding::Outwards if self.scale < 1.0 => place.ceil(),
                    Rounding::Floor | Rounding::Outwards => place.floor(),
                };
                index.clamp(0.0, last) as usize
            };
            let symmetric = attributes.coordinates == Coordinates::HalfPixelSymmetric;
            if symmetric && places.iter().any(|place| is_undecided(*place, nearest)) {
                return refuse(
                    "has two nearest values up to rounding, where implementations differ",
                    "resize with half_pixel coordinates, or by a factor that comes out even",
                );
            }
            return Ok(Op::Take { axis, indices: places.iter().map(nearest).collect() });
        }
        let mut taps = 0;
        let (mut indices, mut weights) = (Vec::new(), Vec::new());
        for place in places {
            let window = self.window(place, attributes);
            taps = window.len();
            indices.extend(window.iter().map(|(index, _)| *index));
            weights.extend(window.iter().map(|(_, weight)| *weight as f32));
        }
        Ok(Op::Resample { axis, taps, indices, weights })
    }

    /// Where the output position `at` lies in the input, in input positions from its first value; possibly
    /// outside. Nearest neighbours can hang on its last bit, so for these every step is rounded to f32 in the
    /// order of onnxruntime; how it does so for `half_pixel_symmetric` its source does not tell, see
    /// `is_undecided`.
    fn place(&self, at: usize, attributes: &Attributes) -> f64 {
        let step: fn(f64) -> f64 = match attributes.mode {
            Mode::Nearest(_) => |value| f64::from(value as f32),
            Mode::Linear | Mode::Cubic(_) => |value| value,
        };
        let (i, from, to) = (at as f64, self.from as f64, self.to as f64);
        let (scale, last) = (step(self.scale), from - 1.0);
        let half_pixel = step(step((i + 0.5) / scale) - 0.5);
        match attributes.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::PytorchHalfPixel if self.to == 1 => 0.0,
            Coordinates::PytorchHalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let offset = from / 2.0 * (1.0 - to / (self.scale * from));
                offset + (i + 0.5) / self.scale - 0.5
            }
            Coordinates::AlignCorners if self.to == 1 => 0.0,
            Coordinates::AlignCorners => step(step(i * last) / (to - 1.0)),
            Coordinates::Asymmetric => step(i / scale),
            Coordinates::CropAndResize => {
                let (start, end) = self.roi;
                match self.to {
                    1 => step(0.5 * step(start + end) * last),
                    _ => {
                        let walked = step(step(i * step(end - start)) * last);
                        step(step(start * last) + step(walked / (to - 1.0)))
                    }
                }
            }
        }
    }

    /// Indices of the input values that make up the one at `place`, with factors of sum 1; as many for every
    /// place. Indices outside are clamped, with factor 0 where `exclude_outside` is set. With `antialias` the
    /// window widens towards fewer values.
    fn window(&self, place: f64, attributes: &Attributes) -> Vec<(usize, f64)> {
        let scale = self.kernel_scale(attributes);
        let kernel: Box<dyn Fn(f64) -> f64> = match attributes.mode {
            Mode::Cubic(a) => Box::new(move |x| cubic(x, a)),
            Mode::Linear | Mode::Nearest(_) => Box::new(|x: f64| (1.0 - x.abs()).max(0.0)),
        };
        let (floor, reach) = (place.floor(), self.reach(attributes));
        let offsets = (1 - reach as i64)..=(reach as i64);
        let mut window: Vec<(usize, f64)> = offsets
            .map(|offset| {
                let at = floor + offset as f64;
                let inside = (0.0..self.from as f64).contains(&at);
                let weight = kernel((at - place) * scale);
                let counts = inside || !attributes.exclude_outside;
                let index = at.clamp(0.0, self.from as f64 - 1.0) as usize;
                (index, if counts { weight } else { 0.0 })
            })
            .collect();
        let sum: f64 = window.iter().map(|(_, weight)| weight).sum();
        window.iter_mut().for_each(|(_, weight)| *weight /= sum);
        window
    }
}

/// Whether a rounding of 1e-5 changes which input value is nearest, though the place is not itself a multiple
/// of 1/2, where the rounding rule decides.
fn is_undecided(place: f64, nearest: impl Fn(&f64) -> usize) -> bool {
    const ROUNDING: f64 = 1e-5;
    let on_the_edge = (2.0 * place).fract() == 0.0;
    !on_the_edge && nearest(&(place - ROUNDING)) != nearest(&(place + ROUNDING))
}

/// The cubic convolution kernel (Keys, 1981) with coefficient `a`, at distance `x`; 0 from 2 on.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        a * (((x - 5.0) * x + 8.0) * x - 4.0)
    } else {
        0.0
    }
}

/// `Upsample`, the name of `Resize` up to opset 9; `Err` in later files.
pub fn upsample(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    match call.opset {
        ..10 => resize(scope, call),
        _ => invalid("exists up to opset 9; later files have Resize"),
    }
}
