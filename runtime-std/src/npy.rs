//! `.npy` files of 32-bit floats, and of integers and truth values for inputs that a graph declares so: the only
//! tensors that go in and out of the command.
//!
//! The reader takes what `numpy.save` writes for such an array, in either byte or axis order, and
//! nothing else. It is strict because a wrong file must give an error, never a panic: the number of values in
//! the header is compared with the length of the file before anything is allocated.

use crate::error::{Error, Result};
use crate::held::{Held, beyond};
use crate::ir::ElementType;
use std::fs;
use std::path::Path;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Cure for every array of another type.
const CAST: &str = "save it with numpy.save(path, array.astype(numpy.float32))";

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The shape, usually with the batch in front.
    pub shape: Vec<usize>,
    /// As many values as the shape says.
    pub values: Vec<f32>,
}

impl Array {
    /// Values of row `row`, where the first axis counts rows of `len` values; panics beyond the last.
    pub fn row(&self, row: usize, len: usize) -> &[f32] {
        &self.values[row * len..(row + 1) * len]
    }
}

/// The float32 array in the file `path`, NaN and infinities included.
///
/// # Errors
///
/// An input error with the file's path: it cannot be read, is no such file, or contains another type than float32.
pub fn read(path: &Path) -> Result<Array> {
    read_for(path, &Held::default())
}

/// The array in the file `path`, as floats: of float32, and of the type that `held` declares. The other
/// constraints of `held` are not checked, and no values but integers, which must be exact in f32.
///
/// # Errors
///
/// As [`read`].
fn read_for(path: &Path, held: &Held) -> Result<Array> {
    let bytes = fs::read(path).map_err(|error| {
        Error::input(format!("cannot read {}: {error}; check the path", path.display()))
    })?;
    parse(&bytes, held).map_err(|found| Error::input(format!("{}: {found}", path.display())))
}

/// The rows in the file `path`, for a tensor of shape `row`, whose first axis is the batch, pinned to 1. The
/// shape of the result has the number of rows in front and the other axes behind it.
///
/// # Errors
///
/// An input error as for [`read`], where the file's shape is not `[rows, ..]`, where there is no row, and where a
/// value is NaN or infinite.
pub fn read_rows(path: &Path, row: &[usize]) -> Result<Array> {
    read_rows_for(path, row, &Held::default())
}

/// [`read_rows`] with the constraints `held`: an input that is declared as integers or truth values may be
/// stored so.
///
/// # Errors
///
/// As [`read_rows`], and for a value that violates a constraint; NaN is no error where `held` allows it.
pub fn read_rows_for(path: &Path, row: &[usize], held: &Held) -> Result<Array> {
    let array = read_for(path, held)?;
    let tail = row_shape(row);
    let found = &array.shape;
    let fault = |what: String| Err(Error::input(format!("{}: {what}", path.display())));
    if found.is_empty() || found[1..] != *tail {
        let expected: Vec<String> =
            std::iter::once("rows".into()).chain(tail.iter().map(usize::to_string)).collect();
        return fault(format!(
            "found shape {found:?}, expected [{}]: the batch comes first; reshape the array",
            expected.join(", ")
        ));
    }
    if array.values.is_empty() {
        return fault(format!("found no rows (shape {found:?}), expected at least one"));
    }
    let len: usize = tail.iter().product();
    held.problem(&array.values, len).map_or(Ok(array), fault)
}

