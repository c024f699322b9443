//! Pictures: panels below each other, each with axes, a title and a legend, as SVG that follows dark and light.
//!
//! Colours are those of Okabe and Ito (2008), which people with any kind of colour vision can tell apart. An SVG names
//! them as attributes; its style sheet, which is stronger, has others for a dark page.

mod axis;
mod panel;
pub mod series;

pub use panel::{Mark, Panel};

use plotters::prelude::*;

/// What the drawing library reports.
pub type Failure = Box<dyn std::error::Error>;

pub const INK: RGBColor = RGBColor(38, 42, 51);
pub const FAINT: RGBColor = RGBColor(222, 225, 230);
pub const PAPER: RGBColor = RGBColor(255, 255, 254);
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
pub const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub const SKY: RGBColor = RGBColor(86, 180, 233);
pub const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub const GREY: RGBColor = RGBColor(128, 132, 140);

/// Colours of several lines in one panel.
pub const LINES: [RGBColor; 6] = [BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE];

/// The colours that another takes the place of on a dark page.
const DARK: [(RGBColor, &str); 5] = [
    (INK, "#e4e7ec"),
    (FAINT, "#3a404a"),
    (PAPER, "#14171c"),
    (BLUE, "#4aa8e0"),
    (VERMILION, "#f0803c"),
];

/// Width of a picture.
pub const WIDTH: u32 = 1120;

/// The panels as the text of an SVG file, from top to bottom.
///
/// # Errors
///
/// What the drawing library reports.
pub fn stacked(panels: &[Panel]) -> Result<String, Failure> {
    grid(&[panels.iter().collect()], WIDTH)
}

/// Columns of panels beside each other, of equal width, as the text of an SVG file. Errors as those of [`stacked`].
pub fn grid(columns: &[Vec<&Panel>], width: u32) -> Result<String, Failure> {
    let height = |column: &Vec<&Panel>| column.iter().map(|panel| panel.height).sum::<u32>();
    let height = columns.iter().map(height).max().unwrap_or(0).max(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&PAPER)?;
        let mut rest = root.clone();
        for (at, column) in columns.iter().enumerate() {
            let (area, others) =
                rest.split_horizontally(rest.dim_in_pixel().0 / (columns.len() - at) as u32);
            let mut below = area;
            for panel in column {
                let (own, remaining) = below.split_vertically(panel.height);
                panel.draw(&own)?;
                below = remaining;
            }
            rest = others;
        }
        root.present()?;
    }
    Ok(styled(&svg))
}

/// The SVG with a style sheet for dark pages, and a size that fits the page.
fn styled(svg: &str) -> String {
    let hex = |color: RGBColor| format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2);
    let rule = |(color, dark): &(RGBColor, &str)| {
        let color = hex(*color);
        format!("[fill=\"{color}\"]{{fill:{dark}}}[stroke=\"{color}\"]{{stroke:{dark}}}")
    };
    let rules: String = DARK.iter().map(rule).collect();
    let style = format!("<style>@media (prefers-color-scheme:dark){{{rules}}}</style>");
    match svg.split_once('>') {
        Some((head, body)) => format!("{head}>{style}{body}"),
        None => svg.to_string(),
    }
}

/// Checks that `path` has the extension `.svg`, in letters of any case.
///
/// # Errors
///
/// An input error with the cure.
pub fn check(path: &std::path::Path) -> elbow::Result<()> {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("svg") => Ok(()),
        _ => Err(elbow::Error::input(format!(
            "--picture {}: expected the name of an .svg file",
            path.display()
        ))),
    }
}

/// The environment error that a picture cannot be drawn.
pub fn failed(error: &Failure) -> elbow::Error {
    elbow::Error::environment(format!("cannot draw the picture: {error}; leave it out"))
}
