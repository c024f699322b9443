//! `elbow init`

use super::inputs;
use super::{ImportOptions, heads as on_rows, output};
use elbow::heads::HeadReport;
use elbow::roles::{self, Proposal, ProposalFiles, Reason};
use elbow::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct InitOptions {
    /// The encoder
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// The decoder
    #[arg(long, value_name = "D.onnx")]
    decoder: Option<PathBuf>,
    /// Rows for an input, the batch in front: the ELBO of every reading of the heads is measured, and decides
    /// what graph and names leave open
    #[arg(long, num_args = 1.., value_name = "X.npy", requires = "decoder")]
    input: Vec<String>,
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
struct InitReport<'a> {
    path: Option<&'a Path>,
    manifest: &'a str,
    roles: &'a [Reason],
    #[serde(skip_serializing_if = "Option::is_none")]
    heads: Option<&'a HeadReport>,
}

/// Writes the proposal to `--output`, or prints it to stdout without; the reasons go to stderr.
///
/// # Errors
///
/// An input error where nothing can be proposed, and where the file exists, which is left as it is.
pub fn run(options: &InitOptions) -> Result<()> {
    let path = options.output.as_deref();
    if let Some(path) = path.filter(|path| path.exists()) {
        return Err(Error::input(format!(
            "{} exists and is not overwritten; remove it, or choose another file with -o",
            path.display()
        )));
    }
    let folder = path.unwrap_or(&options.model).parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (proposal, heads) = propose(options, folder)?;
    let heads = heads.as_ref();
    if let Some(report) = heads {
        on_rows::note(report);
    }
    for Reason { key, value, reason } in &proposal.reasons {
        output::note(&format!("{key} = {value}: {reason}"));
    }
    if let Some(path) = path {
        output::file(path, proposal.text.as_bytes())?;
        output::note(&format!("wrote {}", path.display()));
    }
    match (options.json, path) {
        (true, _) => output::json(&InitReport {
            path,
            manifest: &proposal.text,
            roles: &proposal.reasons,
            heads,
        }),
        (false, None) => output::text(&proposal.text),
        (false, Some(_)) => Ok(()),
    }
}

/// The proposal for a manifest in `folder`. Where `--input` and a decoder are given it is checked on their
/// rows, and the report on these comes with it. An input error where nothing can be proposed.
fn propose(options: &InitOptions, folder: &Path) -> Result<(Proposal, Option<HeadReport>)> {
    let (decoder, import) = (options.decoder.as_deref(), options.import.decided());
    let Some(decoder) = decoder.filter(|_| !options.input.is_empty()) else {
        return Ok((roles::propose(&options.model, decoder, folder, &import)?, None));
    };
    let files = ProposalFiles { encoder: &options.model, decoder, folder };
    roles::propose_measured(files, &import, |loaded| {
        Ok(inputs::of_model(loaded, &options.input, 0)?.batch)
    })
}
