//! Any function of an 8-bit activation, exactly: its 256 values.

use crate::ir::Format;

/// The table that `elbow_core::kernels::integer::lookup` reads: entry `q as u8` is
/// `quantize(f(dequantize(q)))`.
///
/// Inputs are clamped to their format first, NaN becomes the output's zero point, and the output's range lies
/// within i8. With the kernels' own `f` the table is the float model's function, rounded twice, with the same
/// bits on every host.
pub fn table(input: &Format, output: &Format, f: impl Fn(f32) -> f32) -> [i8; 256] {
    let entry = |bits: usize| {
        let q = i32::from(bits as u8 as i8).clamp(input.low, input.high);
        output.quantize(f(input.dequantize(q))) as i8
    };
    std::array::from_fn(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_where_the_kernel_looks() {
        let input = Format { scale: 0.5, zero_point: -3, low: -128, high: 127 };
        let output = Format { scale: 0.25, zero_point: 1, low: -128, high: 127 };
        let table = table(&input, &output, |x| if x == 1.0 { f32::NAN } else { x });
        for q in i8::MIN..=i8::MAX {
            let steps = (2 * (i32::from(q) + 3) + 1).clamp(-128, 127);
            let expected = if q == -1 { 1 } else { steps as i8 };
            assert_eq!(table[usize::from(q as u8)], expected, "{q}");
        }
    }
}
