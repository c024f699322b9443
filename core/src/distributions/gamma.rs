//! The remainder of Stirling's approximation: `ln Gamma(x) - ((x - 1/2) ln x - x + ln(2 pi) / 2)`.
//!
//! Differences of `ln Gamma` cancel in f32 as soon as their arguments are large. Written with this rest
//! the large parts cancel on paper, and what remains is small.

use crate::math::log1p;

/// From here on the series below has converged; smaller arguments are raised by the recurrence.
const RAISED: f32 = 4.0;

/// Remainder of Stirling's formula, `S(z) = ln Gamma(z + 1) - (z + 1/2) ln z + z - ln(2 pi) / 2`, for
/// `z > 0`. Infinity at 0, 0 at infinity, NaN for NaN; meaningless below 0.
///
/// `S(z) = S(z + 1) + (z + 1/2) ln(1 + 1/z) - 1` up to 4, then `1/12z - 1/360z^3 + 1/1260z^5 - 1/1680z^7`
/// (Stirling's series; Abramowitz and Stegun, 1964, 6.1.41). Error at most `4e-7 max(1, S)`.
#[inline]
pub(super) fn stirling(z: f32) -> f32 {
    let (mut z, mut below) = (z, 0.0);
    for _ in 0..RAISED as u32 {
        if z < RAISED {
            below += (z + 0.5) * log1p(1.0 / z) - 1.0;
            z += 1.0;
        }
    }
    let r = 1.0 / z;
    let r2 = r * r;
    below + r * (1.0 / 12.0 - r2 * (1.0 / 360.0 - r2 * (1.0 / 1260.0 - r2 * (1.0 / 1680.0))))
}

/// Derivative `S'(z)` of [`stirling`] for `z > 0`, by the derivatives of its recurrence (up to 4) and series.
/// 0 at infinity, NaN at 0 and for NaN, meaningless below 0; error at most `2e-5 max(1e-3, |S'|)`.
#[inline]
pub(super) fn stirling_slope(z: f32) -> f32 {
    let (mut z, mut below) = (z, 0.0);
    for _ in 0..RAISED as u32 {
        if z < RAISED {
            below += log1p(1.0 / z) - (z + 0.5) / (z * (z + 1.0));
            z += 1.0;
        }
    }
    let r = 1.0 / z;
    let r2 = r * r;
    below - r2 * (1.0 / 12.0 - r2 * (1.0 / 120.0 - r2 * (1.0 / 252.0 - r2 * (1.0 / 240.0))))
}

/// `d - ln(1 + d)`, which is at least 0, for `d >= -1`; infinity at infinity, NaN for NaN.
///
/// Where `d` is below -0.75, so that `1 + d` has lost digits, the logarithm is `log()`, which has to be
/// `ln(1 + d)`; for any other `d`, `log` is not called. For `|d| < 1/4`, where the difference cancels, it is
/// `d s - 2 (s^3 / 3 + s^5 / 5 + ..)` with `s = d / (2 + d)`. Relative error at most 2e-6 of a `d` that is
/// exact.
#[inline]
pub(super) fn log_excess(d: f32, log: impl FnOnce() -> f32) -> f32 {
    if d == f32::INFINITY {
        return d;
    }
    if d < -0.75 {
        return d - log();
    }
    if d.abs() >= 0.25 {
        return d - log1p(d);
    }
    let s = d / (2.0 + d);
    let s2 = s * s;
    let tail = 1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 * (1.0 / 9.0 + s2 / 11.0)));
    d * s - 2.0 * s * s2 * tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stirling_f64(z: f64) -> f64 {
        let half_ln_2_pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
        libm::lgamma(z + 1.0) - (z + 0.5) * z.ln() + z - half_ln_2_pi
    }

    #[test]
    fn the_rest_of_stirlings_formula_is_that_of_ln_gamma() {
        for step in 0..4000 {
            let z = 10f32.powf(-12.0 + step as f32 * 4e-3); // up to 1e4, where f64 still shows it
            let (value, truth) = (stirling(z), stirling_f64(f64::from(z)));
            let error = (f64::from(value) - truth).abs() / truth.max(1.0);
            assert!(error <= 4e-7, "S({z:e}) is {value:e}, not {truth:e}");
            let step = f64::from(z) * 1e-4;
            let [high, low] = [step, -step].map(|step| stirling_f64(f64::from(z) + step));
            let slope = (high - low) / (2.0 * step);
            let size = slope.abs().max(1e-3);
            assert!((f64::from(stirling_slope(z)) - slope).abs() <= 2e-5 * size, "S'({z:e})");
        }
    }

    #[test]
    fn what_a_logarithm_lacks_keeps_its_digits() {
        for step in 0..4000 {
            let size = 10f64.powf(-6.0 + f64::from(step) * 2e-3); // up to 100
            for d in [size, -size].into_iter().filter(|d| *d > -0.999) {
                let d = d as f32;
                let exact = f64::from(d);
                let truth = if d.abs() < 1e-2 {
                    (2..12).map(|n| (-exact).powi(n) / f64::from(n)).sum()
                } else {
                    exact - exact.ln_1p()
                };
                let value = log_excess(d, || log1p(d));
                let error = (f64::from(value) - truth).abs() / truth;
                assert!(error <= 2e-6, "{d:e}: {value:e}, not {truth:e}");
            }
        }
        assert_eq!(log_excess(f32::INFINITY, || 0.0), f32::INFINITY);
        assert_eq!(log_excess(-1.0, || f32::NEG_INFINITY), f32::INFINITY);
        assert_eq!(log_excess(0.0, || f32::NAN), 0.0);
    }
}
