//! Compiling firmware.

use crate::command::output;
use crate::{Core, ToolError, debian, script};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Which compiler builds for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// The Rust toolchain in use, which has the target installed.
    Installed,
    /// Debian's rustc and cargo as a pair, compiling `core` from source.
    Debian,
}

impl Compiler {
    /// The compiler for `target`: the installed toolchain if it has the target, else Debian's.
    ///
    /// # Errors
    ///
    /// Where there is neither; the message says what Debian's lacks, and which commands install one.
    pub fn find(target: &str) -> Result<Self, ToolError> {
        if sysroot().is_some_and(|root| root.join("lib/rustlib").join(target).join("lib").is_dir())
        {
            return Ok(Self::Installed);
        }
        debian::check().map(|()| Self::Debian).map_err(|why| no_compiler(target, &why))
    }

    /// First line of the compiler's `--version`; empty where it cannot be run.
    pub fn version(self) -> String {
        let rustc = match self {
            Self::Installed => "rustc",
            Self::Debian => debian::RUSTC,
        };
        output(Command::new(rustc).arg("--version")).unwrap_or_default()
    }

    /// The command that runs the compiler's cargo, without arguments. Variables of the caller's build are
    /// removed from its environment; for Debian's, `PATH`, `RUSTC_BOOTSTRAP` and the linker of `target` are
    /// set.
    fn cargo(self, target: &str) -> Command {
        let mut cargo = match self {
            Self::Installed => Command::new("cargo"),
            Self::Debian => Command::new(debian::CARGO),
        };
        for (name, _) in env::vars_os().filter(|(name, _)| may_change_build(name, self)) {
            cargo.env_remove(name);
        }
        if self == Self::Debian {
            // With rustup's proxies in `PATH`, Debian's cargo would run rustup's rustc, whose `core` is another.
            cargo.env("PATH", "/usr/bin:/bin").env("RUSTC_BOOTSTRAP", "1");
            let variable = target.to_uppercase().replace(['-', '.'], "_");
            cargo.env(format!("CARGO_TARGET_{variable}_LINKER"), debian::LINKER);
        }
        cargo
    }
}

impl std::fmt::Display for Compiler {
    /// Writes the version and whose compiler it is, for which the compiler is run.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whose = match self {
            Self::Installed => "has the target",
            Self::Debian => "Debian's, compiles `core` from source",
        };
        write!(f, "{} ({whose})", self.version())
    }
}

/// Whether a variable of this name could change the build, and so is removed from its environment: flags of
/// the host's build and cargo's settings except those of home, network and registries; for Debian's pair also
/// everything by which rustup chooses a toolchain.
fn may_change_build(name: &OsStr, compiler: Compiler) -> bool {
    let name = name.to_string_lossy();
    let flags = ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_BOOTSTRAP"];
    let kept = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_CAINFO"];
    let registries = ["CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_HTTP_", "CARGO_NET_"];
    let of_cargo = name.starts_with("CARGO")
        && !kept.contains(&&*name)
        && !registries.iter().any(|prefix| name.starts_with(prefix));
    let of_rustup = ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTC", "RUSTDOC"];
    flags.contains(&&*name)
        || of_cargo
        || compiler == Compiler::Debian && of_rustup.contains(&&*name)
}

/// A build of one package for a core.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The folder of the workspace.
    pub folder: &'a Path,
    /// The package, whose binary or library has the same name.
    pub package: &'a str,
    /// The core to build for.
    pub core: &'a Core,
    /// Cargo's profile.
    pub profile: &'a str,
    /// Features of the package, beside its default ones and those of the core.
    pub features: &'a [&'a str],
    /// Folder of models, the value of `ELBOW_MODELS`; `None` unsets it. [`build_library`] ignores the field.
    pub models: Option<&'a Path>,
}

/// Path of the firmware image that this builds with cargo, `target/cores/TRIPLE/TRIPLE/PROFILE/PACKAGE` of the
/// workspace. Waits until cargo has ended. Builds for different targets can run at the same time: each target has a
/// folder of artifacts, which cargo locks.
///
/// The image is overwritten by the next build of the same package, target and profile.
///
/// # Errors
///
/// Where no compiler is found, with the commands that install one; where cargo cannot be run; where the build
/// fails, with the compiler's messages.
pub fn build_firmware(build: &Build<'_>) -> Result<PathBuf, ToolError> {
    let artifacts = build.folder.join("target/cores").join(build.core.triple);
    let features = [&build.core.features(), build.features].concat();
    let order =
        CargoBuild { features: &features, ..build.order("core", &artifacts, build.package) };
    let built = self::build(&order, |cargo| {
        cargo.env("DEFMT_LOG", "info").env(script::VARIABLE, build.core.machine.name);
        match build.models {
            Some(models) => cargo.env("ELBOW_MODELS", models),
            None => cargo.env_remove("ELBOW_MODELS"),
        };
    });
    built.map(|(file, _)| file)
}

