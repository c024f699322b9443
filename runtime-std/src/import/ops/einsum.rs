//! Einstein sums of one or two operands: a transposition of each, one matrix product, a transposition.
//!
//! A reader appends the operations of the ONNX node `call` to the graph in `scope` and returns the node's
//! outputs in order; operations whose operands are all constants are calculated at import instead, unless no
//! kernel computes them or the budget of import (2^24 values in all) is used up: then they are appended.
//! `Err` is a reason and an advice. Unless its doc says otherwise, a reader also fails where an operand is
//! missing or of another element type, where an operation would read or give data without values (known
//! integers may be without), where an attribute is of another type, not finite, or an axis that is not
//! there, or where the constants, known integers and lists of indices that it makes itself exceed the budget
//! of import, 2^24 values in all. Other functions fail as their docs say, and as the methods of `Scope` and
//! `Call` that they use. What was appended before an `Err` stays in the graph.

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Outputs, Scope, one};
use super::pieces::Piece;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::Reduction;
use std::collections::HashMap;

/// A letter of the equation, or an axis that an ellipsis stands for; those are numbered from the last one, 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Label {
    Ellipsis(usize),
    Letter(char),
}

/// A value and the labels of its axes.
#[derive(Clone)]
struct Term {
    value: ValueId,
    labels: Vec<Label>,
}

/// `Einsum` of one or two operands by `equation`; without `->`, the result has the axes of `implied`. A label
/// that occurs twice in a term takes the diagonal. `Err` for more operands, terms that do not fit their
/// operands, labels of unequal lengths (1 is not broadcast), and results that do not follow from the terms.
pub fn einsum(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let Some(equation) = call.string("equation")? else {
        return invalid("its `equation` is missing");
    };
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let texts: Vec<&str> = left.split(',').collect();
    if texts.len() != call.inputs.len() {
        return invalid(format!(
            "`{equation}` has {} terms for {} inputs",
            texts.len(),
            call.inputs.len()
        ));
    }
    let mut terms = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let value = call.float(index, "Inputs")?;
        let labels = labels(text, scope.shape(value).len())?;
        terms.push(Term { value, labels });
    }
    let sizes = sizes(scope, &terms)?;
    let output = match right {
        Some(text) => labels(text, rank_of(text, &terms))?,
        None => implied(&terms),
    };
    if output.iter().any(|label| !sizes.contains_key(label)) || has_twice(&output) {
        return invalid(format!("the result of `{equation}` does not follow from its terms"));
    }
    for (index, term) in terms.iter_mut().enumerate() {
        while let Some(pair) = pair(&term.labels) {
            *term = diagonal(scope, call, term, pair, index)?;
        }
    }
    let product = match &terms[..] {
        [only] => only.clone(),
        [a, b] => contract(scope, call, a, b, &output, &sizes)?,
        _ => {
            return refuse(
                format!("`{equation}` has {} terms, at most two are supported", terms.len()),
                "write it as products of two tensors at a time",
            );
        }
    };
    let reduced = sum_out(scope, call, &product, "reduced", |label| output.contains(&label))?;
    let ordered = order(scope, call, &reduced, &output, "ordered")?;
    let shape = scope.shape(ordered).to_vec();
    scope.node(call, Op::Reshape, vec![ordered], call.output(0), &shape).map(one)
}

/// The labels of a term for a tensor of `rank` axes; an ellipsis stands for the axes that are left. `Err`
/// where the count differs or a character is no ASCII letter.
fn labels(text: &str, rank: usize) -> Read<Vec<Label>> {
    let letters = |text: &str| text.chars().map(Label::Letter).collect::<Vec<_>>();
    let labels = match text.split_once("...") {
        None => letters(text),
        Some((front, behind)) => {
            let (front, behind) = (letters(front), letters(behind));
            let hidden = rank.saturating_sub(front.len() + behind.len());
            let hidden = (0..hidden).rev().map(Label::Ellipsis);
            front.into_iter().chain(hidden).chain(behind).collect()
        }
    };
    let is_letter = |label: &Label| match label {
        Label::Letter(c) => c.is_ascii_alphabetic(),
        Label::Ellipsis(_) => true,
    };
    if labels.len() != rank || !labels.iter().all(is_letter) {
        return invalid(format!("the term `{text}` does not fit a tensor of {rank} axes"));
    }
    Ok(labels)
}

