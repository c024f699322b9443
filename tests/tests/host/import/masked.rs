//! `y[mask] = f(x[mask])` by a mask that is computed: the values of the masks' meaning for any mask, and a
//! refusal wherever what is computed could differ.

use super::build::{Dim, encoded, floats, info, int, ints, model, node, raw};
use super::refused::refused;
use elbow::stages::{import_bytes, lower};
use elbow::twin::Twin;
use elbow_tests::random::Random;
use elbow_tests::tolerance::IMPORTED;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, NodeProto};

/// Values of a place of `w`, and of a result that has several.
const WIDTH: usize = 4;
const HIDDEN: usize = 3;
const MASKS: u64 = 40;

/// Nodes as lines `output = Op operand operand @attribute=number`.
fn nodes(lines: &str) -> Vec<NodeProto> {
    let line = |line: &str| {
        let (output, rest) = line.split_once(" = ").expect("an assignment");
        let mut words = rest.split_whitespace();
        let op = words.next().expect("an operator");
        let (set, inputs): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with('@'));
        let mut node = node(op, output, &inputs, &[output]);
        for attribute in set {
            let (name, value) = attribute[1..].split_once('=').expect("a value");
            int(&mut node, name, value.parse().expect("a number"));
        }
        node
    };
    lines.split(';').map(str::trim).filter(|text| !text.is_empty()).map(line).collect()
}

/// `places` values `x` and `m`, and as many rows `w`; `m` says which are selected: `at` are their indices, `xs`
/// and `ws` their values.
fn masked(places: i64, lines: &str) -> ModelProto {
    let width = WIDTH as i64;
    let weights: Vec<f32> = (0..WIDTH * HIDDEN).map(weight).collect();
    let scalar =
        |name: &str, value: i64| raw(name, DataType::Int64, &[], value.to_le_bytes().to_vec());
    let constants = vec![
        floats("zero", &[], &[0.0]),
        floats("two", &[], &[2.0]),
        floats("zeros", &[1, places, HIDDEN as i64], &vec![0.0; places as usize * HIDDEN]),
        floats("weights", &[width, HIDDEN as i64], &weights),
        floats("bias", &[HIDDEN as i64], &BIAS),
        floats("edge", &[1], &[-0.25]),
        ints("first", &[0]),
        ints("second", &[1]),
        ints("last", &[-1]),
        ints("pairs", &[2, -1]),
        ints("big", &[100]),
        ints("three", &[3]),
        ints("none", &[0]),
        scalar("nought", 0),
        scalar("one", 1),
        scalar("final", places - 1),
        scalar("count", places),
        floats("table", &[places], &(0..places).map(|at| at as f32).collect::<Vec<_>>()),
    ];
    let selection = "mask = Greater m zero; found = NonZero mask; at = Transpose found; \
        xs = GatherND x at; ws = GatherND w at;";
    let inputs = [("x", vec![1, places]), ("m", vec![1, places]), ("w", vec![1, places, width])];
    let inputs = inputs.iter().map(|(name, shape)| {
        info(name, &shape.iter().map(|size| Dim::N(*size)).collect::<Vec<_>>())
    });
    model(nodes(&format!("{selection}{lines}")), constants, inputs.collect(), &["y"])
}

const BIAS: [f32; HIDDEN] = [0.1, 0.2, 0.3];

fn weight(at: usize) -> f32 {
    (at as f32 * 1.7).sin()
}

/// The graph gives `expected` of each place that is selected, and what it was of any other, for random masks.
/// Returns how many indices lay outside their tables.
#[track_caller]
fn check(lines: &str, wide: bool, expected: impl Fn(f32, &[f32]) -> Vec<f32>) -> u64 {
    let mut hits = 0;
    for places in [1, 2, 3, 6] {
        let graph = import_bytes(&encoded(&masked(places as i64, lines)))
            .unwrap_or_else(|error| panic!("{places} places: {error}"));
        let plan = lower(&graph, &[0]).expect("a plan");
        let mut twin = Twin::new(&plan);
        for case in 0..MASKS {
            let mut random = Random::new(1300 + places as u64, case);
            let x = random.values(places);
            let w = random.values(places * WIDTH);
            // All, none, and any.
            let m: Vec<f32> = match case {
                0 => vec![1.0; places],
                1 => vec![-1.0; places],
                _ => random.values(places),
            };
            let input = |name: &str| match name {
                "x" => &x[..],
                "m" => &m,
                _ => &w,
            };
            let inputs: Vec<&[f32]> = plan.inputs.iter().map(|port| input(&port.name)).collect();
            let found = twin.run(&inputs).expect("it fits").swap_remove(0);
            let value = |place: usize| match (m[place] > 0.0, wide) {
                (true, _) => expected(x[place], &w[place * WIDTH..][..WIDTH]),
                (false, true) => vec![0.0; HIDDEN],
                (false, false) => vec![x[place]],
            };
            let wanted: Vec<f32> = (0..places).flat_map(value).collect();
            assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(&wanted) {
                let close =
                    (found - wanted).abs() <= IMPORTED || (found.is_nan() && wanted.is_nan());
                assert!(close, "{places} places, case {case}: {found} for {wanted}");
            }
        }
        hits += twin.hits();
    }
    hits
}

