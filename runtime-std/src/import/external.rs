//! Weights in a file beside the model (ONNX's external data), which is what PyTorch writes by default.
//!
//! Only a file in the model's own folder is read, and only as many bytes as a tensor's shape takes: where
//! it lies, how long it is and what the model says about it are checked before anything is read.

use super::problem::{Read, Refusal, invalid, refuse, shown};
use super::proto::{self, GraphProto, LARGEST_FILE, NodeProto, TensorProto};
use super::tensor::{bytes_of, checked_shape, len};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// The initializer, or the node of the graph, that a tensor belongs to, by its position in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Initializer(usize),
    Node(usize),
}

/// Why tensors could not be read from another file, by owner.
pub(super) type Faults = HashMap<Owner, Refusal>;

/// All tensors of a graph, to be changed, with their owners: its initializers, then those in the attributes
/// of its nodes and in the bodies that these hold, which belong to the node of the graph.
pub(super) fn tensors(graph: &mut GraphProto) -> impl Iterator<Item = (Owner, &mut TensorProto)> {
    let initializers = graph.initializer.iter_mut().enumerate();
    let initializers = initializers.map(|(at, tensor)| (Owner::Initializer(at), tensor));
    let nodes = graph.node.iter_mut().enumerate().flat_map(|(at, node)| {
        of_node(node).into_iter().map(move |tensor| (Owner::Node(at), tensor))
    });
    initializers.chain(nodes)
}

/// Why tensors could not be read from another file, for each owner its last such tensor. Every tensor of a
/// supported type that lies in another file of `folder` is read into `graph`; one that fails stays as it was.
/// Without a folder (a model from memory) each of them fails. At most 512 MiB are read in all.
pub(super) fn read(graph: &mut GraphProto, folder: Option<&Path>) -> Faults {
    let mut files = ExternalFiles { folder, open: HashMap::new(), left: LARGEST_FILE };
    let mut faults = Faults::new();
    for (owner, tensor) in tensors(graph) {
        // Of a type that import does not take nothing is read: that is what will be said of it.
        let outside = tensor.is_external() && bytes_of(tensor.data_type).is_some();
        if outside && let Err(refusal) = files.fetch(tensor) {
            faults.insert(owner, refusal);
        }
    }
    faults
}

/// The tensors of a node's attributes and of the bodies in them, at any depth.
fn of_node(node: &mut NodeProto) -> Vec<&mut TensorProto> {
    let own = node.attribute.iter_mut().flat_map(|attribute| {
        let bodies = attribute.g.iter_mut().flat_map(|body| {
            let nodes = body.node.iter_mut().flat_map(of_node);
            body.initializer.iter_mut().chain(nodes)
        });
        attribute.t.iter_mut().chain(bodies)
    });
    own.collect()
}

/// The files of a folder that have been opened, and how many bytes may still be read.
struct ExternalFiles<'a> {
    folder: Option<&'a Path>,
    open: HashMap<String, Opened>,
    left: usize,
}

/// An open file, and its length in bytes.
struct Opened {
    file: File,
    len: u64,
}

impl ExternalFiles<'_> {
    /// Reads the values of an external tensor into it. An error, with the tensor unchanged, where there is no
    /// folder, the file cannot be opened ([`open`]) or read, it is too short, its offset or length is no
    /// number, the length is not that of the shape and type, or more than the limit would be read in all.
    /// Keeps opened files, and counts the bytes.
    fn fetch(&mut self, tensor: &mut TensorProto) -> Read<()> {
        let location = entry(tensor, "location").unwrap_or_default().to_string();
        let Some(folder) = self.folder else {
            return refuse(
                format!(
                    "its values lie in another file (external data `{}`), and a model that is given as bytes has no folder",
                    shown(&location)
                ),
                "import it from its path; or export with `external_data=False`, or save it once more with its \
                 weights inside: `onnx.save(onnx.load(PATH), PATH)`",
            );
        };
        let wanted = size_of_values(tensor)?;
        let offset = number(tensor, "offset")?.unwrap_or(0);
        let length = number(tensor, "length")?.unwrap_or(wanted as u64);
        if length != wanted as u64 {
            return refuse(
                format!(
                    "is said to take {length} bytes of `{}`, its shape {:?} takes {wanted}",
                    shown(&location),
                    tensor.dims
                ),
                EXPORT,
            );
        }
        let Opened { file, len } = match self.open.entry(location.clone()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(open(folder, &location)?),
        };
        let end = offset.checked_add(wanted as u64);
        if end.is_none_or(|end| end > *len) {
            return refuse(
                format!(
                    "takes {wanted} bytes of `{}` from byte {offset} on, which has only {len}",
                    shown(&location)
                ),
                "the file is cut off or belongs to another model: copy both once more, or export them again",
            );
        }
        let Some(left) = self.left.checked_sub(wanted) else {
            let most = LARGEST_FILE >> 20;
            return refuse(
                format!("the values outside the model take more than {most} MiB"),
                "a model for a microcontroller has to be far smaller",
            );
        };
        self.left = left;
        let mut bytes = vec![0; wanted];
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|error| unreadable(&location, &error))?;
        *tensor = TensorProto {
            dims: std::mem::take(&mut tensor.dims),
            data_type: tensor.data_type,
            name: std::mem::take(&mut tensor.name),
            raw_data: bytes,
            ..TensorProto::default()
        };
        Ok(())
    }
}

