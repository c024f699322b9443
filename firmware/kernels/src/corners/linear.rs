//! Dense layers.

use super::{BYTES, Cell, Corner, Differs, HALVES, Memory, Written};
use elbow_core::kernels::integer::{
    self, Form, Linear, Value, i8s_mut, pack_weights, packed_len, paired_segment,
};

/// Around the bound of paired rows: `516 * 127 * 128 < 2^23 < 518 * 127 * 128`, and
/// `512 * 128 * 128 = 2^23`.
const INPUTS: [usize; 3] = [512, 516, 518];
/// A full panel, and one that is not.
const ROWS: usize = 6;
/// The weight of each row, again from the fifth on; the last two with lanes of -128.
const WEIGHTS: [[i8; 4]; 4] = [[127; 4], [-127; 4], [127, -128, 0, -128], [-128, 127, -128, -127]];

type Kernel<X, Y> = fn(&[X], &[i8], &[[i32; 2]], &mut [Y], &Linear);
/// A kernel for each type of output.
type Kernels<X> = (Kernel<X, i8>, Kernel<X, i16>, Kernel<X, f32>);

/// Runs all corners of the kernels of every form; gives how many there are. `Err` at the first that is wrong.
pub fn run(m: &mut Memory) -> Result<u32, Differs> {
    let mut count = 0;
    for inputs in INPUTS {
        for weights in WEIGHTS {
            let mut layer = Layer { inputs, weights, form: Form::Plain, name: "linear_plain", m };
            let plain = integer::linear_plain::<i8, _>;
            count += layer.all(BYTES, (plain, integer::linear_plain, integer::linear_plain))?;
            layer = Layer { form: Form::Paired, name: "linear_paired", ..layer };
            let paired = integer::linear_paired;
            count += layer.all(BYTES, (paired, integer::linear_paired, integer::linear_paired))?;
            layer = Layer { form: Form::Wide, name: "linear_wide", ..layer };
            let wide = integer::linear_wide;
            count += layer.all(HALVES, (wide, integer::linear_wide, integer::linear_wide))?;
            layer = Layer { form: Form::Helium, name: "linear_helium", ..layer };
            let bytes = integer::linear_helium::<i8, _>;
            count += layer.all(BYTES, (bytes, integer::linear_helium, integer::linear_helium))?;
            let halves = integer::linear_helium::<i16, _>;
            count += layer.all(HALVES, (halves, integer::linear_helium, integer::linear_helium))?;
        }
    }
    Ok(count)
}

struct Layer<'m> {
    inputs: usize,
    weights: [i8; 4],
    form: Form,
    name: &'static str,
    m: &'m mut Memory,
}

impl Layer<'_> {
    /// Runs all corners of this layer for the values `x`, by a kernel for each type of output; gives how many
    /// there are. `Err` at the first that is wrong, and where the layer does not fit the memory.
    fn all<X: Value + Cell>(&mut self, x: [i32; 3], kernels: Kernels<X>) -> Result<u32, Differs> {
        let (to_bytes, to_halves, to_floats) = kernels;
        let mut count = 0;
        let nothing = Differs { kernel: self.name, inputs: self.inputs, x: 0, factor: (0, 0) };
        let s = self.pack().ok_or(nothing)?;
        for corner in Corner::each(x) {
            count += self.check(&corner, to_bytes, &s)?;
            count += self.check(&corner, to_halves, &s)?;
            count += self.check(&corner, to_floats, &s)?;
        }
        Ok(count)
    }

    /// The weight of every input in this row.
    fn weight(&self, row: usize) -> i8 {
        self.weights[row % 4]
    }

    /// Packs the weights into the memory, and gives the layer as its kernel takes it; `None` where they do
    /// not fit or cannot be packed.
    fn pack(&mut self) -> Option<Linear> {
        let (inputs, form) = (self.inputs, self.form);
        for row in 0..ROWS {
            let weight = self.weight(row);
            self.m.row_major.get_mut(row * inputs..(row + 1) * inputs)?.fill(weight);
        }
        let row_major = self.m.row_major.get(..ROWS * inputs)?;
        let packed = i8s_mut(&mut self.m.packed).get_mut(..packed_len(form, ROWS, inputs, 1))?;
        pack_weights(form, ROWS, inputs, 1, row_major, packed).ok()?;
        let run = form.packed_run(inputs);
        let segment = paired_segment(row_major, inputs, run, 128);
        let [runs, positions] = [[1, 1]; 2];
        Some(Linear { rows: ROWS, run, runs, positions, segment, y_start: 1, ..Linear::default() })
    }

    /// Runs a corner of the packed layer `s`: 1, or 0 where there is none. `Err` where it is wrong.
    fn check<X: Value + Cell, Y: Written>(
        &mut self,
        corner: &Corner,
        kernel: Kernel<X, Y>,
        s: &Linear,
    ) -> Result<u32, Differs> {
        let (inputs, weights) = (self.inputs, self.weights);
        let products = |row: usize| {
            (0..inputs).map(|_| i64::from(corner.x) * i64::from(weights[row % 4])).sum::<i64>()
        };
        let differs = corner.differs(self.name, inputs);
        corner.check(self.m, ROWS, differs, products, |x, weights, outputs, y, rule| {
            kernel(x, weights, outputs, y, &Linear { rule, ..*s });
        })
    }
}
