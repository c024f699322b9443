//! Where the fixtures and models lie, and how their goldens are read.

use std::path::{Path, PathBuf};

/// A folder of the repository.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the repository").join(name)
}

/// Shape of an `.npy` file.
pub fn npy_shape(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    npyz::NpyFile::new(&bytes[..]).expect("a golden is an .npy file").shape().to_vec()
}
