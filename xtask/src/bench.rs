//! `cargo xtask bench`: the workloads on Elbow and, where asked for, on its peers.

use crate::{FAILED, LACKING, Need, USED_WRONGLY, bring, usage};
use elbow_bench::{Counts, Options, Table, WORKLOADS};
use elbow_toolchain::{Core, ToolError as Error};
use std::process::ExitCode;

/// Measures what the arguments ask for and prints the table; installs what the machine lacks first, where it
/// may.
///
/// The exit code is 0, 1 where something fails or Elbow's counts differ from the accepted ones, 2 for a wrong
/// argument, or 3 where the machine lacks something; each but 0 with a message on stderr.
pub fn main(arguments: &[String]) -> ExitCode {
    let (options, then) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(message) => {
            eprintln!("{message}\n{}", usage());
            return ExitCode::from(USED_WRONGLY);
        }
    };
    let needs = [Need::EveryCompiler, Need::Emulator, Need::PeerCompiler];
    if let Err(error) = bring(if options.peers.is_empty() { &needs[..2] } else { &needs }) {
        eprintln!("{error}");
        return ExitCode::from(LACKING);
    }
    match elbow_bench::bench(&options).and_then(|table| finish(&table, &options, then)) {
        Ok(differences) => {
            differences.iter().for_each(|line| eprintln!("{line}"));
            if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(FAILED)
        }
    }
}

/// What is done with a table besides printing it.
#[derive(Clone, Copy, Debug, Default)]
struct Then {
    /// Elbow's counts are accepted.
    accept: bool,
    /// It goes into the documentation.
    write: bool,
}

/// Prints the table, writes it to the documentation where `then` says so, and accepts Elbow's counts (then
/// gives nothing) or gives a line for each that differs from the accepted one. Where another compiler has
/// made those, nothing is compared, with a note on stderr. An error where a file cannot be read or written.
fn finish(table: &Table, options: &Options, then: Then) -> Result<Vec<String>, Error> {
    println!("{table}");
    if then.write {
        elbow_bench::write(table)?;
    }
    let counts = Counts::of(table);
    if then.accept {
        return counts.accept().map(|()| Vec::new());
    }
    let accepted = Counts::checked_in()?.asked(options);
    Ok(accepted.differences(&counts).unwrap_or_else(|not_compared| {
        eprintln!("{not_compared}");
        Vec::new()
    }))
}

/// What the arguments ask the bench for, and what is done with the table. The error is a question about the
/// first argument that is unknown or lacks its value.
fn parse(arguments: &[String]) -> Result<(Options, Then), String> {
    let (mut options, mut then) = (Options::default(), Then::default());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} what?"));
        match argument.as_str() {
            "--target" => options.cores = list(value()?, |name| Core::named(name).is_ok())?,
            "--work" => options.works = list(value()?, |name| named(name).is_some())?,
            "--peers" => options.peers.extend(elbow_bench::peers(QUICK)),
            "--peer" => options.peers.push(peer(value()?)?),
            "--accept" => then.accept = true,
            "--write" => then.write = true,
            "--cmsis-nn" => options.cmsis_nn = Some(value()?.into()),
            other => return Err(format!("what is {other}?")),
        }
    }
    Ok((options, then))
}

/// Minutes of building that `--peers` may take for each.
const QUICK: u32 = 5;

/// The same name, where a peer has it; an error that lists all peers otherwise.
fn peer(name: &str) -> Result<String, String> {
    let all = elbow_bench::peers(u32::MAX);
    let known = all.iter().any(|peer| peer == name);
    if known {
        Ok(name.to_owned())
    } else {
        Err(format!("no peer {name}, but: {}", all.join("; ")))
    }
}

/// The name of the workload that is called so; `None` where there is none.
fn named(name: &str) -> Option<&'static str> {
    WORKLOADS.iter().map(|work| work.name).find(|work| *work == name)
}

/// The names in `text`, separated by commas; an error about the first that is not `known`.
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
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).map(|(options, _)| options)
    }

    #[test]
    fn cores_and_workloads_are_lists_of_known_names() {
        let options = parsed("--target m0,m55 --work W2").expect("options");
        assert_eq!(
            (&options.cores[..], &options.works[..]),
            (&["m0".into(), "m55".into()][..], &["W2".into()][..])
        );
        for line in ["--target m9", "--work W9", "--target", "--peer", "--peer tract"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_peer_that_takes_long_is_asked_for_by_name() {
        assert_eq!(parsed("").expect("options").peers, Vec::<String>::new());
        let quick = parsed("--peers").expect("options").peers;
        assert!(quick.iter().any(|peer| peer == "microflow"), "{quick:?}");
        assert!(!quick.iter().any(|peer| peer == "burn"), "{quick:?}");
        assert_eq!(parsed("--peer burn").expect("options").peers, ["burn"]);
        let all = parsed("--peers --peer burn").expect("options").peers;
        assert_eq!(all, [quick, vec!["burn".into()]].concat());
    }
}
