//! `cargo xtask bench`: the workloads on Elbow and, where asked for, on its peers.

use crate::{FAILED, LACKING, Need, USAGE, USED_WRONGLY, bring};
use elbow_bench::{Options, WORKLOADS};
use std::process::ExitCode;

/// Measures, and prints the table.
pub fn main(arguments: &[String]) -> ExitCode {
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(USED_WRONGLY);
        }
    };
    let needs = [Need::Compilers, Need::Emulator, Need::PeerCompiler];
    if let Err(error) = bring(if options.peers { &needs } else { &needs[..2] }) {
        eprintln!("{error}");
        return ExitCode::from(LACKING);
    }
    match elbow_bench::bench(&options) {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(FAILED)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} what?"));
        match argument.as_str() {
            "--target" => options.cores = list(value()?, |name| core(name).is_some())?,
            "--work" => options.works = list(value()?, |name| named(name).is_some())?,
            "--peers" => options.peers = true,
            "--cmsis-nn" => options.cmsis_nn = Some(value()?.into()),
            other => return Err(format!("what is {other}?")),
        }
    }
    Ok(options)
}

fn core(name: &str) -> Option<&'static str> {
    elbow_bench::CORES.into_iter().find(|core| *core == name)
}

fn named(name: &str) -> Option<&'static str> {
    WORKLOADS.iter().map(|work| work.name).find(|work| *work == name)
}

/// Names kept apart by commas, each of which must be known.
fn list(text: &str, known: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    match text.split(',').find(|name| !known(name)) {
        Some(name) => Err(format!("what is {name}?")),
        None => Ok(text.split(',').map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn cores_and_workloads_are_lists_of_known_names() {
        let options = parsed("--target m0,m55 --work W2 --peers").expect("options");
        assert_eq!((&options.cores[..], options.peers), (&["m0".into(), "m55".into()][..], true));
        assert_eq!(options.works, ["W2"]);
        for line in ["--target m9", "--work W9", "--target", "--peer"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
