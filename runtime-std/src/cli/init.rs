//! `elbow init`

use super::{ImportOptions, output};
use elbow::roles::{self, Reason};
use elbow::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The encoder
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// The decoder
    #[arg(long, value_name = "D.onnx")]
    decoder: Option<PathBuf>,
    /// Where to write the manifest; printed to be saved beside the model where left out
    #[arg(short, long, value_name = "elbow.toml")]
    output: Option<PathBuf>,
    #[command(flatten)]
    import: ImportOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report<'a> {
    path: Option<&'a Path>,
    manifest: &'a str,
    roles: &'a [Reason],
}

/// Writes or prints the proposal.
///
/// # Errors
///
/// Where nothing can be proposed, and where the file exists.
pub fn run(options: &Options) -> Result<()> {
    let path = options.output.as_deref();
    if let Some(path) = path.filter(|path| path.exists()) {
        return Err(Error::input(format!(
            "{} exists and is not overwritten; remove it, or choose another file with -o",
            path.display()
        )));
    }
    let folder = path.unwrap_or(&options.model).parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let decoder = options.decoder.as_deref();
    let proposal = roles::propose(&options.model, decoder, folder, &options.import.decided())?;
    for Reason { key, value, reason } in &proposal.reasons {
        output::note(&format!("{key} = {value}: {reason}"));
    }
    if let Some(path) = path {
        output::file(path, proposal.text.as_bytes())?;
        output::note(&format!("wrote {}", path.display()));
    }
    match (options.json, path) {
        (true, _) => {
            output::json(&Report { path, manifest: &proposal.text, roles: &proposal.reasons })
        }
        (false, None) => output::text(&proposal.text),
        (false, Some(_)) => Ok(()),
    }
}
