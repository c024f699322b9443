//! What leaves the process: JSON and text on stdout, notes on stderr, files all or none.

use elbow::{Error, Result};
use serde::Serialize;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Prints a value as one indented JSON object on stdout.
///
/// # Errors
///
/// As [`text`].
pub fn json(value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Error::environment(format!("cannot write JSON: {error}")))?;
    text(&json)
}

/// Prints `text`, less white space at its end, and a newline on stdout. A reader that has gone away is no
/// error.
///
/// # Errors
///
/// An environment error where stdout cannot be written.
pub fn text(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::environment(format!(
            "cannot write to stdout: {error}; redirect it to a disk with room"
        ))),
        _ => Ok(()),
    }
}

/// Prints a line on stderr; a failure to do so is ignored.
pub fn note(text: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a file, or replaces it, by way of a temporary one beside it, so that no partial file is ever seen.
/// Its folder has to exist; everybody may read it.
///
/// # Errors
///
/// An environment error names the file.
pub fn file(path: &Path, bytes: &[u8]) -> Result<()> {
    let fault = |error: io::Error| cannot_write(path, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut staged =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(fault)?;
    staged.write_all(bytes).map_err(fault)?;
    staged.persist(path).map_err(|error| fault(error.error))?;
    readable(path).map_err(fault)
}

/// Writes all files (name and bytes) into `folder`, which is created where needed, in place of those of the
/// same names: they are staged in a temporary folder on the same disk and moved when all are there, so that
/// nothing is written where staging fails.
///
/// # Errors
///
/// An environment error names the folder. Where moving fails, files before that one have been replaced.
pub fn folder(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    let fault = |error: io::Error| cannot_write(folder, &error);
    let fresh = !folder.exists();
    let taken = files.iter().map(|(name, _)| folder.join(name)).find(|path| path.is_dir());
    if let Some(taken) = taken {
        let found = format!("{} is a folder; choose another --out-dir", taken.display());
        return Err(Error::environment(found));
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = if fresh { parent.unwrap_or(Path::new(".")) } else { folder };
    if fresh {
        fs::create_dir_all(beside).map_err(fault)?;
    }
    let staged = tempfile::Builder::new().prefix(".elbow-").tempdir_in(beside).map_err(fault)?;
    for (name, bytes) in files {
        fs::write(staged.path().join(name), bytes).map_err(fault)?;
    }
    if fresh {
        fs::create_dir(folder).map_err(fault)?;
    }
    for (name, _) in files {
        fs::rename(staged.path().join(name), folder.join(name)).map_err(fault)?;
    }
    Ok(())
}

/// Makes a file readable for everybody (mode 644): temporary files are private.
#[cfg(unix)]
fn readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Does nothing where files have no mode.
#[cfg(not(unix))]
fn readable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The environment error that `path` cannot be written, with the cure.
fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::environment(format!(
        "cannot write {}: {error}; choose a folder that is writable and has room",
        path.display()
    ))
}
