//! A panel: axes, a title, a legend, and what is marked in it.

use super::axis::{number, range, step, ticks};
use super::{FAINT, Failure, INK};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), Failure>;

/// Left of the axes, for numbers.
const LEFT: i32 = 66;
const RIGHT: i32 = 18;
/// Above the axes, for title and legend.
const TOP: i32 = 26;
/// Below the axes: numbers, and words where there are any.
const NUMBERS: i32 = 20;
const WORDS: i32 = 18;
/// Of a letter of the legend, in pixels.
const LETTER: f64 = 6.4;
const SANS: &str = "sans-serif";

/// Something in a panel.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points.
    Line(Vec<(f64, f64)>, RGBColor),
    /// A line at one height, dashed, from side to side.
    Level(f64, RGBColor),
    /// What lies between two lines: places with lower and upper ends.
    Band(Vec<(f64, f64, f64)>, RGBColor),
    /// Dots of a radius.
    Dots(Vec<(f64, f64)>, i32, RGBColor),
    /// Rectangles, with corners `(x, y)` and `(x, y)`.
    Bars(Vec<[(f64, f64); 2]>, RGBColor),
    /// Spans of x, from top to bottom, behind all else.
    Spans(Vec<(f64, f64)>, RGBColor),
    /// Rectangles in shades from the paper's colour, 0, to a full one, 1.
    Tiles(Vec<([(f64, f64); 2], f64)>, RGBColor),
    /// Words that begin at a place.
    Words(Vec<((f64, f64), String)>),
}

/// A panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// Words below the axes; numbers without words where empty.
    pub x: String,
    /// Ends of the axes; by the marks where left out.
    pub x_range: Option<Range<f64>>,
    /// The same of y.
    pub y_range: Option<Range<f64>>,
    /// Whether x is a number of rows, of which parts are none.
    pub whole: bool,
    /// Whether numbers stand at the axes.
    pub numbers: bool,
    /// Whether they stand at the axis of y too.
    pub heights: bool,
    /// Whether they stand at the axis of x too.
    pub across: bool,
    /// Pixels.
    pub height: u32,
    /// What is drawn, the first behind all others; with a name it stands in the legend.
    pub marks: Vec<(Mark, Option<String>)>,
}

impl Panel {
    /// An empty panel.
    pub fn new(title: impl Into<String>, x: impl Into<String>, height: u32) -> Self {
        Self {
            title: title.into(),
            x: x.into(),
            x_range: None,
            y_range: None,
            whole: false,
            numbers: true,
            heights: true,
            across: true,
            height,
            marks: Vec::new(),
        }
    }

    /// The same with one mark more.
    pub fn with(mut self, mark: Mark) -> Self {
        self.marks.push((mark, None));
        self
    }

    /// The same with one mark more, which the legend names.
    pub fn named(mut self, mark: Mark, name: impl Into<String>) -> Self {
        self.marks.push((mark, Some(name.into())));
        self
    }

    /// The same with these ends of x.
    pub fn over(mut self, x_range: Range<f64>) -> Self {
        self.x_range = Some(x_range);
        self
    }

    /// The same with these ends of y.
    pub fn within(mut self, y_range: Range<f64>) -> Self {
        self.y_range = Some(y_range);
        self
    }

    /// The same, where x counts rows.
    pub fn of_rows(mut self) -> Self {
        self.whole = true;
        self
    }

    /// The same without numbers at the axes.
    pub fn bare(mut self) -> Self {
        self.numbers = false;
        self
    }

    /// The same without numbers at the axis of x, which another panel below has.
    pub fn without_places(mut self) -> Self {
        self.across = false;
        self
    }

    /// The same without numbers at the axis of y.
    pub fn without_heights(mut self) -> Self {
        self.heights = false;
        self
    }

