//! A bias that exporters add by a node of its own.

use super::super::links::Links;
use crate::ir::{Graph, Node, Op};
use elbow_core::kernels::BinaryOp;

/// The node of this index as a `Gemm`, where it adds a constant row or number to a `MatMul(x, w)` with
/// constant `w` which nothing else reads. `x` may have leading axes, as for `MatMul`. `None` for any other
/// node, and where the sum broadcasts the product; the graph is not changed.
pub(super) fn gemm(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    let node = &graph.nodes[index];
    let [a, b] = node.inputs[..] else { return None };
    if node.op != Op::Binary(BinaryOp::Add) {
        return None;
    }
    [(a, b), (b, a)].into_iter().find_map(|(product, row)| {
        let matmul = links.only(graph, product).filter(|matmul| matmul.op == Op::MatMul)?;
        let [x, w] = matmul.inputs[..] else { return None };
        graph.values[w].constant.as_ref()?;
        graph.values[row].constant.as_ref()?;
        let (shape, row_shape) = (&graph.values[product].shape, &graph.values[row].shape);
        let is_row =
            graph.values[row].len() == 1 || Some(&graph.values[row].len()) == row_shape.last();
        let same_shape = *shape == graph.values[node.output].shape;
        let op = Op::Gemm { trans_a: false, trans_b: false, alpha: 1.0, beta: 1.0 };
        let gemm = Node { op, inputs: vec![x, w, row], output: node.output, ..matmul.clone() };
        (is_row && same_shape).then_some(gemm)
    })
}