/// Path of the static library that this builds with cargo in the folder `artifacts`; it may use a heap. Of
/// the core only the compiler target matters: features of the core are not set, and the library is linked
/// elsewhere.
///
/// # Errors
///
/// As [`build_firmware`].
pub fn build_library(build: &Build<'_>, artifacts: &Path) -> Result<PathBuf, ToolError> {
    let file = format!("lib{}.a", build.package.replace('-', "_"));
    self::build(&build.order("core,alloc", artifacts, &file), |_| {}).map(|(file, _)| file)
}

impl<'a> Build<'a> {
    /// The same for cargo, with the crates of the standard library that Debian's compiler is to build, into the folder
    /// `artifacts`, for its `file`.
    fn order(&self, library: &'a str, artifacts: &'a Path, file: &'a str) -> CargoBuild<'a> {
        let Build { folder, package, profile, features, .. } = *self;
        let triple = self.core.triple;
        CargoBuild { folder, package, triple, profile, features, library, artifacts, file }
    }
}

/// A build of one package, as cargo is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CargoBuild<'a> {
    /// The folder of the workspace.
    pub folder: &'a Path,
    pub package: &'a str,
    /// Compiler target.
    pub triple: &'a str,
    /// Cargo's profile.
    pub profile: &'a str,
    pub features: &'a [&'a str],
    /// The crates of the standard library that Debian's compiler first compiles, separated by commas.
    pub library: &'a str,
    /// Where cargo puts what it builds.
    pub artifacts: &'a Path,
    /// Name of the file that is wanted.
    pub file: &'a str,
}

/// Path of the file that this builds with cargo, to whose command `change` may add, and what cargo wrote to stderr.
/// Waits until cargo has ended. An error where no compiler is found, cargo cannot be run, the build fails, with the compiler's messages, or the file is
/// missing.
pub(crate) fn build(
    order: &CargoBuild<'_>,
    change: impl FnOnce(&mut Command),
) -> Result<(PathBuf, String), ToolError> {
    let CargoBuild { folder, package, triple, profile, artifacts, .. } = order;
    let compiler = Compiler::find(triple)?;
    let mut cargo = compiler.cargo(triple);
    cargo.current_dir(folder).args(["build", "--quiet", "--package", package]);
    cargo.args(["--profile", profile, "--target", triple]);
    if !order.features.is_empty() {
        cargo.args(["--features", &order.features.join(",")]);
    }
    if compiler == Compiler::Debian {
        cargo.arg(format!("-Zbuild-std={}", order.library));
    }
    cargo.env("CARGO_TARGET_DIR", artifacts);
    change(&mut cargo);
    let what = format!("building {package} for {triple}");
    let output = cargo.stdin(Stdio::null()).output();
    let output = output.map_err(|e| ToolError::new(format!("{what}: cannot run cargo: {e}")))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(ToolError::new(format!("{what} failed:\n{}", messages.trim())));
    }
    let file = artifacts.join(triple).join(profile).join(order.file);
    fs::metadata(&file).map_err(|e| ToolError::new(format!("{}: {e}", file.display())))?;
    Ok((file, messages.into_owned()))
}

/// The error that no compiler builds for `target`, with the commands that install one and the fault of
/// Debian's.
fn no_compiler(target: &str, why_not_debian: &str) -> ToolError {
    ToolError::new(format!(
        "no compiler for {target}: run `rustup target add {target}`, or on Debian `{}` ({why_not_debian})",
        debian::apt_line(&debian::PACKAGES)
    ))
}

/// Folder of the Rust toolchain in use, by `rustc --print sysroot`; `None` where that fails.
fn sysroot() -> Option<PathBuf> {
    output(Command::new("rustc").args(["--print", "sysroot"])).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_build_does_not_shine_through() {
        let of = |name: &str, compiler| may_change_build(OsStr::new(name), compiler);
        for name in ["RUSTFLAGS", "CARGO", "CARGO_ENCODED_RUSTFLAGS", "CARGO_MANIFEST_DIR"] {
            assert!(of(name, Compiler::Installed) && of(name, Compiler::Debian), "{name}");
        }
        for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTC"] {
            assert!(!of(name, Compiler::Installed) && of(name, Compiler::Debian), "{name}");
        }
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_NET_OFFLINE"] {
            assert!(!of(name, Compiler::Installed) && !of(name, Compiler::Debian), "{name}");
        }
    }

    #[test]
    fn an_unknown_target_has_the_cure_in_its_error() {
        let error = no_compiler("thumbv9", "rustc is missing").to_string();
        assert!(error.contains("rustup target add thumbv9"), "{error}");
        assert!(error.contains("apt-get install"), "{error}");
        assert!(error.contains("rustc is missing"), "{error}");
    }
}