    /// Draws the panel; an error is the drawing library's.
    pub fn draw(&self, area: &Area<'_>) -> Drawn {
        let (width, _) = area.dim_in_pixel();
        let heading = (SANS, 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
        let left = if self.numbers { LEFT } else { 10 };
        area.draw(&Text::new(self.title.clone(), (left, 6), heading))?;
        let title_ends = left + (LETTER * 1.1 * self.title.chars().count() as f64) as i32;
        // Where they do not fit on one line, the legend goes below the title.
        let lower = if self.legend_begins(width) < title_ends + 12 { 17 } else { 0 };
        self.draw_legend(area, width, lower)?;
        let xs = self.x_range.clone().unwrap_or_else(|| range(self.points().map(|(x, _)| x)));
        let ys = self.y_range.clone().unwrap_or_else(|| range(self.points().map(|(_, y)| y)));
        let words = if self.x.is_empty() { 0 } else { WORDS };
        let numbers = if self.numbers && self.across { NUMBERS } else { 6 };
        let below = numbers + words;
        let mut builder = ChartBuilder::on(area);
        builder.margin_top(TOP + lower).margin_left(left).margin_right(RIGHT).margin_bottom(below);
        let mut chart = builder.build_cartesian_2d(xs.clone(), ys.clone())?;
        if self.numbers {
            self.draw_axes(area, &chart, &xs, &ys)?;
        }
        if !self.x.is_empty() {
            let (across, _) = chart.plotting_area().get_pixel_range();
            let (_, height) = area.dim_in_pixel();
            let font = (SANS, 12).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Bottom));
            let base = area.get_base_pixel().0;
            let middle = (across.start + across.end) / 2 - base;
            area.draw(&Text::new(self.x.clone(), (middle, height as i32 - 3), font))?;
        }
        self.marks.iter().try_for_each(|(mark, _)| draw_mark(&mut chart, mark, (&xs, &ys)))
    }

    /// All points of the marks that decide on the ends of the axes.
    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.marks.iter().flat_map(|(mark, _)| match mark {
            Mark::Line(points, _) | Mark::Dots(points, ..) => points.clone(),
            Mark::Level(y, _) => vec![(f64::NAN, *y)],
            Mark::Band(ends, _) => {
                ends.iter().flat_map(|(x, low, high)| [(*x, *low), (*x, *high)]).collect()
            }
            Mark::Bars(bars, _) => bars.iter().flatten().copied().collect(),
            Mark::Tiles(tiles, _) => tiles.iter().flat_map(|(corners, _)| *corners).collect(),
            Mark::Spans(..) => Vec::new(),
            Mark::Words(words) => words.iter().map(|(place, _)| *place).collect(),
        })
    }

    /// Draws lines of the grid with their numbers: at most one for each 90 pixels across and 18 down.
    fn draw_axes(
        &self,
        area: &Area<'_>,
        chart: &Chart<'_, '_>,
        xs: &Range<f64>,
        ys: &Range<f64>,
    ) -> Drawn {
        let plot = chart.plotting_area();
        let (base_x, base_y) = area.get_base_pixel();
        let (across, down) = plot.get_pixel_range();
        let counts = [(across.end - across.start) / 90, (down.end - down.start) / 18];
        let [mut x_step, y_step] =
            [step(xs, counts[0].max(2) as usize), step(ys, counts[1].clamp(3, 8) as usize)];
        if self.whole {
            x_step = x_step.max(1.0);
        }
        let font = |h, v| (SANS, 11).into_font().color(&INK).pos(Pos::new(h, v));
        for y in ticks(ys, y_step).into_iter().filter(|_| self.heights) {
            plot.draw(&PathElement::new(vec![(xs.start, y), (xs.end, y)], FAINT))?;
            let (_, at) = plot.map_coordinate(&(xs.start, y));
            let place = (across.start - base_x - 6, at - base_y);
            area.draw(&Text::new(number(y, y_step), place, font(HPos::Right, VPos::Center)))?;
        }
        for x in ticks(xs, x_step) {
            plot.draw(&PathElement::new(vec![(x, ys.start), (x, ys.end)], FAINT))?;
            if !self.across {
                continue;
            }
            let (at, _) = plot.map_coordinate(&(x, ys.start));
            let place = (at - base_x, down.end - base_y + 4);
            area.draw(&Text::new(number(x, x_step), place, font(HPos::Center, VPos::Top)))?;
        }
        Ok(())
    }

    /// The names of the marks with their colours and the pixels where they begin, from right to left.
    fn legend(&self, width: u32) -> Vec<(&str, RGBAColor, i32)> {
        let mut right = width as i32 - RIGHT;
        let mut all = Vec::new();
        for (mark, name) in self.marks.iter().rev() {
            let Some((name, color)) = name.as_ref().zip(mark.color()) else { continue };
            let left = right - (LETTER * name.chars().count() as f64) as i32;
            all.push((&name[..], color, left));
            right = left - 30;
        }
        all
    }

    /// The pixel where the legend begins; the last one without a legend.
    fn legend_begins(&self, width: u32) -> i32 {
        self.legend(width).last().map_or(width as i32, |(_, _, left)| left - 16)
    }

    /// Draws the legend, each name behind a square of its colour, above the axes; `lower` by so many pixels than the title.
    fn draw_legend(&self, area: &Area<'_>, width: u32, lower: i32) -> Drawn {
        let font = (SANS, 12).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
        for (name, color, left) in self.legend(width) {
            area.draw(&Text::new(name.to_string(), (left, 7 + lower), font.clone()))?;
            let corners = [(left - 16, 8 + lower), (left - 5, 18 + lower)];
            area.draw(&Rectangle::new(corners, color.filled()))?;
        }
        Ok(())
    }
}

