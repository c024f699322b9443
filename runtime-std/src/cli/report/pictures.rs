//! The pictures of the page. Each is `None` where the model or the rows have nothing to show.

use super::Findings;
use crate::cli::draw::series::{self, Belief};
use crate::cli::draw::{
    self, BLUE, Failure, GREEN, GREY, INK, LINES, Mark, ORANGE, Panel, VERMILION, WIDTH,
};
use crate::cli::score::Evaluated;
use elbow::gap::{expected, principal_scores};
use elbow::infer::TwinLikelihood;
use elbow::manifest::{Layout, Score, Window};
use std::ops::Range;

type MaybeSvg = Result<Option<String>, Failure>;

/// Latents that are shown, the first.
const LATENTS: usize = 8;
/// Steps of a walk, from -2 to 2.
const WALK: usize = 7;
/// Rows of the scatter, spread over all; their products are decomposed.
const SCATTERED: usize = 300;
/// Rows that are shown with their reconstruction, and channels of each.
const WORST: usize = 3;
const CHANNELS: usize = 3;

/// From the first to the last place; around a single one.
fn over(places: &[f64]) -> Range<f64> {
    match (places.first(), places.last()) {
        (Some(first), Some(last)) if first < last => *first..*last,
        (Some(only), _) => only - 0.5..only + 0.5,
        _ => 0.0..1.0,
    }
}

/// Mean and band of each latent along the rows.
pub fn posterior(found: &Findings) -> MaybeSvg {
    let (places, unit) = found.places();
    let over = over(&places);
    let mut panels = Vec::new();
    let latents = found.posteriors.iter().flat_map(|own| (0..own.latent).map(move |at| (own, at)));
    for (number, (posteriors, at)) in latents.enumerate().take(LATENTS) {
        let belief = |(row, place): (usize, &f64)| {
            let (loc, log_var) = posteriors.row(row);
            Belief::new(*place, loc[at], log_var[at])
        };
        let beliefs: Vec<Belief> = places.iter().enumerate().map(belief).collect();
        panels.extend(series::latent(number, &sparse(beliefs), &over));
    }
    series::foot(&mut panels, unit);
    Ok(if panels.is_empty() { None } else { Some(draw::stacked(&panels)?) })
}

/// At most a thousand of the beliefs, spread over all.
fn sparse(beliefs: Vec<Belief>) -> Vec<Belief> {
    let every = beliefs.len().div_ceil(1000).max(1);
    beliefs.into_iter().step_by(every).collect()
}

/// What the decoder expects along each latent: images for square observations without a window, else lines.
pub fn walk(found: &Findings) -> MaybeSvg {
    let Some((decoder, x)) = found.decoder() else { return Ok(None) };
    let mut likelihood = TwinLikelihood::new(decoder, x, &found.batch)?;
    let latent = decoder.latent();
    let window = found.loaded.model.window.as_ref();
    let mut decoded = |number: usize, step: usize| -> Result<Vec<f64>, Failure> {
        let mut z = vec![0.0; latent];
        z[number] = walked(step) as f32;
        let outputs = likelihood.decode(&z).map_err(|error| error.to_string())?;
        Ok(expected(&decoder.likelihood, outputs))
    };
    let mut all = Vec::new();
    for number in 0..latent.min(LATENTS) {
        all.push((0..WALK).map(|step| decoded(number, step)).collect::<Result<Vec<_>, _>>()?);
    }
    let values = all.first().and_then(|first| first.first()).map_or(0, Vec::len);
    if let (None, Some(side)) = (window, side(values)) {
        return tiles(&all, side).map(Some);
    }
    let panels: Vec<Panel> =
        all.iter().enumerate().map(|(number, steps)| walked_lines(number, steps, window)).collect();
    let half = panels.len().div_ceil(2);
    let columns: Vec<Vec<&Panel>> =
        panels.chunks(half.max(1)).map(|part| part.iter().collect()).collect();
    Ok(if columns.is_empty() { None } else { Some(draw::grid(&columns, WIDTH)?) })
}

