//! Libraries of the peers, from Python's package registry into `target/peers`.

use crate::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// CMSIS-NN comes inside this package, with its sources pinned.
pub(crate) const BAKENN: &str = "bakenn==1.0.0";
pub(crate) const EMLEARN: &str = "emlearn==0.23.2";
pub(crate) const EMX: &str = "emx-onnx-cgen==1.4.0";
/// The schema of TFLite's files.
pub(crate) const TFLITE: &str = "tflite==2.18.0";

/// The folder `target/peers`, below which all of it goes; it may not exist yet.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}

/// The folder with the files of a package, `name==version`, without what it depends on. It is downloaded by
/// pip, unless that was done before; an error where pip fails.
pub(crate) fn unpacked(package: &str) -> Result<PathBuf, Error> {
    let folder = folder().join("packages").join(package.replace("==", "-"));
    fetched(&folder, package, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        run(pip
            .args(["--no-compile", "--root-user-action=ignore", "--target"])
            .arg(folder)
            .arg(package))
    })?;
    Ok(folder)
}

/// Path of the Python in a virtual environment with a package, `name==version`, and what it depends on. It is
/// made by venv and pip, unless that was done before; an error where one of them fails.
pub(crate) fn environment(package: &str) -> Result<PathBuf, Error> {
    let folder = folder().join("environments").join(package.replace("==", "-"));
    let python = folder.join("bin/python");
    fetched(&folder, package, |folder| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder)).map_err(
            |error| {
                Error::new(format!("{error}\non Debian, as root: apt-get install python3-venv"))
            },
        )?;
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]))
    })?;
    Ok(python)
}

/// Calls `fill` with `folder`, which it has to create, unless the file `fetched` in it already holds
/// `package`; writes that file afterwards. An error is `fill`'s, or that the file cannot be written.
fn fetched(
    folder: &Path,
    package: &str,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let stamp = folder.join("fetched");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == package) {
        return Ok(());
    }
    fill(folder)?;
    std::fs::write(&stamp, package)
        .map_err(|error| Error::new(format!("{}: {error}", stamp.display())))
}

/// Runs a command to its end, with its line on stderr before and its output there too; its stdin is empty. An
/// error with the line where it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let line = format!("{command:?}").replace('"', "");
    eprintln!("+ {line}");
    match command.stdin(Stdio::null()).stdout(std::io::stderr()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::new(format!("`{line}` failed ({status})"))),
        Err(error) => Err(Error::new(format!("`{line}`: {error}"))),
    }
}