/// The two places of the first label that is repeated; `None` where all labels differ.
fn pair(labels: &[Label]) -> Option<[usize; 2]> {
    let first = |at: usize| labels[..at].iter().position(|label| *label == labels[at]);
    (0..labels.len()).find_map(|at| Some([first(at)?, at]))
}

/// The term's values whose indices along both axes of `pair`, which have one length, are equal; these become
/// one axis behind the others. `index` numbers the term in the names of the added nodes.
fn diagonal(
    scope: &mut Scope,
    call: &Call<'_>,
    term: &Term,
    pair: [usize; 2],
    index: usize,
) -> Read<Term> {
    let from = scope.shape(term.value).to_vec();
    let mut perm: Vec<usize> = (0..from.len()).filter(|axis| !pair.contains(axis)).collect();
    let mut labels: Vec<Label> = perm.iter().map(|&axis| term.labels[axis]).collect();
    let mut shape: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
    let (axis, size) = (perm.len(), from[pair[0]]);
    perm.extend(pair);
    labels.push(term.labels[pair[0]]);
    let role = |what: &str| format!("{what}{index}_{axis}");
    let moved: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
    let op = Op::Transpose { perm };
    let moved = scope.step(call, op, &[term.value], &role("moved"), &moved)?;
    shape.push(size * size);
    let flat = scope.step(call, Op::Reshape, &[moved], &role("flat"), &shape)?;
    let piece = Piece::whole(&shape).part(axis, 0, size, size as isize + 1);
    shape[axis] = size;
    let value = scope.step(call, piece.op(), &[flat], &role("diagonal"), &shape)?;
    Ok(Term { value, labels })
}

/// Whether a label occurs more than once.
fn has_twice(labels: &[Label]) -> bool {
    labels.iter().enumerate().any(|(at, label)| labels[..at].contains(label))
}

/// Number of axes that the text of the result names; its ellipsis stands for as many as the most in a term.
fn rank_of(text: &str, terms: &[Term]) -> usize {
    let hidden = |term: &Term| {
        term.labels.iter().filter(|label| matches!(label, Label::Ellipsis(_))).count()
    };
    let hidden = terms.iter().map(hidden).max().unwrap_or(0);
    match text.split_once("...") {
        Some((front, behind)) => front.len() + behind.len() + hidden,
        None => text.len(),
    }
}

/// Labels of the result of an equation without `->`: those of the ellipsis, then the letters that occur once
/// in all terms, in ASCII order.
fn implied(terms: &[Term]) -> Vec<Label> {
    let all: Vec<Label> = terms.iter().flat_map(|term| term.labels.iter().copied()).collect();
    let count = |label: &Label| all.iter().filter(|other| *other == label).count();
    let is_hidden = |label: &Label| matches!(label, Label::Ellipsis(_));
    let mut hidden: Vec<Label> = all.iter().copied().filter(is_hidden).collect();
    hidden.sort_unstable_by(|a, b| b.cmp(a));
    hidden.dedup();
    let mut letters: Vec<Label> =
        all.iter().copied().filter(|label| !is_hidden(label) && count(label) == 1).collect();
    letters.sort_unstable();
    hidden.into_iter().chain(letters).collect()
}

/// Length of every label's axis. `Err` where two axes of one label differ in length, even if one is 1.
fn sizes(scope: &Scope, terms: &[Term]) -> Read<HashMap<Label, usize>> {
    let mut sizes = HashMap::new();
    for term in terms {
        for (label, &size) in term.labels.iter().zip(scope.shape(term.value)) {
            let known = *sizes.entry(*label).or_insert(size);
            if known != size {
                return refuse(
                    format!("axes of one letter have the lengths {known} and {size}"),
                    "repeat the shorter operand by Expand first",
                );
            }
        }
    }
    Ok(sizes)
}