/// The value of the latent at a step of a walk.
fn walked(step: usize) -> f64 {
    -2.0 + 4.0 * step as f64 / (WALK - 1) as f64
}

/// The side of a square image of so many values; `None` where they are no square of 4 or more.
fn side(values: usize) -> Option<usize> {
    let side = values.isqrt();
    (side >= 4 && side * side == values).then_some(side)
}

/// Images in a row for each latent.
fn tiles(all: &[Vec<Vec<f64>>], side: usize) -> Result<String, Failure> {
    let values = || all.iter().flatten().flatten().copied();
    let (low, high) = values().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let images = all.iter().enumerate().flat_map(|(number, steps)| {
        let image = move |(step, values): (usize, &Vec<f64>)| {
            let left = (step * (side + 1)) as f64;
            let top = -((number * (side + 1)) as f64);
            image(values, side, (left, top), (low, high))
        };
        steps.iter().enumerate().flat_map(image).collect::<Vec<_>>()
    });
    let (width, height) = ((WALK * (side + 1)) as f64, (all.len() * (side + 1)) as f64);
    let names = (0..all.len()).map(|number| {
        let middle = -((number * (side + 1)) as f64) - 0.5 * side as f64;
        ((-0.2 * width, middle), format!("z[{number}]"))
    });
    let ends = (0..WALK).map(|step| {
        (
            ((step * (side + 1)) as f64 + 0.3 * side as f64, 0.35 * side as f64),
            format!("{:.1}", walked(step)),
        )
    });
    let panel = Panel::new("From -2 to 2 along each latent", "", (90 * all.len() + 60) as u32);
    let panel = panel.over(-0.22 * width..width).within(-height..0.5 * side as f64).bare();
    let panel = panel.with(Mark::Tiles(images.collect(), INK));
    draw::grid(&[vec![&panel.with(Mark::Words(names.chain(ends).collect()))]], 760)
}

/// The rectangles of an image whose upper left corner lies at `at`, in shades by the range of values.
fn image(
    values: &[f64],
    side: usize,
    at: (f64, f64),
    range: (f64, f64),
) -> Vec<([(f64, f64); 2], f64)> {
    let (low, high) = range;
    let span = (high - low).max(1e-12);
    let tile = |(index, value): (usize, &f64)| {
        let (x, y) = (at.0 + (index % side) as f64, at.1 - (index / side) as f64);
        ([(x, y), (x + 1.0, y - 1.0)], ((value - low) / span).clamp(0.0, 1.0))
    };
    values.iter().enumerate().map(tile).collect()
}

