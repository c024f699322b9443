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

/// Name, chapter in `docs/book/src`, and what it prints.
const PROGRAMS: [(&str, &str, fn() -> Told); 8] = [
    ("latent", "latent.md", latent::tell),
    ("evidence", "elbo.md", evidence::tell),
    ("per-datapoint", "amortized.md", per_datapoint::tell),
    ("latent-space", "encoder.md", latent_space::tell),
    ("plane", "", plane::picture),
    ("refine", "refine.md", refine::tell),
    ("entropy", "entropy.md", entropy::tell),
    ("bounds", "flows.md", bounds::tell),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let found = PROGRAMS.iter().find(|(other, ..)| *other == name).map(|(.., tell)| tell());
    match found {
        Some(Ok(text)) => print!("{text}"),
        Some(Err(error)) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
        None => {
            let names: Vec<&str> = PROGRAMS.iter().map(|(name, ..)| *name).collect();
            eprintln!("usage: book {}", names.join("|"));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::PROGRAMS;
    use elbow_tests::pages::{answered, hold, page};

    /// Holds the chapter of the program against what it prints.
    fn holds(name: &str) {
        let (_, chapter, tell) = PROGRAMS.iter().find(|(other, ..)| *other == name).unwrap();
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