/// The labels in the file `path`, one per row, true for 1: integers, truth values or floats.
///
/// # Errors
///
/// An input error with the file's path: it cannot be read, is no such file, has more than one axis, or has a value other than
/// 0 and 1.
pub fn read_labels(path: &Path) -> Result<Vec<bool>> {
    let of = |element| read_for(path, &Held { element, ..Held::default() });
    let array = of(ElementType::Int64).or_else(|error| of(ElementType::Bool).map_err(|_| error))?;
    let is_label = |value: &f32| [0.0, 1.0].contains(value);
    let (shape, wrong) = (&array.shape, array.values.iter().find(|value| !is_label(value)));
    match (shape.len(), wrong) {
        (1, None) => Ok(array.values.iter().map(|value| *value == 1.0).collect()),
        (1, Some(value)) => Err(Error::input(format!(
            "{}: found the label {value}, expected 0 for normal and 1 for anomalous rows",
            path.display()
        ))),
        _ => Err(Error::input(format!(
            "{}: found shape {shape:?}, expected [rows] with one label per row; reshape the array",
            path.display()
        ))),
    }
}

/// The shape without its first axis, if that has length 1; otherwise all of it.
pub fn row_shape(shape: &[usize]) -> &[usize] {
    match shape {
        [1, tail @ ..] => tail,
        all => all,
    }
}

/// The bytes of a `.npy` file of float32 `values`; row-major, little-endian, version 1.0. There have to be as
/// many values as the shape says, which is not checked.
pub fn encode(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let axes: String = shape.iter().map(|axis| format!("{axis}, ")).collect();
    let dict =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", axes.trim_end());
    let pad = (64 - (10 + dict.len() + 1) % 64) % 64;
    let text = format!("{dict}{}\n", " ".repeat(pad));
    let mut bytes =
        [&MAGIC[..], &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The array in the bytes of a file, or a message with the fault and its cure; values other than inexact
/// integers are not checked.
fn parse(bytes: &[u8], held: &Held) -> std::result::Result<Array, String> {
    let not_npy = || format!("not a .npy file (it starts with {}); {CAST}", preview(bytes));
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(not_npy)?;
    let cut =
        || format!("the file ends inside its header after {} bytes; write it again", bytes.len());
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
        2 | 3 => rest.split_first_chunk().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
        other => return Err(format!("found .npy version {other}, expected 1, 2 or 3; {CAST}")),
    }
    .ok_or_else(cut)?;
    let (text, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = Header::parse(&String::from_utf8_lossy(text), held.element)?;
    let count = header.shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
    let bytes_expected = count.and_then(|count| count.checked_mul(header.element.size()));
    if bytes_expected != Some(data.len()) {
        return Err(format!(
            "found {} bytes of data, expected {} for each value of shape {:?}: the file is damaged; write it again",
            data.len(),
            header.element.size(),
            header.shape
        ));
    }
    let stored = header.values(data).map_err(|(at, value)| {
        let len = header.shape.iter().skip(1).product::<usize>().max(1);
        let row = if header.fortran { at % header.shape[0].max(1) } else { at / len };
        format!("found {value} in row {row}, {}", beyond(&held.name))
    })?;
    let values = if header.fortran { row_major(&header.shape, &stored) } else { stored };
    Ok(Array { shape: header.shape, values })
}

/// The dictionary in front of the values.
struct Header {
    shape: Vec<usize>,
    element: Element,
    big_endian: bool,
    fortran: bool,
}

/// How a value is stored.
#[derive(Clone, Copy)]
enum Element {
    Bool,
    Float32,
    Int32,
    Int64,
}

impl Element {
    /// Bytes of a value.
    fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Float32 | Self::Int32 => 4,
            Self::Int64 => 8,
        }
    }

    /// The type with numpy's name `name` (without byte order); `None` where an input of the type `declared`
    /// is not read from it: floats always are, integers and truth values only for an input that is declared
    /// so.
    fn named(name: &str, declared: ElementType) -> Option<Self> {
        let integers = matches!(declared, ElementType::Int32 | ElementType::Int64);
        match name {
            "b1" if declared == ElementType::Bool => Some(Self::Bool),
            "f4" => Some(Self::Float32),
            "i4" if integers => Some(Self::Int32),
            "i8" if integers => Some(Self::Int64),
            _ => None,
        }
    }
}

