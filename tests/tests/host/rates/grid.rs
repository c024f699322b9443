//! Mean run lengths by the equation itself, on a grid: as the table of the specification was made, and without its
//! error by two grids.

/// An affine function of two unknowns, `L(0)` and the integral of `L(y) exp(-y)` over `[0, h]`.
type Affine = [f64; 3];

/// `value + factor * added`
fn plus(value: Affine, factor: f64, added: Affine) -> Affine {
    std::array::from_fn(|part| value[part] + factor * added[part])
}

/// The integral of `L(y) exp(-y)` over `[from, to]`, within the cell of this width that begins at `start`, where `L` is the
/// straight line between `ends`.
fn piece(start: f64, width: f64, [from, to]: [f64; 2], ends: [Affine; 2]) -> Affine {
    let all = (-from).exp() - (-to).exp();
    let upper = (from - start + 1.0) * (-from).exp() - (to - start + 1.0) * (-to).exp();
    let upper = upper / width;
    plus(plus([0.0; 3], all - upper, ends[0]), upper, ends[1])
}

/// Solves `L(x) = 1 + L(0) P(e <= k - x) + int_{max(0, x-k)}^h L(y) exp(-(y - x + k)) dy` for `L(0)`, with `L` a straight
/// line in each of `cells`, and the equation held at their ends. At x it reads `L` up to x - k and the integral over all,
/// so that one pass gives every value in the two unknowns.
pub fn mean_run(k: f64, h: f64, cells: usize) -> f64 {
    let width = h / cells as f64;
    let at = |index: usize| index as f64 * width;
    let mut values: Vec<Affine> = Vec::new();
    let mut integrals = vec![[0.0; 3]];
    for index in 0..=cells {
        let low = at(index) - k;
        let (below, stays) = if low <= 0.0 {
            ([0.0; 3], 1.0 - low.exp())
        } else {
            let cell = ((low / width + 1e-12).floor() as usize).min(index - 1);
            let ends = [values[cell], values[cell + 1]];
            let part = piece(at(cell), width, [at(cell), low], ends);
            (plus(integrals[cell], 1.0, part), 0.0)
        };
        let value = plus([1.0, stays, low.exp()], -low.exp(), below);
        if let Some(last) = values.last() {
            let from = at(index - 1);
            let part = piece(from, width, [from, at(index)], [*last, value]);
            integrals.push(plus(integrals[index - 1], 1.0, part));
        }
        values.push(value);
    }
    // Both unknowns are what their affine functions say.
    let ([a, b, c], [d, e, f]) = (values[0], integrals[cells]);
    let determinant = (1.0 - b) * (1.0 - f) - c * e;
    (a * (1.0 - f) + c * d) / determinant
}

/// The limit of finer and finer grids, by two of them: the error falls with the square of the width.
pub fn without_grid(k: f64, h: f64, cells: usize) -> f64 {
    let fine = mean_run(k, h, cells);
    fine + (fine - mean_run(k, h, cells / 2)) / 3.0
}
