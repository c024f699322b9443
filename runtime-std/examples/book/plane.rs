//! Chapter 4: the decoder's images over the plane of the two latents, as a picture.

use super::Failure;
use super::digits::Digits;
use super::latent::decoded;

/// Images along each axis, and how far apart their latents are.
const SIDE: usize = 11;
const APART: f32 = 0.5;

const HEAD: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 470 466\" width=\"470\" height=\"466\">\
<title>What the decoder makes of places in the plane of the two latents</title>\n\
<style>rect{fill:#fff}text{font:13px sans-serif;fill:#262a33;text-anchor:middle}path{fill:#236192}\
@media (prefers-color-scheme: dark){rect{fill:#16181d}text{fill:#d7dae0}path{fill:#8fc1ea}}</style>\n\
<rect width=\"470\" height=\"466\"/>\n";

/// An SVG: the image that the decoder makes of every place, lighter where a pixel is less probable.
pub fn picture() -> Result<String, Failure> {
    let digits = Digits::first(1)?;
    let mut svg = String::from(HEAD);
    let at = |place: usize| APART * (place as f32 - (SIDE / 2) as f32);
    for place in 0..SIDE * SIDE {
        let (across, down) = (place % SIDE, place / SIDE);
        let image = decoded(&digits, 0, &[at(across), -at(down)])?;
        let (left, top) = (52 + 38 * across, 6 + 38 * down);
        for (level, opacity) in [(0.25, "0.35"), (0.5, "0.65"), (0.75, "1")] {
            let pixels =
                image.iter().enumerate().filter(|(_, ink)| (level..level + 0.25).contains(*ink));
            let squares = pixels
                .map(|(at, _)| format!("M{} {}h4v4h-4z", left + 4 * (at % 8), top + 4 * (at / 8)));
            let squares: String = squares.collect();
            if !squares.is_empty() {
                svg += &format!("<path d=\"{squares}\" opacity=\"{opacity}\"/>\n");
            }
        }
    }
    for place in (1..SIDE).step_by(2) {
        let (x, y) = (68 + 38 * place, 26 + 38 * place);
        svg += &format!("<text x=\"{x}\" y=\"440\">{:.0}</text>\n", at(place));
        svg += &format!("<text x=\"36\" y=\"{y}\">{:.0}</text>\n", 0.0 - at(place));
    }
    svg += "<text x=\"258\" y=\"460\">z[0]</text>\n<text x=\"18\" y=\"18\">z[1]</text>\n</svg>\n";
    Ok(svg)
}
