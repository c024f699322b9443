//! Means and covariances of a layer's integer inputs over the calibration patches.

use elbow_core::noise::Stream;
use nalgebra::DMatrix;

/// Multiplications that the products of one layer may take: a few seconds at worst.
const BUDGET: usize = 1 << 32;
/// Patches beyond which nothing is gained.
const MOST: usize = 1 << 16;
/// Patches that are summed before a product goes back to memory.
const BLOCK: usize = 8;

/// Sums and products of inputs, exact: whole numbers below 2^53 for up to 2^23 patches of i16.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    inputs: usize,
    count: usize,
    sums: Vec<f64>,
    /// `[i][j]` for `j >= i`; nothing below.
    products: Vec<f64>,
}

impl Moments {
    /// The moments of `patches`, each the `inputs` values `q - zero_point` that are multiplied by the weights
    /// of an output.
    ///
    /// A dense layer has one patch per calibration row, a convolution one per row and position (as
    /// im2col would lay it out, padding 0), a group its own channels only. A last part of a patch is
    /// left out. [`sample`] chooses among too many.
    pub fn of(patches: &[i16], inputs: usize) -> Self {
        let mut moments = Self {
            inputs,
            count: 0,
            sums: vec![0.0; inputs],
            products: vec![0.0; inputs * inputs],
        };
        moments.observe(patches);
        moments
    }

    /// Adds more patches to the sums; a last part of a patch is left out.
    pub fn observe(&mut self, patches: &[i16]) {
        let inputs = self.inputs.max(1);
        for block in patches.chunks(BLOCK * inputs) {
            let mut columns = vec![[0.0; BLOCK]; inputs];
            for (at, patch) in block.chunks_exact(inputs).enumerate() {
                self.count += 1;
                for (column, value) in columns.iter_mut().zip(patch) {
                    column[at] = f64::from(*value);
                }
            }
            self.add(&columns);
        }
    }

    /// Adds up to `BLOCK` patches, given as one array per input with 0 for patches that are missing, to sums
    /// and products; their number is not counted.
    fn add(&mut self, columns: &[[f64; BLOCK]]) {
        for (sum, column) in self.sums.iter_mut().zip(columns) {
            *sum += column.iter().sum::<f64>();
        }
        let rows = self.products.chunks_exact_mut(self.inputs.max(1)).enumerate();
        for (i, row) in rows.filter(|(i, _)| columns[*i] != [0.0; BLOCK]) {
            let a = &columns[i];
            for (product, b) in row[i..].iter_mut().zip(&columns[i..]) {
                let pairs = (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3]);
                *product += pairs + ((a[4] * b[4] + a[5] * b[5]) + (a[6] * b[6] + a[7] * b[7]));
            }
        }
    }

    /// Inputs of a patch.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Patches seen.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Mean of every input; 0 without patches.
    pub fn mean(&self) -> Vec<f64> {
        let count = self.count.max(1) as f64;
        self.sums.iter().map(|sum| sum / count).collect()
    }

    /// Covariance of inputs `i` and `j`, with the number of patches as divisor; 0 without patches. Both are
    /// below [`inputs`](Self::inputs).
    pub fn covariance(&self, i: usize, j: usize) -> f64 {
        let count = self.count.max(1) as f64;
        let (i, j) = (i.min(j), i.max(j));
        (self.products[i * self.inputs + j] - self.sums[i] / count * self.sums[j]) / count
    }

    /// Covariance matrix of the inputs with these indices, in this order.
    pub(super) fn covariances(&self, order: &[usize]) -> DMatrix<f64> {
        DMatrix::from_fn(order.len(), order.len(), |i, j| self.covariance(order[i], order[j]))
    }
}

/// Number of patches to use of the `patches` there are, each of `inputs` values: at most `2^32 / inputs^2`
/// and 2^16, but at least `2 * inputs`, or all where there are fewer.
pub fn sample_size(patches: usize, inputs: usize) -> usize {
    let affordable = BUDGET / (inputs * inputs).max(1);
    patches.min(affordable.clamp(2 * inputs, MOST.max(2 * inputs)))
}

/// Indices of `size` of `patches` patches, in order: one from each of `size` equal strata, at a place
/// that Philox draws, so that no period of the patches (a convolution's positions) is met always or
/// never. All of them where there are no more.
pub fn sample(patches: usize, size: usize) -> impl Iterator<Item = usize> {
    let size = size.min(patches);
    (0..size).map(move |stratum| {
        let edge = |at: usize| (at as u128 * patches as u128 / size as u128) as usize;
        let (start, end) = (edge(stratum), edge(stratum + 1));
        let word = Stream::new(0, stratum as u64, 0).next_block()[0];
        start + (((end - start) as u64 * u64::from(word)) >> 32) as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_exact_and_their_order_does_not_matter() {
        let value = |i: usize| (Stream::new(1, i as u64, 0).next_block()[0] as i32 >> 16) as i16;
        let patches: Vec<i16> = (0..7 * 101).map(value).collect();
        let mut halves = Moments::of(&patches[7 * 30..], 7);
        halves.observe(&patches[..7 * 30]);
        let whole = Moments::of(&patches, 7);
        assert_eq!(halves, whole);
        assert_eq!(whole.count(), 101);
        for i in 0..7 {
            for j in 0..7 {
                let of = |k: usize| patches.chunks(7).map(move |patch| i128::from(patch[k]));
                let products: i128 = of(i).zip(of(j)).map(|(a, b)| a * b).sum();
                let sums = of(i).sum::<i128>() * of(j).sum::<i128>();
                let exact = (101 * products - sums) as f64 / (101.0 * 101.0);
                let error = whole.covariance(i, j) - exact;
                assert!(error.abs() <= 1e-12 * 32768.0 * 32768.0, "{i} {j}: {error:e}");
            }
        }
    }

    #[test]
    fn samples_are_in_order_apart_and_repeatable() {
        let sampled: Vec<usize> = sample(100_000, 999).collect();
        assert!(sampled.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(sampled.len() == 999 && sampled[998] < 100_000);
        assert_eq!(sampled, sample(100_000, 999).collect::<Vec<_>>());
        // Every position of a convolution of 50 is met about as often as any other.
        let mut met = [0; 50];
        sample(100_000, 2000).for_each(|patch| met[patch % 50] += 1);
        assert!(met.iter().all(|times| (15..=70).contains(times)), "{met:?}");
        assert_eq!(sample(5, 9).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(sample(0, 9).count(), 0);
    }

    #[test]
    fn more_inputs_mean_fewer_patches_but_never_fewer_than_twice_the_inputs() {
        assert_eq!(sample_size(100_000, 16), 65_536);
        assert_eq!(sample_size(100_000, 2048), 4096);
        assert_eq!(sample_size(100, 2048), 100);
    }
}
