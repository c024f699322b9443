//! Padded copies of values at the ends of their types.

use super::{BYTES, Cell, Differs, HALVES, Memory};
use elbow_core::kernels::integer::{PaddedCopy, Value, padded_copy};

/// Values of a line: around the widths of vectors and words.
const LINES: [usize; 9] = [1, 3, 7, 8, 9, 15, 16, 17, 33];
const HEIGHT: usize = 3;

/// Runs all padded copies; gives how many there are. `Err` at the first that is wrong.
pub fn run(m: &mut Memory) -> Result<u32, Differs> {
    let mut count = 0;
    for len in LINES {
        for from in [[len, len, 1], [1, 1, HEIGHT]] {
            for fill in BYTES {
                count += check::<i8, i8>(m, BYTES, len, from, fill)?;
                count += check::<i8, i16>(m, BYTES, len, from, fill)?;
            }
            for fill in HALVES {
                count += check::<i16, i16>(m, HALVES, len, from, fill)?;
            }
        }
    }
    Ok(count)
}

/// Copies a box of [`HEIGHT`] lines of `len` values, which repeat `values`, with padding of `fill` in front
/// of, between and behind the lines; `from` are the steps in `x`. 1 where the box, its padding and four
/// values behind are right, else `Err`.
fn check<X: Value + Cell, Y: Value + Cell>(
    m: &mut Memory,
    values: [i32; 3],
    len: usize,
    from: [usize; 3],
    fill: i32,
) -> Result<u32, Differs> {
    let pitch = len + 2;
    let s = PaddedCopy {
        dims: [HEIGHT, 1, len],
        from,
        from_start: 1,
        to: [pitch, pitch, 1],
        to_start: 1,
        len: HEIGHT * pitch,
    };
    let Memory { x, y, .. } = m;
    let xs = X::of_words_mut(x).iter_mut();
    xs.zip(values.into_iter().cycle()).for_each(|(x, value)| *x = X::of(value));
    Y::of_words_mut(y).fill(Y::of(77));
    padded_copy(X::of_words(x), Y::of_words_mut(y), fill, &s);
    let differs = Differs { kernel: "spread", inputs: len, x: fill, factor: (1, 0) };
    let expected = |at: usize| {
        let (row, column) = (at / pitch, at % pitch);
        if at >= s.len {
            return Some(77);
        }
        if column == 0 || column > len {
            return Some(fill);
        }
        let from = s.from_start + row * from[0] + (column - 1) * from[2];
        X::of_words(x).get(from).map(|x| (*x).into())
    };
    let ys = Y::of_words(y).iter().take(s.len + 4).enumerate();
    let mut same = ys.map(|(at, y)| expected(at).map(Y::of) == Some(*y));
    if same.all(|same| same) { Ok(1) } else { Err(differs) }
}
