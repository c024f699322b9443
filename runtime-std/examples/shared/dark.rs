//! Pictures that follow dark and light.

use plotters::style::RGBColor;

/// The SVG with a style sheet that, on a dark page, gives each of these colours another one.
pub fn styled(svg: &str, dark: &[(RGBColor, &str)]) -> String {
    let rule = |(color, dark): &(RGBColor, &str)| {
        let color = format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2);
        format!("[fill=\"{color}\"]{{fill:{dark}}}[stroke=\"{color}\"]{{stroke:{dark}}}")
    };
    let rules: String = dark.iter().map(rule).collect();
    let style = format!("<style>@media (prefers-color-scheme:dark){{{rules}}}</style>");
    match svg.split_once('>') {
        Some((head, body)) => format!("{head}>{style}{body}"),
        None => svg.to_string(),
    }
}