impl Header {
    /// The header in the text that numpy writes for an input of the type `declared`: `{'descr': '<f4',
    /// 'fortran_order': False, 'shape': (3, 2), }`.
    ///
    /// # Errors
    ///
    /// A message, with the cure, for a text that is different or another element type.
    fn parse(text: &str, declared: ElementType) -> std::result::Result<Self, String> {
        let unread = || format!("cannot read the header {:?}; {CAST}", text.trim_end());
        let field = |key: &str| {
            let (_, rest) = text.split_once(key)?;
            Some(rest.trim_start().strip_prefix(':')?.trim_start())
        };
        let expected = match declared {
            ElementType::Int32 | ElementType::Int64 => "expected int64, int32 or float32: save it with numpy.save(path, array.astype(numpy.int64))".into(),
            ElementType::Bool => "expected bool or float32: save it with numpy.save(path, array.astype(bool))".into(),
            ElementType::Float32 => format!("expected float32 (<f4); {CAST}"),
        };
        let descr = field("'descr'").ok_or_else(unread)?;
        let descr = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let Some((name, _)) = descr else {
            return Err(format!("found a structured array, {expected}"));
        };
        let known = name.split_at_checked(1).and_then(|(order, kind)| {
            Some((
                Element::named(kind, declared)?,
                match order {
                    "<" | "|" => false,
                    ">" => true,
                    _ => return None,
                },
            ))
        });
        let Some((element, big_endian)) = known else {
            return Err(format!("found elements of type {name}, {expected}"));
        };
        let fortran = field("'fortran_order'").ok_or_else(unread)?.starts_with("True");
        let tuple = field("'shape'").and_then(|rest| rest.strip_prefix('('));
        let (axes, _) = tuple.and_then(|rest| rest.split_once(')')).ok_or_else(unread)?;
        let axes = axes.split(',').map(str::trim).filter(|axis| !axis.is_empty());
        let shape = axes.map(str::parse).collect::<std::result::Result<Vec<usize>, _>>();
        Ok(Self { shape: shape.map_err(|_| unread())?, element, big_endian, fortran })
    }

    /// The values in the order of the file, or index and value of the first integer beyond 2^24, up to which
    /// floats are exact.
    fn values(&self, data: &[u8]) -> std::result::Result<Vec<f32>, (usize, i64)> {
        let whole = |(at, value): (usize, i64)| match value.unsigned_abs() <= 1 << 24 {
            true => Ok(value as f32),
            false => Err((at, value)),
        };
        let four = data.as_chunks::<4>().0.iter().copied();
        let eight = data.as_chunks::<8>().0.iter().copied();
        match self.element {
            Element::Bool => Ok(data.iter().map(|byte| f32::from(*byte != 0)).collect()),
            Element::Float32 => {
                let float = if self.big_endian { f32::from_be_bytes } else { f32::from_le_bytes };
                Ok(four.map(float).collect())
            }
            Element::Int32 => {
                let int = if self.big_endian { i32::from_be_bytes } else { i32::from_le_bytes };
                four.map(|bytes| i64::from(int(bytes))).enumerate().map(whole).collect()
            }
            Element::Int64 => {
                let int = if self.big_endian { i64::from_be_bytes } else { i64::from_le_bytes };
                eight.map(int).enumerate().map(whole).collect()
            }
        }
    }
}

/// The values of this shape in row-major order, from `stored` with the first axis fastest; as many as the
/// shape says.
fn row_major(shape: &[usize], stored: &[f32]) -> Vec<f32> {
    let source = |mut index: usize| {
        let mut axes = vec![0; shape.len()];
        for (axis, size) in axes.iter_mut().zip(shape).rev() {
            *axis = index % size;
            index /= size;
        }
        axes.iter().zip(shape).rev().fold(0, |at, (axis, size)| at * size + axis)
    };
    (0..stored.len()).map(|index| stored[source(index)]).collect()
}

