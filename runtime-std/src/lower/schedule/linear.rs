//! Matrix products, `Gemm` and `MatMul`: dense layers over rows where one operand is constant.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::elementwise::{Shaped, TOO_MANY_AXES};
use super::weights::{Constant, panels, transposed};
use super::{Advice, Scheduler};
use crate::ir::{Node, ValueId};
use crate::lower::axes::{broadcast, collapse, row_major, strided};
use crate::lower::draft::TensorId;
use crate::lower::plan::Kernel;
use elbow_core::kernels::{BinaryOp, MatMul};
use std::ops::Range;

/// The form `alpha * op(a) * op(b) + beta * c` of a product, where `op` transposes as `trans_a` and `trans_b`
/// say.
pub(super) struct Gemm {
    pub(super) trans_a: bool,
    pub(super) trans_b: bool,
    pub(super) alpha: f32,
    pub(super) beta: f32,
}

impl Gemm {
    /// `a * b`
    pub(super) const PLAIN: Self = Self { trans_a: false, trans_b: false, alpha: 1.0, beta: 1.0 };
}

/// Shape of a stack of matrices: `[batch][rows][columns]`.
#[derive(Clone, Copy)]
struct Matrix {
    batch: usize,
    rows: usize,
    columns: usize,
}

impl Matrix {
    /// The stack that an operand of this shape is. A vector is a row on the left and a column on the right, a
    /// scalar a matrix of one value.
    fn stored(shape: &[usize], on_the_left: bool) -> Self {
        match *shape {
            [] => Self { batch: 1, rows: 1, columns: 1 },
            [len] if on_the_left => Self { batch: 1, rows: 1, columns: len },
            [len] => Self { batch: 1, rows: len, columns: 1 },
            [ref batch @ .., rows, columns] => {
                Self { batch: batch.iter().product(), rows, columns }
            }
        }
    }

    /// `[batch, rows, columns]`
    fn shape(self) -> [usize; 3] {
        [self.batch, self.rows, self.columns]
    }

    /// The stack with rows and columns exchanged.
    fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, ..self }
    }
}

/// An operand of a product, and the stack of matrices that it is stored as.
#[derive(Clone, Copy)]
struct Factor {
    value: ValueId,
    matrix: Matrix,
}

/// A dense layer over rows: `y[row][o] = alpha * sum_i w[o][i] * x[row][i] + bias[o]`.
struct DenseLayer {
    /// `[rows][inputs]`
    x: TensorId,
    rows: usize,
    inputs: usize,
    outputs: usize,
    /// The constant matrix.
    matrix: ValueId,
    /// Whether `matrix` is stored as `[outputs][inputs]`, else `[inputs][outputs]`.
    by_output: bool,
    alpha: f32,
    /// A constant with one number per output or one for all, and the factor that it is multiplied by.
    bias: Option<(ValueId, f32)>,
}

impl<'g> Scheduler<'g> {
    /// Schedules `alpha * op(a) * op(b) + beta * c`, with c the third operand if there is one and `beta` is
    /// not 0. A constant matrix makes it a dense layer over rows, with c as its bias where it is one number
    /// per output; two computed operands are multiplied, and c is added. `Err` for fewer than two operands,
    /// or more axes than kernels walk.
    pub(super) fn gemm(&mut self, node: &Node, form: &Gemm) -> Advice {
        let [a, b] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        let c = node.inputs.get(2).map(|&c| (c, form.beta)).filter(|(_, beta)| *beta != 0.0);
        let left = Factor { value: a, matrix: Matrix::stored(self.shape(a), true) };
        let right = Factor { value: b, matrix: Matrix::stored(self.shape(b), false) };
        let (y, rest) = match (self.constant(a), self.constant(b)) {
            (_, Some(_)) if right.matrix.batch == 1 => {
                self.rows_by_constant(node, form, left, right, c)
            }
            (Some(_), _) if left.matrix.batch == 1 => {
                self.constant_by_columns(node, form, left, right, c)
            }
            _ => self.of_two(node, form, left, right).map(|y| (y, c)),
        }?;
        if let Some((c, beta)) = rest {
            self.add_scaled(node, y, c, beta)?;
        }
        self.bind(node.output, y);
        Ok(())
    }

