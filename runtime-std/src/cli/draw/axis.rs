//! Ranges of axes, and the numbers at them.

use std::ops::Range;

/// From the least to the greatest finite value, with a twentieth of room on either side; around a single value, and
/// around 0 without one.
pub fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let finite = values.filter(|value| value.is_finite());
    let ends = finite.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let (low, high) = ends.unwrap_or((-1.0, 1.0));
    let room = match high - low {
        0.0 => (0.1 * low.abs()).max(0.5),
        span => 0.05 * span,
    };
    low - room..high + room
}

/// The distance of `count` marks or fewer in a range: 1, 2 or 5 times a power of ten.
pub fn step(range: &Range<f64>, count: usize) -> f64 {
    let rough = (range.end - range.start) / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = factors.into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9));
    fits.unwrap_or(10.0) * power
}

/// The multiples of `step` in a range, at most a hundred.
pub fn ticks(range: &Range<f64>, step: f64) -> Vec<f64> {
    let first = (range.start / step).ceil();
    let marks = (0..100).map(|at| (first + f64::from(at)) * step);
    marks.take_while(|mark| *mark <= range.end + 1e-9 * step).collect()
}

/// A number with as many decimals as marks at distance `step` need.
pub fn number(value: f64, step: f64) -> String {
    let decimals = (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    let is_zero = text.trim_start_matches('-').chars().all(|digit| matches!(digit, '0' | '.'));
    if is_zero { text.trim_start_matches('-').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lie_at_round_numbers() {
        for (range, count, expected) in [
            (0.0..10.0, 5, 2.0),
            (0.0..1.0, 4, 0.5),
            (-3.2..4.1, 3, 5.0),
            (0.0..0.003, 3, 0.001),
            (1e4..1e5, 6, 2e4),
        ] {
            let found = step(&range, count);
            assert!((found - expected).abs() < 1e-9 * expected, "{range:?}: {found}");
            assert!(ticks(&range, found).len() <= count + 1, "{range:?}");
        }
        assert_eq!(ticks(&(-0.25..0.55), 0.2).len(), 4);
        let texts: Vec<String> =
            ticks(&(-0.25..0.55), 0.2).into_iter().map(|value| number(value, 0.2)).collect();
        assert_eq!(texts, ["-0.2", "0.0", "0.2", "0.4"]);
    }

    #[test]
    fn a_range_is_never_empty() {
        for values in [&[][..], &[3.0], &[f64::NAN], &[0.0, 0.0], &[1.0, 2.0]] {
            let range = range(values.iter().copied());
            assert!(range.start < range.end, "{values:?}");
        }
    }
}