/// The term summed over the axes whose labels are not `kept`, which are dropped; the term itself where all
/// are. `role` names the added node.
fn sum_out(
    scope: &mut Scope,
    call: &Call<'_>,
    term: &Term,
    role: &str,
    kept: impl Fn(Label) -> bool,
) -> Read<Term> {
    let axes: Vec<usize> =
        (0..term.labels.len()).filter(|&axis| !kept(term.labels[axis])).collect();
    if axes.is_empty() {
        return Ok(term.clone());
    }
    let shape = scope.shape(term.value).to_vec();
    let rest: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
    let labels = rest.iter().map(|&axis| term.labels[axis]).collect();
    let shape: Vec<usize> = rest.iter().map(|&axis| shape[axis]).collect();
    let op = Op::Reduce { reduction: Reduction::Sum, axes };
    Ok(Term { value: scope.step(call, op, &[term.value], role, &shape)?, labels })
}

/// The term's values with the axes in the order of the labels `order`; unchanged where they are so already.
/// `order` names every label of the term once; `Err` for a label that the term lacks.
fn order(
    scope: &mut Scope,
    call: &Call<'_>,
    term: &Term,
    order: &[Label],
    role: &str,
) -> Read<ValueId> {
    let axis = |label: &Label| term.labels.iter().position(|own| own == label);
    let Some(perm) = order.iter().map(axis).collect::<Option<Vec<_>>>() else {
        return invalid("its result has an axis that no term has");
    };
    if perm.iter().copied().eq(0..perm.len()) {
        return Ok(term.value);
    }
    let from = scope.shape(term.value);
    let shape: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
    scope.step(call, Op::Transpose { perm }, &[term.value], role, &shape)
}

/// The product of two terms, summed over the labels that are not in `output`, as one `MatMul`. Its axes are
/// the shared labels that are kept, then the other ones of `a`, then those of `b`; `sizes` gives each label's
/// length.
fn contract(
    scope: &mut Scope,
    call: &Call<'_>,
    a: &Term,
    b: &Term,
    output: &[Label],
    sizes: &HashMap<Label, usize>,
) -> Read<Term> {
    let wanted = |label: Label| output.contains(&label);
    let a = sum_out(scope, call, a, "a", |label| wanted(label) || b.labels.contains(&label))?;
    let b = sum_out(scope, call, b, "b", |label| wanted(label) || a.labels.contains(&label))?;
    let pick = |labels: &[Label], is: &dyn Fn(Label) -> bool| -> Vec<Label> {
        labels.iter().copied().filter(|label| is(*label)).collect()
    };
    let shared = |label: Label| a.labels.contains(&label) && b.labels.contains(&label);
    let batch = pick(&a.labels, &|label| shared(label) && wanted(label));
    let inner = pick(&a.labels, &|label| shared(label) && !wanted(label));
    let rows = pick(&a.labels, &|label| !shared(label));
    let columns = pick(&b.labels, &|label| !shared(label));
    let size = |labels: &[Label]| labels.iter().map(|label| sizes[label]).product::<usize>();
    let stack = |shape: [usize; 2]| -> Vec<usize> {
        // Without a batch these are plain matrices, so that a constant one makes a dense layer.
        let batch = (!batch.is_empty()).then(|| size(&batch));
        batch.into_iter().chain(shape).collect()
    };
    let left = order(scope, call, &a, &[&batch[..], &rows, &inner].concat(), "a_ordered")?;
    let right = order(scope, call, &b, &[&batch[..], &inner, &columns].concat(), "b_ordered")?;
    let (m, k, n) = (size(&rows), size(&inner), size(&columns));
    let left = scope.step(call, Op::Reshape, &[left], "a_matrix", &stack([m, k]))?;
    let right = scope.step(call, Op::Reshape, &[right], "b_matrix", &stack([k, n]))?;
    let product = scope.step(call, Op::MatMul, &[left, right], "product", &stack([m, n]))?;
    let labels = [batch, rows, columns].concat();
    let shape: Vec<usize> = labels.iter().map(|label| sizes[label]).collect();
    let value = scope.step(call, Op::Reshape, &[product], "axes", &shape)?;
    Ok(Term { value, labels })
}