    /// The product where `b` is one constant matrix: a dense layer of which every row of `op(a)` is an input.
    /// Gives the result, and `c` where it is still to be added, as it is no bias. `Err` for more axes than
    /// kernels walk.
    fn rows_by_constant(
        &mut self,
        node: &Node,
        form: &Gemm,
        a: Factor,
        b: Factor,
        c: Option<(ValueId, f32)>,
    ) -> Advice<(TensorId, Option<(ValueId, f32)>)> {
        let mut x = self.read(a.value);
        let (mut left, matrix) = (a.matrix, b.matrix);
        if form.trans_a {
            (x, left) = (self.transposed(node, x, left.shape())?, left.transposed());
        }
        let outputs = if form.trans_b { matrix.rows } else { matrix.columns };
        let bias = c.filter(|&(c, _)| self.is_along_last(c, outputs));
        let layer = DenseLayer {
            x,
            rows: left.batch * left.rows,
            inputs: left.columns,
            outputs,
            matrix: b.value,
            by_output: form.trans_b,
            alpha: form.alpha,
            bias,
        };
        let y = self.layer(node, self.shape(node.output), &layer);
        Ok((y, c.filter(|_| bias.is_none())))
    }

    /// The product where `a` is one constant matrix: a dense layer of which every column of `op(b)` is an
    /// input, with its result transposed. Gives the result, and `c` where it is still to be added, as it is
    /// no bias. `Err` for more axes than kernels walk.
    fn constant_by_columns(
        &mut self,
        node: &Node,
        form: &Gemm,
        a: Factor,
        b: Factor,
        c: Option<(ValueId, f32)>,
    ) -> Advice<(TensorId, Option<(ValueId, f32)>)> {
        let mut x = self.read(b.value);
        let (matrix, stored) = (a.matrix, b.matrix);
        let mut right = stored.transposed();
        if form.trans_b {
            right = stored;
        } else {
            x = self.transposed(node, x, stored.shape())?;
        }
        let outputs = if form.trans_a { matrix.columns } else { matrix.rows };
        let bias = c.filter(|&(c, _)| self.is_along_rows(c, outputs));
        let layer = DenseLayer {
            x,
            rows: right.batch * right.rows,
            inputs: right.columns,
            outputs,
            matrix: a.value,
            by_output: !form.trans_a,
            alpha: form.alpha,
            bias,
        };
        let columns = Matrix { columns: outputs, ..right };
        let y = self.layer(node, &columns.shape(), &layer);
        Ok((self.transposed(node, y, columns.shape())?, c.filter(|_| bias.is_none())))
    }

    /// The product of two computed matrices or stacks of matrices, scaled by `alpha`; the smaller stack is
    /// repeated as ONNX broadcasts. `Err` for more axes than kernels walk.
    fn of_two(&mut self, node: &Node, form: &Gemm, a: Factor, b: Factor) -> Advice<TensorId> {
        let shape = self.shape(node.output);
        let (a, left) = self.operand(node, a, form.trans_a)?;
        let (b, right) = self.operand(node, b, form.trans_b)?;
        let (rows, columns) = (left.rows, right.columns);
        let batch = shape.iter().product::<usize>() / (rows * columns).max(1);
        let (a, a_step) = self.stack(node, a, left, batch)?;
        let (b, b_step) = self.stack(node, b, right, batch)?;
        let s = MatMul { batch, rows, inner: left.columns, columns, a_step, b_step };
        let y = self.call(node, shape, Kernel::MatMul(s), &[a, b]);
        if form.alpha != 1.0 {
            self.scale(node, shape, y, form.alpha);
        }
        Ok(y)
    }

    /// The tensor of an operand and its stack of matrices, both transposed by a call where `transpose` is
    /// set, with the operand's own shape, of which only the leading axes count. `Err` for more axes than
    /// kernels walk.
    fn operand(
        &mut self,
        node: &Node,
        factor: Factor,
        transpose: bool,
    ) -> Advice<(Shaped<'g>, Matrix)> {
        let (tensor, shape) = (self.read(factor.value), self.shape(factor.value));
        if !transpose {
            return Ok((Shaped { tensor, shape }, factor.matrix));
        }
        let tensor = self.transposed(node, tensor, factor.matrix.shape())?;
        Ok((Shaped { tensor, shape }, factor.matrix.transposed()))
    }