/// The logarithm of what is not selected may be NaN; that of what is, too.
#[test]
fn elementwise_functions_of_selected_values() {
    check("a = Log xs; b = Mul a two; y = ScatterND x at b", false, |x, _| vec![2.0 * x.ln()]);
}

#[test]
fn a_selection_may_be_by_one_index() {
    let lines = "flat_x = Reshape x last; flat_m = Reshape mask last; f = NonZero flat_m; \
        g = Squeeze f first; s = Gather flat_x g; e = Exp s; i = Transpose f; \
        z = ScatterND flat_x i e; shape = Shape x; y = Reshape z shape";
    check(lines, false, |x, _| vec![x.exp()]);
}

/// `x[0, mask]`: the index along an axis of length one is zero.
#[test]
fn an_index_may_have_zeros_beside_the_places() {
    let lines = "flat_m = Reshape mask last; f = NonZero flat_m; t = Transpose f; s = Shape t; \
        o = Expand first s; i = Concat o t @axis=-1; v = GatherND x i; e = Exp v; y = ScatterND x i e";
    check(lines, false, |x, _| vec![x.exp()]);
}

/// The rows and columns of a mask, each for itself and joined again.
#[test]
fn places_may_be_taken_apart() {
    let lines = "r = Gather found nought; c = Gather found one; ru = Unsqueeze r second; \
        cu = Unsqueeze c second; i = Concat ru cu @axis=1; v = GatherND x i; e = Exp v; \
        y = ScatterND x i e";
    check(lines, false, |x, _| vec![x.exp()]);
}

/// What a spline does: softmax, running sums, the bin that a value lies in, and that bin's values.
#[test]
fn searches_along_the_bins_of_each_place() {
    let lines = "p = Softmax ws; c = CumSum p one; u = Unsqueeze xs second; b = GreaterOrEqual u c; \
        i = Cast b @to=7; n = ReduceSum i second; v = GatherElements ws n @axis=1; \
        r = Squeeze v second; y = ScatterND x at r";
    check(lines, false, |x, w| {
        let sum: f32 = w.iter().map(|w| w.exp()).sum();
        let mut so_far = 0.0;
        let below = w.iter().filter(|w| {
            so_far += w.exp() / sum;
            x >= so_far
        });
        let bin = below.count();
        vec![w[bin.min(WIDTH - 1)]]
    });
}

/// What is looked up at other places goes nowhere, and is no index outside its table.
#[test]
fn indices_of_places_that_are_not_selected_do_not_count() {
    let lines = "ms = GatherND m at; b = LessOrEqual ms zero; i = Cast b @to=7; k = Mul i big; \
        u = Unsqueeze k second; v = GatherElements ws u @axis=1; r = Squeeze v second; \
        y = ScatterND x at r";
    assert_eq!(check(lines, false, |_, w| vec![w[0]]), 0);
}

/// `ws[..., 0] = -0.25`, as TorchScript writes it: by the number of rows, which depends on data.
#[test]
fn assignments_to_a_column_of_the_selected_rows() {
    let lines = "shape = Shape ws; k = Gather shape nought; r = Range nought k one; \
        rc = Unsqueeze r last; ks = Shape rc; cell = Unsqueeze first last; col = Expand cell ks; \
        pos = Concat rc col @axis=-1; s1 = Shape r; e = Expand edge s1; \
        a = ScatterND ws pos e; t = ReduceSum a second @keepdims=0; y = ScatterND x at t";
    check(lines, false, |_, w| vec![-0.25 + w[1..].iter().sum::<f32>()]);
}

#[test]
fn layers_of_the_selected_rows() {
    let lines = "h = Gemm ws weights bias; t = Tanh h; y = ScatterND zeros at t";
    check(lines, true, |_, w| {
        let unit = |unit: usize| {
            let sum: f32 = w.iter().enumerate().map(|(at, w)| w * weight(at * HIDDEN + unit)).sum();
            (sum + BIAS[unit]).tanh()
        };
        (0..HIDDEN).map(unit).collect()
    });
}

/// A mask and what is left of it are masks of their own.
#[test]
fn two_masks_may_fill_one_result() {
    let lines = "rest = Not mask; g = NonZero rest; bt = Transpose g; xr = GatherND x bt; \
        a = Exp xs; b = Identity xr; y0 = ScatterND x at a; y = ScatterND y0 bt b";
    check(lines, false, |x, _| vec![x.exp()]);
}

