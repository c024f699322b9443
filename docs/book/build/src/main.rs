//! Builds the book: `elbow-book ROOT OUT`, the folder of the repository and the folder for the pages.
//!
//! The chapters of `docs/book/src` are Markdown as a forge shows it. Here their formulas become MathML, the pages of
//! reference that they lead to become chapters, and links that leave the book become words. mdBook does the rest.

mod links;
mod math;

use links::Pages;
use mdbook_driver::MDBook;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pages besides the chapters, by their paths in the repository.
const FURTHER: [&str; 3] = ["docs/reference", "docs/board.md", "docs/contributing/lexicon.md"];

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [root, out] = arguments.as_slice() else {
        eprintln!("usage: elbow-book ROOT OUT");
        return ExitCode::from(2);
    };
    match build(root, out) {
        Ok(pages) => {
            println!("{pages} pages: {}", out.join("book/index.html").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the sources of the book to `out` and the pages to `out/book`; gives their number.
fn build(root: &Path, out: &Path) -> Result<usize, Box<dyn Error>> {
    let src = out.join("src");
    if src.exists() {
        fs::remove_dir_all(&src)?;
    }
    fs::create_dir_all(src.join("pictures"))?;
    for file in ["book.toml", "book.css"] {
        fs::copy(root.join("docs/book").join(file), out.join(file))?;
    }
    for picture in fs::read_dir(root.join("docs/book/src/pictures"))? {
        let picture = picture?;
        fs::copy(picture.path(), src.join("pictures").join(picture.file_name()))?;
    }
    let pages = Pages::find(root, &FURTHER)?;
    for (page, place) in pages.all() {
        let text = fs::read_to_string(root.join(page))?;
        let text =
            pages.relink(page, &math::rendered(&text).map_err(|error| format!("{page}: {error}"))?);
        let text = match place.as_str() {
            "SUMMARY.md" => text + &pages.contents(root)?,
            _ => text,
        };
        let path = src.join(place);
        fs::create_dir_all(path.parent().unwrap_or(&src))?;
        fs::write(path, text)?;
    }
    MDBook::load(out)?.build()?;
    Ok(pages.all().count())
}