/// Text of the first six bytes in quotes, or a remark that there are none.
fn preview(bytes: &[u8]) -> String {
    match bytes {
        [] => "nothing: it is empty".into(),
        some => format!("{:?}", String::from_utf8_lossy(&some[..some.len().min(6)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_read_where_an_input_has_some() {
        let text = "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 1), }";
        let length = (text.len() as u16).to_le_bytes();
        let bytes = [&MAGIC[..], &[1, 0], &length, text.as_bytes(), &[1, 0]].concat();
        let held = Held { element: ElementType::Bool, ..Held::default() };
        let read = parse(&bytes, &held).expect("they are declared");
        assert_eq!(read, Array { shape: vec![2, 1], values: vec![1.0, 0.0] });
        let error = parse(&bytes, &Held::default()).expect_err("floats are expected");
        assert!(error.contains("|b1") && error.contains("float32"), "{error}");
    }

    #[test]
    fn what_was_written_is_read_back() {
        for shape in [vec![], vec![6], vec![3, 2], vec![1, 2, 3]] {
            let values: Vec<f32> = (0..shape.iter().product()).map(|i| i as f32 - 1.5).collect();
            let bytes = encode(&shape, &values);
            assert_eq!(parse(&bytes, &Held::default()), Ok(Array { shape: shape.clone(), values }));
            let data = bytes.len() - 4 * shape.iter().product::<usize>();
            assert_eq!(data % 64, 0, "numpy aligns the values");
        }
    }

    #[test]
    fn fortran_order_and_big_endian_are_turned() {
        let text = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }";
        let mut bytes = [&MAGIC[..], &[1, 0, text.len() as u8, 0], text.as_bytes()].concat();
        bytes.extend([0.0f32, 3.0, 1.0, 4.0, 2.0, 5.0].iter().flat_map(|v| v.to_be_bytes()));
        let expected = Array { shape: vec![2, 3], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        assert_eq!(parse(&bytes, &Held::default()), Ok(expected));
    }

    #[test]
    fn integers_are_read_where_an_input_has_some() {
        let file = |descr: &str, data: &[u8]| {
            let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 1), }}");
            [&MAGIC[..], &[1, 0, text.len() as u8, 0], text.as_bytes(), data].concat()
        };
        let long =
            |values: [i64; 2]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let held = Held { name: "t".into(), element: ElementType::Int64, ..Held::default() };
        let ids = Ok(Array { shape: vec![2, 1], values: vec![-3.0, 16_777_216.0] });
        assert_eq!(parse(&file("<i8", &long([-3, 1 << 24])), &held), ids);
        let short: Vec<u8> = [-3i32, 1 << 24].iter().flat_map(|v| v.to_be_bytes()).collect();
        assert_eq!(parse(&file(">i4", &short), &held), ids);
        let error = parse(&file("<i8", &long([0, (1 << 24) + 1])), &held).unwrap_err();
        assert!(error.contains("found 16777217 in row 1, beyond 2^24"), "{error}");
        let error = parse(&file("<f8", &long([0, 0])), &held).unwrap_err();
        assert!(error.contains("<f8") && error.contains("numpy.int64"), "{error}");
        let error = parse(&file("<i8", &long([0, 0])), &Held::default()).unwrap_err();
        assert!(error.contains("<i8") && error.contains("float32"), "{error}");
    }

    #[test]
    fn no_prefix_and_no_flipped_header_bit_panics() {
        let good = encode(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        for len in 0..good.len() {
            assert!(parse(&good[..len], &Held::default()).is_err(), "{len} bytes");
        }
        for bit in 0..8 * 128 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = parse(&bytes, &Held::default());
        }
    }

    #[test]
    fn sizes_beyond_memory_are_refused() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
        let bytes = [&MAGIC[..], &[1, 0, text.len() as u8, 0], text.as_bytes()].concat();
        assert!(parse(&bytes, &Held::default()).unwrap_err().contains("damaged"));
    }
}
