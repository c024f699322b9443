//! How many inputs the paired kernel may sum before it separates two rows.

/// `B` is right while it is here: `256 * B` is an i32 then.
const LEAST: i64 = -(1 << 23);
/// See [`LEAST`].
const LARGEST: i64 = (1 << 23) - 1;

/// The most consecutive inputs, a multiple of `grain`, for which the paired form of the kernels is
/// exact: `inputs` themselves where all are. At least `grain`.
///
/// The form sums `S = sum (256 * b + a) * x = 256 * B + A` and `A = sum a * x` in wrapping i32, for
/// rows a, b, and recovers `B = (S - A) >> 8`. `S - A` is `256 * B` modulo 2^32 however both wrapped,
/// and so the shift gives `B` if and only if `256 * B` is an i32: `-2^23 <= B <= 2^23 - 1`. That `A`
/// stays inside i32 is part of [`Reach`](super::Reach), and matters to the total only.
///
/// `weights` are rows of `row_len` inputs, the runs of a patch one after another. Any row may be b, and
/// pieces may begin anywhere, hence the bound holds for every window of every row, with `x` anywhere
/// in `low..=high`. Packing pads runs with zero weights, which only make windows harmless; `inputs`
/// are those of a row as packed. Magnitudes up to 128 fit 512 inputs always.
pub fn segment(weights: &[i8], row_len: usize, inputs: usize, grain: usize, x: [i32; 2]) -> usize {
    let rows = weights.chunks_exact(row_len.max(1));
    let longest = rows.map(|row| longest_exact(row, x)).min().unwrap_or(row_len);
    let grain = grain.max(1);
    if longest >= row_len { inputs } else { (longest / grain * grain).max(grain).min(inputs) }
}

/// The largest length of which all windows of the row keep the bound, by two ends that move up.
fn longest_exact(row: &[i8], x: [i32; 2]) -> usize {
    let (mut start, mut sums, mut longest) = (0, [0, 0], row.len());
    for end in 0..row.len() {
        extend(&mut sums, row[end], x, 1);
        while sums[0] < LEAST || sums[1] > LARGEST {
            longest = longest.min(end - start);
            extend(&mut sums, row[start], x, -1);
            start += 1;
        }
    }
    longest
}

/// Adds the least and the largest product of a weight, or takes them away.
fn extend(sums: &mut [i64; 2], weight: i8, x: [i32; 2], sign: i64) {
    let products = x.map(|x| i64::from(x) * i64::from(weight));
    sums[0] += sign * products[0].min(products[1]).min(0);
    sums[1] += sign * products[0].max(products[1]).max(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The device's way, in i32 that wraps, over one segment: the sums of rows a and b.
    fn paired(a: &[i8], b: &[i8], x: &[i32]) -> [i32; 2] {
        let (mut s, mut sum_a) = (0i32, 0i32);
        for ((a, b), x) in a.iter().zip(b).zip(x) {
            let lane = i16::try_from(256 * i32::from(*b) + i32::from(*a)).expect("a lane");
            s = s.wrapping_add(i32::from(lane).wrapping_mul(*x));
            sum_a = sum_a.wrapping_add(i32::from(*a).wrapping_mul(*x));
        }
        [sum_a, s.wrapping_sub(sum_a) >> 8]
    }

    fn exact(row: &[i8], x: &[i32]) -> i32 {
        row.iter().zip(x).map(|(w, x)| i32::from(*w) * x).sum()
    }

    /// At the corner: exact for every length up to the bound, wrong right behind it.
    #[test]
    fn the_bound_is_where_wrapping_arithmetic_breaks() {
        for (weight, range) in
            [(127, [-128, 127]), (-127, [-128, 127]), (127, [0, 255]), (-3, [-2048, 2047])]
        {
            let row = vec![weight; 3000];
            let bound = segment(&row, 3000, 3000, 1, range);
            let corners = range.map(|x| vec![x; 3000]);
            for other in [-127i8, 0, 127] {
                for n in [1, 2, bound / 2, bound - 1, bound] {
                    for x in &corners {
                        let both = paired(&vec![other; n], &row[..n], &x[..n]);
                        let expected = [exact(&vec![other; n], &x[..n]), exact(&row[..n], &x[..n])];
                        assert_eq!(both, expected, "{weight} {range:?} {n}");
                    }
                }
                let n = bound + 1;
                let broken = |x: &Vec<i32>| {
                    paired(&vec![other; n], &row[..n], &x[..n])[1] != exact(&row[..n], &x[..n])
                };
                assert!(bound == 3000 || corners.iter().any(broken), "{weight} {range:?} {bound}");
            }
        }
    }

    #[test]
    fn known_bounds() {
        // 516 * 127 * 128 = 8388096 < 2^23, 517 is too many; one lane takes -2^23 exactly.
        assert_eq!(segment(&[127; 3000], 3000, 3000, 2, [-128, 127]), 516);
        assert_eq!(segment(&[-127; 3000], 3000, 3000, 16, [-128, 127]), 512);
        assert_eq!(segment(&[127; 3000], 3000, 3000, 2, [0, 255]), 258);
        assert_eq!(segment(&[127; 3000], 3000, 3000, 2, [-2048, 2047]), 32);
        assert_eq!(segment(&[-128; 512], 512, 512, 1, [-128, 127]), 511);
        assert_eq!(segment(&[64; 1024], 1024, 1024, 1, [-128, 127]), 1024); // -2^23 is still right
        assert_eq!(segment(&[1; 7], 7, 8, 2, [-128, 127]), 8);
    }

    /// Independent: sums of magnitudes over all windows, written out.
    #[test]
    fn random_rows_keep_the_bound_in_every_window() {
        let word = |i: u64| elbow_core::noise::Stream::new(3, i, 0).next_block()[0];
        let row: Vec<i8> =
            (0..4000).map(|i| (word(i) % 255) as i32 as i8).map(|w| w.max(-127)).collect();
        let bound = segment(&row, 4000, 4000, 1, [-128, 127]);
        let sum = |window: &[i8]| window.iter().map(|w| i64::from(*w).abs() * 128).sum::<i64>();
        assert!(bound < 4000 && row.windows(bound + 1).any(|w| sum(w) >= 1 << 23), "{bound}");
        for window in row.windows(bound) {
            let ends = window.iter().map(|w| [-128, 127].map(|x| x * i64::from(*w)));
            let low: i64 = ends.clone().map(|p| p[0].min(p[1])).sum();
            let high: i64 = ends.map(|p| p[0].max(p[1])).sum();
            assert!(low >= -(1 << 23) && high < 1 << 23);
        }
    }
}
