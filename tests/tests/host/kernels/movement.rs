//! Copies: transpositions, slices, joins, and parts of an arena.

use super::SEED;
use elbow_core::kernels::{AXES, Strided, copy, disjoint, part, part_mut, strided_copy};
use elbow_tests::random::Random;
use std::array::from_fn;

/// Steps of a row-major tensor.
fn row_major(shape: [usize; AXES]) -> [usize; AXES] {
    let mut steps = [1; AXES];
    for axis in (1..AXES).rev() {
        steps[axis - 1] = steps[axis] * shape[axis];
    }
    steps
}

/// All indices of a box, last axis fastest.
fn indices(dims: [usize; AXES]) -> impl Iterator<Item = [usize; AXES]> {
    let steps = row_major(dims);
    (0..dims.iter().product()).map(move |at| from_fn(|axis| at / steps[axis] % dims[axis]))
}

#[test]
fn a_transposition_permutes_the_axes() {
    for case in 0..200 {
        let mut random = Random::new(SEED, case);
        let shape = [0; AXES].map(|_| random.int(1, 3));
        let mut perm: [usize; AXES] = from_fn(|axis| axis);
        (1..AXES).for_each(|axis| perm.swap(axis, random.int(0, axis)));
        let (steps, dims) = (row_major(shape), perm.map(|axis| shape[axis]));
        let x = random.values(shape.iter().product());
        let mut y = vec![f32::NAN; x.len()];
        let from = perm.map(|axis| steps[axis] as isize);
        let to = row_major(dims);
        strided_copy(&x, &mut y, &Strided { dims, from, from_start: 0, to, to_start: 0 });
        for (at, index) in indices(dims).enumerate() {
            let mut source = [0; AXES];
            perm.iter().zip(index).for_each(|(&axis, index)| source[axis] = index);
            let from: usize = source.iter().zip(steps).map(|(index, step)| index * step).sum();
            assert_eq!(y[at], x[from], "seed {SEED}, case {case}");
        }
    }
}

#[test]
fn a_slice_with_steps_of_both_signs_goes_to_its_place() {
    for case in 0..400 {
        let mut random = Random::new(SEED, case);
        let shape = [0; AXES].map(|_| random.int(1, 4));
        let steps = [0; AXES].map(|_| random.choose(&[1isize, 1, 2, -1, -2]));
        let room = shape.map(|len| random.int(0, len - 1));
        let starts: [usize; AXES] =
            from_fn(|axis| if steps[axis] > 0 { room[axis] } else { shape[axis] - 1 - room[axis] });
        let dims: [usize; AXES] =
            from_fn(|axis| (shape[axis] - room[axis]).div_ceil(steps[axis].unsigned_abs()));
        let strides = row_major(shape);
        let shape_of_copy = Strided {
            dims,
            from: from_fn(|axis| strides[axis] as isize * steps[axis]),
            from_start: starts.iter().zip(strides).map(|(start, stride)| start * stride).sum(),
            to: row_major(dims),
            to_start: 3,
        };
        let x = random.values(shape.iter().product());
        let mut y = vec![f32::NAN; 3 + dims.iter().product::<usize>()];
        strided_copy(&x, &mut y, &shape_of_copy);
        assert!(y[..3].iter().all(|value| value.is_nan()));
        for (at, index) in indices(dims).enumerate() {
            let from: isize = (0..AXES)
                .map(|axis| {
                    let along = starts[axis] as isize + index[axis] as isize * steps[axis];
                    along * strides[axis] as isize
                })
                .sum();
            assert_eq!(y[3 + at], x[from as usize], "seed {SEED}, case {case}");
        }
    }
}

#[test]
fn a_copy_reaches_as_far_as_both() {
    let mut y = [0.0; 3];
    copy(&[1.0, 2.0], &mut y);
    assert_eq!(y, [1.0, 2.0, 0.0]);
    copy(&[4.0; 9], &mut y);
    assert_eq!(y, [4.0; 3]);
}

#[test]
fn parts_of_an_arena_that_overlap_or_lie_outside_are_empty() {
    let mut arena = [1.0, 2.0, 3.0, 4.0];
    assert_eq!(part(&arena, 1..3), [2.0, 3.0]);
    assert_eq!(part_mut(&mut arena, 2..4), [3.0, 4.0]);
    assert!(part(&arena, 2..5).is_empty() && part_mut(&mut arena, 5..6).is_empty());
    let [source, target] = disjoint(&mut arena, [2..4, 0..1]);
    assert_eq!(source, [3.0, 4.0]);
    assert_eq!(target, [1.0]);
    for (source, target) in [(0..2, 1..3), (1..3, 1..3), (0..1, 3..5), (4..9, 0..1)] {
        let [source, target] = disjoint(&mut arena, [source, target]);
        assert!(source.is_empty() && target.is_empty());
    }
}
