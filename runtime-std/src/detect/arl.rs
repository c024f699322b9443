//! Mean run length of a cumulative sum of surprise, for p-values that are uniform and independent.
//!
//! With `g = max(0, g + e - k)`, `e = -ln p` and an alarm where `g > h`, `e` is exponential. The mean number of
//! steps to an alarm from `g = x` satisfies `L(x) = 1 + L(0) P(e <= k - x) + int_0^h L(y) f(y - x + k) dy` (Page,
//! 1954). Its derivative is `L'(x) = L(x) - 1 - L(max(0, x - k))`, so that `D(x) = L(0) - L(x)` satisfies
//! `D' = D - D(x - k) + 1` and does not depend on `L(0)`, which follows from the equation at `x = 0`:
//!
//! ```text
//! L(0) = exp(h) (exp(k) - int_0^h D(y) exp(-y) dy)
//! int_0^h D(y) exp(-y) dy = sum_j (-exp(-k))^j J_{j+2}(h - j k),  j k < h
//! ```
//!
//! where `J_m` is the m-fold integral of `exp(-t)` from 0: `J_0 = exp(-t)`, `J_m = t^(m-1) / (m-1)! - J_{m-1}`.

/// Largest run length that the closed form is used for: rounding errors are below a millionth of it.
pub const MOST: f64 = 1e9;

/// What is taken from the sum at each window, `-ln(kappa) / (1 - kappa)`, for `kappa` in (0, 1).
pub fn drift(kappa: f64) -> f64 {
    -kappa.ln() / (1.0 - kappa)
}

/// Mean number of windows to an alarm from a sum of 0, with drift `k` and threshold `h`.
pub fn mean_run(k: f64, h: f64) -> f64 {
    let (mut sum, mut factor) = (0.0, 1.0);
    let mut rest = h;
    let mut order = 2;
    while rest > 0.0 {
        sum += factor * repeated_integral(order, rest);
        factor *= -(-k).exp();
        rest -= k;
        order += 1;
    }
    h.exp() * (k.exp() - sum)
}

/// The `order`-fold integral of `exp(-t)` from 0 to `t`. Where `t` is small its series is used: the recursion would
/// cancel.
fn repeated_integral(order: i32, t: f64) -> f64 {
    let mut power = 1.0; // t^i / i!
    if t < f64::from(order) {
        (1..=order).for_each(|i| power *= t / f64::from(i));
        let (mut sum, mut i) = (power, order);
        while power.abs() > f64::EPSILON * sum.abs() {
            i += 1;
            power *= -t / f64::from(i);
            sum += power;
        }
        return sum;
    }
    let mut integral = (-t).exp();
    for i in 0..order {
        integral = power - integral;
        power *= t / f64::from(i + 1);
    }
    integral
}

/// The threshold with a mean of `arl` windows between two alarms; 0 where an alarm at every excess above 0 is rarer,
/// and that of [`MOST`] above it.
pub fn threshold(kappa: f64, arl: f64) -> f64 {
    let k = drift(kappa);
    let (mut low, mut high) = (0.0, guaranteed(kappa, arl.min(MOST)));
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if mean_run(k, middle) < arl { low = middle } else { high = middle }
    }
    high
}

/// A threshold with at least `arl` windows between two alarms for any p-values that are valid given the past:
/// `ln(arl) / (1 - kappa)` (Shin et al., 2023); about ten times as many where they are independent.
pub fn guaranteed(kappa: f64, arl: f64) -> f64 {
    arl.ln() / (1.0 - kappa)
}