const EXPORT: &str = "the model is damaged: export it again, for example with `external_data=False`, which \
    writes the weights into the model";

/// The value of a key in a tensor's external data; `None` without this key.
fn entry<'t>(tensor: &'t TensorProto, key: &str) -> Option<&'t str> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

/// The number of bytes at a key of the tensor's external data; `None` without this key, an error where it is
/// no unsigned integer.
fn number(tensor: &TensorProto, key: &str) -> Read<Option<u64>> {
    let Some(text) = entry(tensor, key) else { return Ok(None) };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => refuse(
            format!(
                "its external data has the {key} `{}`, expected a number of bytes",
                shown(text)
            ),
            EXPORT,
        ),
    }
}

/// Bytes that the tensor's values take, by its shape and type; an error where either is not supported.
fn size_of_values(tensor: &TensorProto) -> Read<usize> {
    let Some(size) = bytes_of(tensor.data_type) else {
        let found = proto::data_type_name(tensor.data_type);
        return invalid(format!("holds {found}, whose size is not known"));
    };
    Ok(len(&checked_shape(&tensor.dims)?) * size)
}

/// A file of the folder that holds the model, opened for reading. An error where `location` is more than a
/// file's name, or where the file is missing, a link out of the folder, no regular file, or not readable. An
/// empty folder is the current one.
fn open(folder: &Path, location: &str) -> Read<Opened> {
    let file = shown(location);
    let Some(name) = own_name(location) else {
        return refuse(
            format!(
                "its values lie in the file `{file}`, expected the name of one in the model's own folder"
            ),
            "export again with `external_data=False`, which writes the weights into the model",
        );
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Refusal::new(
            format!("its values lie in the file `{file}`, which is not beside the model"),
            format!(
                "copy `{file}` into the model's folder, under this name: the exporter wrote it together with \
                 the model; or export again with `external_data=False`"
            ),
        ),
        _ => unreadable(location, &error),
    };
    let real = folder.join(name).canonicalize().map_err(failed)?;
    if real.parent() != folder.canonicalize().ok().as_deref() {
        return refuse(
            format!(
                "its values lie in the file `{file}`, which is a link out of the model's folder"
            ),
            format!("put a copy of the file in the place of the link `{file}`"),
        );
    }
    let metadata = std::fs::metadata(&real).map_err(|error| unreadable(location, &error))?;
    if !metadata.is_file() {
        return refuse(
            format!("its values lie in `{file}`, which is no file"),
            format!("copy the file that the exporter wrote into the model's folder as `{file}`"),
        );
    }
    let opened = File::open(&real).map_err(|error| unreadable(location, &error))?;
    Ok(Opened { file: opened, len: metadata.len() })
}

/// The name of a file in the model's folder; `None` for any path that could lead elsewhere.
fn own_name(location: &str) -> Option<PathBuf> {
    let mut parts = Path::new(location).components().filter(|part| *part != Component::CurDir);
    let Some(Component::Normal(name)) = parts.next() else { return None };
    (parts.next().is_none() && !location.contains(['\\', '\0'])).then(|| name.into())
}

/// The refusal of a tensor whose file cannot be read, with the reason.
#[cold]
fn unreadable(location: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(
        format!("its values lie in the file `{}`, which cannot be read ({error})", shown(location)),
        "let it be read, or export again with `external_data=False`",
    )
}