impl Mark {
    /// The colour in the legend; `None` of words.
    fn color(&self) -> Option<RGBAColor> {
        match self {
            Self::Line(_, color) | Self::Level(_, color) | Self::Dots(_, _, color) => {
                Some(color.mix(1.0))
            }
            Self::Band(_, color) | Self::Spans(_, color) => Some(color.mix(0.35)),
            Self::Bars(_, color) | Self::Tiles(_, color) => Some(color.mix(0.8)),
            Self::Words(_) => None,
        }
    }
}

/// Draws a mark in a chart with these ends; what is not finite is left out, and divides a line.
fn draw_mark(chart: &mut Chart<'_, '_>, mark: &Mark, ends: (&Range<f64>, &Range<f64>)) -> Drawn {
    let (xs, ys) = ends;
    match mark {
        Mark::Line(points, color) => {
            let parts = points.split(|(x, y)| !(x.is_finite() && y.is_finite()));
            for part in parts.filter(|part| !part.is_empty()) {
                chart.draw_series([PathElement::new(part.to_vec(), color.stroke_width(1))])?;
                if let [only] = part {
                    chart.draw_series([Circle::new(*only, 3, color.filled())])?;
                }
            }
        }
        Mark::Level(y, color) => {
            let line = [(xs.start, *y), (xs.end, *y)];
            chart.draw_series(DashedLineSeries::new(line, 6, 5, color.stroke_width(1)))?;
        }
        Mark::Band(ends, color) => {
            let upper = ends.iter().map(|(x, _, high)| (*x, *high));
            let lower = ends.iter().rev().map(|(x, low, _)| (*x, *low));
            let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(outline, color.mix(0.35))])?;
            if let [(x, low, high)] = ends[..] {
                let line = vec![(x, low), (x, high)];
                chart.draw_series([PathElement::new(line, color.mix(0.5).stroke_width(3))])?;
            }
        }
        Mark::Dots(points, radius, color) => {
            let finite = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            chart
                .draw_series(finite.map(|at| Circle::new(*at, *radius, color.mix(0.8).filled())))?;
        }
        Mark::Bars(bars, color) => {
            chart
                .draw_series(bars.iter().map(|at| Rectangle::new(*at, color.mix(0.8).filled())))?;
        }
        Mark::Spans(spans, color) => {
            let corners = spans.iter().map(|(from, to)| [(*from, ys.start), (*to, ys.end)]);
            chart.draw_series(corners.map(|at| Rectangle::new(at, color.mix(0.18).filled())))?;
        }
        Mark::Tiles(tiles, color) => {
            let tiles = tiles.iter();
            chart.draw_series(
                tiles.map(|(at, shade)| Rectangle::new(*at, color.mix(*shade).filled())),
            )?;
        }
        Mark::Words(words) => {
            let font = (SANS, 12).into_font().color(&INK);
            let words = words.iter();
            chart
                .draw_series(words.map(|(at, text)| Text::new(text.clone(), *at, font.clone())))?;
        }
    }
    Ok(())
}
