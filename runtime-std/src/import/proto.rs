//! The part of the ONNX file format that import reads, and the first checks of a file.
//!
//! The schema is frozen and only ever added to, so it stands here in one page: fields that import
//! has no use for are left out, and the decoder skips them. References (tract, onnxruntime) read files
//! by schemas of their own.

use super::problem::{clean, shown};
use crate::error::{Error, Result};
use prost::Message;

/// Newest operator set that the table of operators was checked against.
pub const NEWEST_OPSET: i64 = 28;
/// Oldest operator set that import understands.
pub const OLDEST_OPSET: i64 = 7;
const NEWEST_IR: i64 = 14;
const OLDEST_IR: i64 = 3;
/// Most bytes of a file (512 MiB): decoding takes a multiple of that in memory.
pub(super) const LARGEST_FILE: usize = 512 << 20;

/// A file.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// A version of the operators of a domain; the default domain is empty or `ai.onnx`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A function that the file defines itself.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FunctionProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(string, tag = "10")]
    pub domain: String,
    /// Attributes with a default.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
    /// Tells functions of one name apart.
    #[prost(string, tag = "13")]
    pub overload: String,
}

/// The graph of a file, or the body of a branch or loop.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<SparseTensorProto>,
}

/// A node: an operator with the names of its inputs and outputs; an empty name is a value left out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub domain: String,
    /// Which function of this name is called.
    #[prost(string, tag = "8")]
    pub overload: String,
    #[prost(message, repeated, tag = "9")]
    pub metadata: Vec<Entry>,
}

impl NodeProto {
    /// The node's name in reports: its own, without control characters, or `OPERATOR#index` where it has
    /// none.
    pub fn label(&self, index: usize) -> String {
        match self.name.as_str() {
            "" => format!("{}#{index}", shown(&self.op_type)),
            name => clean(name),
        }
    }
}

/// An entry of metadata, or of the place where external data lie.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// An attribute of a node. The body of a loop or a branch is decoded with it; lists of graphs are not.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// Body of a loop or a branch.
    #[prost(message, optional, tag = "6")]
    pub g: Option<GraphProto>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    /// One of [`attribute_type`].
    #[prost(int32, tag = "20")]
    pub kind: i32,
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
}

/// Values of [`AttributeProto::kind`]; 0 stands for a file too old to say.
pub(super) mod attribute_type {
    pub const FLOAT: i32 = 1;
    pub const INT: i32 = 2;
    pub const STRING: i32 = 3;
    pub const TENSOR: i32 = 4;
    pub const FLOATS: i32 = 6;
    pub const INTS: i32 = 7;
    pub const STRINGS: i32 = 8;
}

/// A tensor, whose values lie in the list of its type, in `raw_data` (little-endian), or in another file.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

impl TensorProto {
    /// Whether the values lie in another file.
    pub fn is_external(&self) -> bool {
        self.data_location != 0 || !self.external_data.is_empty()
    }
}

/// A sparse tensor, of which only the name of its values is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SparseTensorProto {
    #[prost(message, optional, tag = "1")]
    pub values: Option<TensorProto>,
}

/// Declaration of an input, an output or an inner value.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A declared type; `tensor` is `None` for sequences, maps and the like.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// Element type (one of [`data_type`]) and shape of a tensor, if it is declared.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorType {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// A declared shape.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// A number, a symbol, or neither.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    #[prost(string, tag = "2")]
    pub symbol: String,
}

/// Values of `data_type` and `elem_type`.
pub(super) mod data_type {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT8: i32 = 3;
    pub const UINT16: i32 = 4;
    pub const INT16: i32 = 5;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const BOOL: i32 = 9;
    pub const FLOAT16: i32 = 10;
    pub const DOUBLE: i32 = 11;
    pub const BFLOAT16: i32 = 16;
}

/// The name of an element type; `element type N` for numbers that ONNX does not have.
pub(super) fn data_type_name(data_type: i32) -> String {
    const NAMES: [&str; 25] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
        "float8e8m0",
    ];
    match usize::try_from(data_type).ok().and_then(|index| NAMES.get(index)) {
        Some(name) => (*name).to_string(),
        None => format!("element type {data_type}"),
    }
}

/// The decoded file, and the version of its default operator set.
///
/// # Errors
///
/// An empty file, one above [`LARGEST_FILE`], one that is no ONNX model, and one of an IR version or opset
/// that import does not support. Garbage often decodes to an empty message, so the parts that every model has
/// are required.
pub(super) fn decode(bytes: &[u8]) -> Result<(ModelProto, i64)> {
    if bytes.is_empty() {
        return Err(Error::input("the file is empty; export the model again"));
    }
    if bytes.len() > LARGEST_FILE {
        let (found, most) = (bytes.len() >> 20, LARGEST_FILE >> 20);
        return Err(Error::input(format!("the file has {found} MiB; at most {most} are read")));
    }
    let model = ModelProto::decode(bytes).map_err(|error| not_onnx(&format!("({error})")))?;
    if !(OLDEST_IR..=NEWEST_IR).contains(&model.ir_version) {
        let found = model.ir_version;
        return Err(not_onnx(&format!(
            "of a version that is understood: its IR version is {found}, expected {OLDEST_IR} to {NEWEST_IR}"
        )));
    }
    let opset = opset(&model)?;
    Ok((model, opset))
}

/// The error `not an ONNX model FOUND`, with what to do.
#[cold]
pub(super) fn not_onnx(found: &str) -> Error {
    Error::input(format!(
        "not an ONNX model {found}; the file may be damaged, cut off, or of another format: \
         export it again, for example by `torch.onnx.export(model, example, \"model.onnx\")`"
    ))
}

/// The version of a model's default operator set; an error where it declares none, or one outside
/// [`OLDEST_OPSET`] to [`NEWEST_OPSET`].
fn opset(model: &ModelProto) -> Result<i64> {
    let is_default = |set: &&OperatorSetIdProto| matches!(set.domain.as_str(), "" | "ai.onnx");
    let Some(set) = model.opset_import.iter().find(is_default) else {
        return Err(not_onnx(
            "that declares an operator set (`opset_import` of the default domain)",
        ));
    };
    if !(OLDEST_OPSET..=NEWEST_OPSET).contains(&set.version) {
        return Err(Error::input(format!(
            "the file is of opset {}, expected {OLDEST_OPSET} to {NEWEST_OPSET}; export with \
             `opset_version=20`, or convert the file by `onnx.version_converter.convert_version(model, 20)`",
            set.version
        )));
    }
    Ok(set.version)
}