/// Lines of a walk along a latent: with a window of several readings its channel that changes most, in raw units; else
/// all values.
fn walked_lines(number: usize, steps: &[Vec<f64>], window: Option<&Window>) -> Panel {
    let window = window.filter(|window| window.length > 1);
    let spread = |values: &dyn Fn(&Vec<f64>) -> Vec<f64>| -> f64 {
        let [first, last] =
            [steps.first(), steps.last()].map(|own| own.map(values).unwrap_or_default());
        first.iter().zip(&last).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let channel = window.and_then(|window| {
        let of = |channel| spread(&|values| of_channel(window, values, channel, false));
        (0..window.channels).max_by(|a, b| of(*a).total_cmp(&of(*b)))
    });
    let (title, x) = match channel {
        Some(channel) => (format!("z[{number}]: channel {channel}"), "reading of the window"),
        None => (format!("z[{number}]"), "value of the observation"),
    };
    let mut panel = Panel::new(title, x, 190).of_rows();
    for (step, values) in steps.iter().enumerate() {
        let values = match window.zip(channel) {
            Some((window, channel)) => of_channel(window, values, channel, true),
            None => values.clone(),
        };
        let line = values.into_iter().enumerate().map(|(at, value)| (at as f64, value)).collect();
        let (color, name) = match step {
            0 => (BLUE, Some("-2")),
            3 => (INK, Some("0")),
            6 => (VERMILION, Some("2")),
            1 | 2 => (draw::SKY, None),
            _ => (ORANGE, None),
        };
        panel.marks.push((Mark::Line(line, color), name.map(String::from)));
    }
    panel
}

/// The values of one channel of a window, in raw units where asked for.
fn of_channel(window: &Window, values: &[f64], channel: usize, raw: bool) -> Vec<f64> {
    let Window { channels, length, .. } = *window;
    let at = |time| match window.layout() {
        Layout::ChannelsFirst => channel * length + time,
        Layout::TimeFirst => time * channels + channel,
    };
    let [std, mean] = [&window.std, &window.mean].map(|of| f64::from(of[channel]));
    let value = |time| {
        let value = values.get(at(time)).copied().unwrap_or(f64::NAN);
        if raw { value * std + mean } else { value }
    };
    (0..length).map(value).collect()
}

/// The means of the two latents that differ most, and the principal components of the same rows; rows that are labelled or
/// flagged in another colour.
pub fn scatter(found: &Findings) -> MaybeSvg {
    let Some((_, x)) = found.decoder() else { return Ok(None) };
    let q = &found.posteriors[0];
    if q.latent < 2 || found.batch.len < 3 {
        return Ok(None);
    }
    let every = found.batch.len.div_ceil(SCATTERED);
    let rows: Vec<usize> = (0..found.batch.len).step_by(every).collect();
    let mut order: Vec<usize> = (0..q.latent).collect();
    let variance = |at: usize| {
        let means = rows.iter().map(|row| f64::from(q.row(*row).0[at]));
        let mean = means.clone().sum::<f64>() / rows.len() as f64;
        means.map(|own| (own - mean).powi(2)).sum::<f64>()
    };
    order.sort_by(|a, b| variance(*b).total_cmp(&variance(*a)));
    let means = |row: usize| (f64::from(q.row(row).0[order[0]]), f64::from(q.row(row).0[order[1]]));
    let values: Vec<f32> = rows.iter().flat_map(|row| x.row(*row).iter().copied()).collect();
    let components = principal_scores(&values, values.len() / rows.len(), 2);
    let marked = marked(found);
    let dots = |at: &dyn Fn(usize) -> (f64, f64), wanted: bool| -> Vec<(f64, f64)> {
        let own = (0..rows.len())
            .filter(|number| marked.as_ref().is_some_and(|m| m[rows[*number]]) == wanted);
        own.map(at).collect()
    };
    let panel = |title: String, x: String, at: &dyn Fn(usize) -> (f64, f64)| {
        let panel = Panel::new(title, x, 420).named(Mark::Dots(dots(at, false), 2, BLUE), "row");
        match &marked {
            Some(_) => panel.named(Mark::Dots(dots(at, true), 3, VERMILION), "anomalous"),
            None => panel,
        }
    };
    let latent = panel(
        format!("Posterior means, z[{}] upwards", order[1]),
        format!("z[{}]", order[0]),
        &|number| means(rows[number]),
    );
    let own = |number: usize| {
        let own = &components[number];
        (own.first().copied().unwrap_or(f64::NAN), own.get(1).copied().unwrap_or(f64::NAN))
    };
    let principal =
        panel("Principal components, the second upwards".into(), "first component".into(), &own);
    draw::grid(&[vec![&latent], vec![&principal]], WIDTH).map(Some)
}

/// Whether each row is anomalous: by its label, else by what decides; `None` where neither is known, or windows were left
/// out.
fn marked(found: &Findings) -> Option<Vec<bool>> {
    let (_, own) = found.scored.as_ref().ok()?;
    let marked = own.table.labels().map(<[bool]>::to_vec).or_else(|| own.table.anomalies())?;
    Some(marked).filter(|marked| marked.len() == found.batch.len)
}

/// Scores along the rows, and the sum of the alarm below them; in a recording the readings above, with anomalous spans
/// shaded.
pub fn scores(found: &Findings, score: &Score, own: &Evaluated) -> Result<String, Failure> {
    let rows = own.table.rows();
    let recorded = own.recorded.as_ref();
    let (rate, unit) = found.unit();
    let (places, unit) = match recorded {
        Some(recorded) => (found.ends(recorded), unit),
        None => ((0..rows.len()).map(|row| row as f64).collect(), "row"),
    };
    let anomalies = own.table.anomalies().unwrap_or_else(|| vec![false; rows.len()]);
    let points: Vec<(f64, f64, bool)> = places
        .iter()
        .zip(rows)
        .zip(&anomalies)
        .map(|((place, row), flagged)| (*place, f64::from(row.score), *flagged))
        .collect();
    let length = recorded.map_or(1.0, |own| own.length as f64 / rate);
    let flagged = points.iter().filter(|(.., flagged)| *flagged);
    let spans = series::spans(flagged.map(|(place, ..)| (place - length, *place)));
    let all = match recorded {
        Some(own) => {
            0.0..(own.recording.values.len() / own.recording.channels.max(1)) as f64 / rate
        }
        None => over(&places),
    };
    let mut panels = Vec::new();
    if let Some(recorded) = recorded {
        panels.push(recording(&recorded.recording, rate, &spans).over(all.clone()));
    }
    let threshold = own.table.anomalies().and(score.threshold).map(f64::from);
    let mut along = series::score("Score", &points, threshold).over(all.clone());
    along.marks.insert(0, (Mark::Spans(spans, VERMILION), None));
    panels.push(along);
    panels.extend(alarm(own, &places).map(|panel| panel.over(all)));
    series::foot(&mut panels, unit);
    draw::stacked(&panels)
}

/// The sum of the alarm along the rows, with a dot where it was raised; `None` without one.
fn alarm(own: &Evaluated, places: &[f64]) -> Option<Panel> {
    let sequence = own.table.sequence()?;
    let sums = places
        .iter()
        .enumerate()
        .filter_map(|(row, place)| Some((*place, f64::from(sequence.cusum(row)?))));
    let raised = places.iter().zip(sequence.raised()).filter(|(_, raised)| **raised);
    let raised: Vec<(f64, f64)> = raised.map(|(place, _)| (*place, 0.0)).collect();
    let panel = Panel::new("Sum of the alarm (nats), which an alarm sets to 0", "", 140);
    let panel = panel.named(Mark::Line(series::thinned(sums.collect()), BLUE), "sum");
    Some(panel.named(Mark::Dots(raised, 4, VERMILION), "alarm"))
}

/// The readings of a recording, each channel less its mean and over its deviation, one above the other.
fn recording(recording: &elbow::detect::Recording, rate: f64, spans: &[(f64, f64)]) -> Panel {
    let channels = recording.channels.max(1);
    let title = "Recording: each channel scaled to its own range, the first on top";
    let mut panel = Panel::new(title, "", (60 + 26 * channels.min(16)) as u32).without_heights();
    panel = panel.within(-(channels as f64)..0.0).with(Mark::Spans(spans.to_vec(), VERMILION));
    for channel in 0..channels {
        let values = recording.values.iter().skip(channel).step_by(channels);
        let finite = values.clone().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        let span = f64::from(high - low).max(1e-12);
        let point = |(at, value): (usize, &f32)| {
            let height = (f64::from(*value) - f64::from(low)) / span;
            (at as f64 / rate, 0.9 * height - channel as f64 - 0.95)
        };
        let line = series::thinned(values.enumerate().map(point).collect());
        panel = panel.with(Mark::Line(line, LINES[channel % LINES.len()]));
    }
    panel
}

/// Histogram of the p-values and their distribution beside the uniform one; of rows that no label calls anomalous.
pub fn p_values(own: &Evaluated) -> MaybeSvg {
    const BINS: usize = 20;
    let labels = own.table.labels();
    let rows = own.table.rows().iter().enumerate();
    let normal = rows.filter(|(row, _)| labels.is_none_or(|labels| !labels[*row]));
    let p: Option<Vec<f64>> =
        normal.map(|(_, row)| own.table.judge().p(row).map(f64::from)).collect();
    let Some(mut p) = p.filter(|p| !p.is_empty()) else { return Ok(None) };
    p.sort_by(f64::total_cmp);
    let count = p.len() as f64;
    let mut bins = [0usize; BINS];
    p.iter().for_each(|p| bins[((p * BINS as f64) as usize).min(BINS - 1)] += 1);
    let width = 1.0 / BINS as f64;
    let bar = |(at, rows): (usize, &usize)| {
        let left = at as f64 * width;
        [(left + 0.05 * width, 0.0), (left + 0.95 * width, *rows as f64)]
    };
    let bars = Panel::new("Rows by their p-value", "p-value", 300).over(0.0..1.0);
    let bars = bars
        .named(Mark::Bars(bins.iter().enumerate().map(bar).collect(), BLUE), "rows")
        .named(Mark::Level(count * width, INK), "uniform");
    let share = p.iter().enumerate().map(|(at, p)| (*p, (at + 1) as f64 / count));
    let share: Vec<(f64, f64)> =
        [(0.0, 0.0)].into_iter().chain(share).chain([(1.0, 1.0)]).collect();
    let shares = Panel::new("Share of the rows at or below a p-value", "p-value", 300);
    let shares = shares
        .over(0.0..1.0)
        .within(0.0..1.0)
        .named(Mark::Line(vec![(0.0, 0.0), (1.0, 1.0)], GREY), "uniform")
        .named(Mark::Line(series::thinned(share), BLUE), "rows");
    draw::grid(&[vec![&bars], vec![&shares]], WIDTH).map(Some)
}

/// The rows of the least scores beside what the decoder expects.
pub fn worst(found: &Findings, own: &Evaluated) -> MaybeSvg {
    let Some((decoder, _)) = found.decoder() else { return Ok(None) };
    let window = found.loaded.model.window.as_ref();
    let rows = own.table.rows();
    let mut order: Vec<usize> = (0..rows.len()).filter(|row| !rows[*row].score.is_nan()).collect();
    order.sort_by(|a, b| rows[*a].score.total_cmp(&rows[*b].score));
    let worst = &order[..order.len().min(WORST)];
    let posteriors = elbow::posterior::twin_posteriors(&found.loaded, &own.batch)?;
    let name = found.decoder().map(|(_, x)| x.name.clone()).unwrap_or_default();
    let x = own.batch.given(&name)?;
    let mut likelihood = TwinLikelihood::new(decoder, x, &own.batch)?;
    let mut columns: Vec<Vec<Panel>> = Vec::new();
    for row in worst {
        likelihood.at(*row);
        let (loc, _) = posteriors[0].row(*row);
        let outputs = likelihood.decode(loc).map_err(|error| error.to_string())?;
        let pair = [
            x.row(*row).iter().map(|x| f64::from(*x)).collect(),
            expected(&decoder.likelihood, outputs),
        ];
        let title = format!("Row {row}, score {:.2}", rows[*row].score);
        columns.push(match window.filter(|window| window.length > 1) {
            Some(window) => of_window(&title, window, &pair, &rows[*row].channels),
            None => vec![of_values(&title, &pair, window)],
        });
    }
    let columns: Vec<Vec<&Panel>> = columns.iter().map(|column| column.iter().collect()).collect();
    Ok(if columns.is_empty() { None } else { Some(draw::grid(&columns, WIDTH)?) })
}

/// The channels with the least likelihood of a window and its reconstruction, in raw units.
fn of_window(title: &str, window: &Window, pair: &[Vec<f64>; 2], channels: &[f32]) -> Vec<Panel> {
    let mut order: Vec<usize> = (0..window.channels).collect();
    let likelihood = |channel: &usize| channels.get(*channel).copied().unwrap_or(0.0);
    order.sort_by(|a, b| likelihood(a).total_cmp(&likelihood(b)));
    let panel = |(at, channel): (usize, &usize)| {
        let [observed, decoded] = [&pair[0], &pair[1]].map(|values| {
            let values = of_channel(window, values, *channel, true);
            values.into_iter().enumerate().map(|(at, value)| (at as f64, value)).collect::<Vec<_>>()
        });
        let unit = window.unit.as_ref().map_or(String::new(), |unit| format!(" ({unit})"));
        let title = match at {
            0 => format!("{title}: channel {channel}{unit}"),
            _ => format!("channel {channel}{unit}"),
        };
        let panel =
            Panel::new(title, if at + 1 == CHANNELS { "reading" } else { "" }, 150).of_rows();
        match at {
            0 => panel
                .named(Mark::Line(observed, INK), "observed")
                .named(Mark::Line(decoded, ORANGE), "expected"),
            _ => panel.with(Mark::Line(observed, INK)).with(Mark::Line(decoded, ORANGE)),
        }
    };
    order.iter().take(CHANNELS).enumerate().map(panel).collect()
}

/// All values of an observation and its reconstruction: images side by side, or dots; those of a window of one reading,
/// whose channels have scales of their own, in deviations from the mean.
fn of_values(title: &str, pair: &[Vec<f64>; 2], window: Option<&Window>) -> Panel {
    let [observed, decoded] = pair;
    if let (None, Some(side)) = (window, side(observed.len())) {
        let all = || observed.iter().chain(decoded).copied();
        let (low, high) = all().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        let gap = (side + 1) as f64;
        let mut tiles = image(observed, side, (0.0, 0.0), (low, high));
        tiles.extend(image(decoded, side, (gap, 0.0), (low, high)));
        let words = [((0.0, 0.14 * gap), "observed"), ((gap, 0.14 * gap), "expected")];
        let words = words.map(|(at, word)| (at, word.to_string())).to_vec();
        let panel = Panel::new(title, "", 250).over(0.0..2.0 * gap).within(-gap..0.2 * gap).bare();
        return panel.with(Mark::Tiles(tiles, INK)).with(Mark::Words(words));
    }
    let dots = |values: &[f64]| values.iter().enumerate().map(|(at, v)| (at as f64, *v)).collect();
    let x = if window.is_some() { "channel, in deviations from its mean" } else { "value" };
    let panel = Panel::new(title, x, 260).of_rows();
    panel
        .named(Mark::Dots(dots(observed), 4, INK), "observed")
        .named(Mark::Dots(dots(decoded), 4, ORANGE), "expected")
}

/// The statistic of the drift along a recording, with its threshold.
pub fn drift(found: &Findings) -> MaybeSvg {
    let Ok((_, own)) = &found.scored else { return Ok(None) };
    let calibration = own.table.judge().calibration();
    let threshold = calibration.and_then(|calibration| calibration.drift.as_ref());
    let Some((recorded, drift)) = own.recorded.as_ref().zip(threshold) else { return Ok(None) };
    let statistics = recorded.windows.iter().filter(|due| due.is_scored).map(|due| due.statistic);
    let points: Vec<(f64, f64)> =
        found.ends(recorded).into_iter().zip(statistics.map(f64::from)).collect();
    let (_, unit) = found.unit();
    let mut panel = Panel::new("Statistic of the drift", unit, 240);
    panel = panel.named(Mark::Line(series::thinned(points), GREEN), "statistic");
    panel = panel.named(Mark::Level(f64::from(drift.threshold), VERMILION), "threshold");
    panel.whole = unit == "reading";
    draw::stacked(&[panel]).map(Some)
}