/// Every way to let one selected value follow from another, or from their number.
#[test]
fn what_depends_on_the_selection_itself_is_refused() {
    let back = "y = ScatterND x at z";
    let cases = [
        ("an output", "y = Exp xs"),
        ("a sum of all", "s = ReduceSum xs; z = Mul xs s;"),
        ("a softmax of all", "z = Softmax xs;"),
        ("running sums of all", "z = CumSum xs nought;"),
        ("the largest", "s = ReduceMax xs; y = Add x s"),
        ("the number of places", "s = Shape xs; n = Cast s @to=1; z = Mul xs n;"),
        ("the first", "f = Gather xs first; z = Mul xs f;"),
        ("reversed", "low = Neg big; r = Slice xs last low first last; z = Exp r;"),
        (
            "pairs of rows",
            "r = Reshape ws pairs; s = Softmax r; sh = Shape ws; b = Reshape s sh; \
                z = ReduceSum b second @keepdims=0;",
        ),
        (
            "rows against rows",
            "c = Unsqueeze xs second; d = Unsqueeze xs first; p = Mul c d; \
                z = ReduceSum p second @keepdims=0;",
        ),
        (
            "products of rows",
            "t = Transpose ws; p = MatMul ws t; z = ReduceSum p second @keepdims=0;",
        ),
        ("joined", "z = Concat xs xs @axis=0;"),
        (
            "another mask's places",
            "rest = Less m zero; g = NonZero rest; bt = Transpose g; \
            y = ScatterND x bt xs",
        ),
        (
            "positions as values",
            "s = Shape xs; k = Gather s nought; r = Range nought k one; f = Cast r @to=1; \
                z = Mul xs f;",
        ),
        ("no values", "s = Shape xs; c = Concat s none @axis=0; y = ConstantOfShape c"),
        (
            "the first places of all",
            "s = Shape xs; k = Gather s nought; r = Range nought k one; c = Min r final; \
                u = Unsqueeze c second; f = Reshape x last; y = ScatterND f u xs",
        ),
        (
            "the first places of all, by a Where",
            "s = Shape xs; k = Gather s nought; r = Range nought k one; g = Greater r final; \
                c = Where g final r; u = Unsqueeze c second; f = Reshape x last; \
                y = ScatterND f u xs",
        ),
        (
            "the first places of all, by a remainder",
            "s = Shape xs; k = Gather s nought; r = Range nought k one; c = Mod r count; \
                u = Unsqueeze c second; f = Reshape x last; y = ScatterND f u xs",
        ),
        (
            "a table by positions among the selected",
            "s = Shape xs; k = Gather s nought; r = Range nought k one; c = Min r final; \
                e = Gather table c; z = Add xs e;",
        ),
        (
            "a table by positions among the selected, by a Where",
            "s = Shape xs; k = Gather s nought; r = Range nought k one; g = Greater r final; \
                c = Where g final r; e = Gather table c; z = Add xs e;",
        ),
        (
            "the first place",
            "f = Slice found first second second; t = Transpose f; v = GatherND x t; z = Add xs v;",
        ),
        ("places that are shifted", "a = Sub at at; z = GatherND x a;"),
        ("a condition", "s = Size xs; c = Greater s three; z = Where c xs zero;"),
    ];
    for (name, lines) in cases {
        for places in [2, 6] {
            let lines = if lines.ends_with(';') { format!("{lines}{back}") } else { lines.into() };
            let file = encoded(&masked(places, &lines));
            let error = import_bytes(&file).expect_err(name).to_string();
            let named = error.contains("NonZero") && error.contains("depend");
            assert!(named, "{name} of {places} places: {error}");
        }
    }
}

#[test]
fn a_branch_on_the_number_of_places_is_refused() {
    let lines = "s = Size xs; c = Greater s nought; z = If c; y = ScatterND x at z";
    refused(&encoded(&masked(6, lines)), &["If `z`", "depends on data"]);
}

/// Values that have another length in the file: they are no heads, and no reference is held against them.
#[test]
fn values_of_selected_places_are_known_to_be_so() {
    let lines = "a = Exp xs; b = Mul a two; y = ScatterND x at b";
    for places in [1, 6] {
        let graph = import_bytes(&encoded(&masked(places, lines))).expect("it is put back");
        let is_selected = |name: &str| {
            let mut named = graph.values.iter().enumerate().filter(|(_, value)| value.name == name);
            named.any(|(id, _)| graph.selected.contains(&id))
        };
        assert_eq!(["xs", "a", "b"].map(is_selected), [true; 3], "{places} places");
        assert_eq!(["x", "mask", "y"].map(is_selected), [false; 3], "{places} places");
    }
}
