//! `elbow completions` and `elbow man`: what a package puts beside the command.

use super::{Arguments, output};
use clap::CommandFactory;
use clap_complete::Shell;
use elbow::{Error, Result};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub struct ManOptions {
    /// Where the pages go, one per command: elbow.1, elbow-run.1, ...
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

/// Prints the completions of the command for a shell. An environment error where stdout cannot be written.
pub fn completions(options: &CompletionsOptions) -> Result<()> {
    let mut bytes = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "elbow", &mut bytes);
    output::text(&String::from_utf8_lossy(&bytes))
}

/// Writes the manual pages of all commands. An environment error where they cannot be written.
pub fn man(options: &ManOptions) -> Result<()> {
    let mut command = Arguments::command();
    command.build();
    let mut pages = vec![page("elbow".into(), command.clone())?];
    for own in command.get_subcommands().filter(|own| !own.is_hide_set()) {
        let name = format!("elbow-{}", own.get_name());
        pages.push(page(name, own.clone())?);
    }
    output::folder(&options.out_dir, &pages)?;
    output::note(&format!("wrote {} pages to {}", pages.len(), options.out_dir.display()));
    Ok(())
}

/// Name and bytes of the manual page of a command. An environment error where it cannot be made.
fn page(name: String, command: clap::Command) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let page = clap_mangen::Man::new(command.display_name(name.clone()));
    page.render(&mut bytes).map_err(|error| Error::environment(format!("{name}: {error}")))?;
    Ok((format!("{name}.1"), bytes))
}