    /// The tensor of a stack of `batch` matrices and the step between two of them in values, 0 for a single
    /// matrix, which serves all. A smaller stack is repeated by a call as it broadcasts to the node's result;
    /// `Err` for more axes than kernels walk.
    fn stack(
        &mut self,
        node: &Node,
        x: Shaped<'_>,
        matrix: Matrix,
        batch: usize,
    ) -> Advice<(TensorId, usize)> {
        let size = matrix.rows * matrix.columns;
        if matrix.batch == 1 {
            return Ok((x.tensor, 0));
        }
        if matrix.batch == batch {
            return Ok((x.tensor, size));
        }
        let stacked = |shape: &[usize]| -> Vec<usize> {
            let lead = shape.len().saturating_sub(2);
            shape[..lead].iter().copied().chain([size]).collect()
        };
        let (from, shape) = (stacked(x.shape), stacked(self.shape(node.output)));
        let axes = collapse(&shape, &broadcast(&from, &shape), &row_major(&shape));
        let copy = strided(&axes, 0, 0).ok_or(TOO_MANY_AXES)?;
        Ok((self.call(node, &shape, Kernel::Strided(copy), &[x.tensor]), size))
    }

    /// Appends `y *= factor`, in place.
    fn scale(&mut self, node: &Node, shape: &[usize], y: TensorId, factor: f32) {
        let scale = self.weights.pack(Constant::Factors(vec![factor.to_bits()]), || vec![factor]);
        let shift = self.bias(None, 1);
        self.call_on(node, shape, Kernel::Affine { scale, shift }, &[], &[y]);
    }

    /// The new tensor of this shape that a call of the dense layer writes. Where it has no bias, and its
    /// matrix is already packed for the opposite direction, it reads those weights (`DenseTransposed`); else
    /// they are packed in panels, `alpha` included.
    fn layer(&mut self, node: &Node, shape: &[usize], layer: &DenseLayer) -> TensorId {
        let &DenseLayer { x, rows, inputs, outputs, matrix, by_output, alpha, .. } = layer;
        let constant = self.constant(matrix).unwrap_or_default();
        let alpha_bits = alpha.to_bits();
        let across = Constant::Panels { matrix, transposed: by_output, alpha: alpha_bits };
        if let (None, Some(weights)) = (layer.bias, self.weights.place(&across)) {
            return self.call(node, shape, Kernel::DenseTransposed { rows, weights }, &[x]);
        }
        let form = Constant::Panels { matrix, transposed: !by_output, alpha: alpha_bits };
        let weights = self.weights.pack(form, || {
            let scaled: Vec<f32> = constant.iter().map(|w| alpha * w).collect();
            panels(&if by_output { scaled } else { transposed(&scaled, outputs) }, inputs)
        });
        let bias = self.bias(layer.bias, outputs);
        let kernel = match rows {
            1 => Kernel::Dense { weights, bias },
            _ => Kernel::DenseRows { rows, weights, bias },
        };
        self.call(node, shape, kernel, &[x])
    }

    /// Place in the weights of one bias per output: the constant of `c` times its factor, repeated from its
    /// start as needed; zeros for `None`.
    pub(super) fn bias(&mut self, c: Option<(ValueId, f32)>, outputs: usize) -> Range<usize> {
        let Some((bias, beta)) = c else {
            return self.weights.pack(Constant::Zeros(outputs), || vec![0.0; outputs]);
        };
        let constant = self.constant(bias).unwrap_or_default();
        let form = Constant::Bias { bias, outputs, beta: beta.to_bits() };
        let repeated = || constant.iter().cycle().take(outputs).map(|b| beta * b).collect();
        self.weights.pack(form, repeated)
    }

    /// Appends `y += beta * c`, broadcast, for a `c` that is no bias of the layer. `Err` for more axes than
    /// kernels walk.
    fn add_scaled(&mut self, node: &Node, y: TensorId, c: ValueId, beta: f32) -> Advice {
        let mut operand = self.read(c);
        if beta != 1.0 {
            operand = self.copy(node, self.shape(c), operand);
            self.scale(node, self.shape(c), operand, beta);
        }
        self.combine(
            node,
            BinaryOp::Add,
            false,
            y,
            Shaped { tensor: operand, shape: self.shape(c) },
        )
    }

    /// Whether `c` is a constant of one number for all values, or of one for each of the `len` places along
    /// its last axis.
    fn is_along_last(&self, c: ValueId, len: usize) -> bool {
        let Some(constant) = self.constant(c) else { return false };
        constant.len() == 1 || constant.len() == len && self.shape(c).last() == Some(&len)
    }

    /// Whether `c` is a constant of one number for all values, or of one for each row: a column of `rows`
    /// numbers.
    fn is_along_rows(&self, c: ValueId, rows: usize) -> bool {
        let Some(constant) = self.constant(c) else { return false };
        let column = matches!(self.shape(c), [.., len, 1] if *len == rows);
        constant.len() == 1 || constant.len() == rows && column
    }
}
