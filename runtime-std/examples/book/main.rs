//! The small programs of the book in `docs/book`; each prints what its chapter shows.
//!
//! ```sh
//! cargo run -q --example book -- evidence
//! ```

mod bounds;
mod digits;
mod entropy;
mod evidence;
mod latent;
mod latent_space;
mod per_datapoint;
mod plane;
mod refine;

use std::error::Error;
use std::process::ExitCode;

type Failure = Box<dyn Error>;
type Told = Result<String, Failure>;

/// A program: its name, its chapter in `docs/book/src`, and what it prints.
struct Program(&'static str, &'static str, fn() -> Told);

const PROGRAMS: [Program; 8] = [
    Program("latent", "latent.md", latent::tell),
    Program("evidence", "elbo.md", evidence::tell),
    Program("per-datapoint", "amortized.md", per_datapoint::tell),
    Program("latent-space", "encoder.md", latent_space::tell),
    Program("plane", "encoder.md", plane::picture),
    Program("refine", "refine.md", refine::tell),
    Program("entropy", "entropy.md", entropy::tell),
    Program("bounds", "flows.md", bounds::tell),
];

/// Runs the program that is named; exit code 1 where it fails, 2 where there is none.
fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    match PROGRAMS.iter().find(|program| program.0 == name).map(|program| program.2()) {
        Some(Ok(text)) => print!("{text}"),
        Some(Err(error)) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
        None => {
            eprintln!("usage: book NAME, of these, each with its chapter in docs/book/src:");
            PROGRAMS.iter().for_each(|Program(name, chapter, _)| eprintln!("{name:14} {chapter}"));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, Program};
    use elbow_tests::pages::{answered, hold, page};

    /// Holds the chapter of the program against what it prints.
    fn holds(name: &str) {
        let program = PROGRAMS.iter().find(|program| program.0 == name);
        let Program(_, chapter, tell) = program.expect("a program of this name");
        let file = format!("docs/book/src/{chapter}");
        let command = format!("cargo run -q --example book -- {name}");
        let mut is_there = false;
        let found = answered(&page(&file), |line| {
            (line == command).then(|| tell().unwrap()).inspect(|_| is_there = true)
        });
        assert!(is_there, "{file} lacks {command}");
        hold(&file, &found);
    }

    #[test]
    fn latent() {
        holds("latent");
    }

    #[test]
    fn evidence() {
        holds("evidence");
    }

    #[test]
    #[ignore = "builds an image for an emulated board; `cargo xtask book --check` runs it"]
    fn per_datapoint() {
        holds("per-datapoint");
    }

    #[test]
    fn latent_space() {
        holds("latent-space");
    }

    #[test]
    fn refine() {
        holds("refine");
    }

    #[test]
    fn entropy() {
        holds("entropy");
    }

    #[test]
    fn bounds() {
        holds("bounds");
    }

    #[test]
    fn plane() {
        hold("docs/book/src/pictures/plane.svg", &super::plane::picture().unwrap());
    }
}
