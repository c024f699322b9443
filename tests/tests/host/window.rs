//! Windows against a plain computation over all readings.

use elbow_core::window::{Layout, Normalization, Window, WindowError};

const CHANNELS: usize = 3;
const NORMALIZATION: Normalization<CHANNELS> =
    Normalization { mean: [0.5, -2.0, 9.81], std: [0.3, 7.0, 1e-3], layout: Layout::ChannelsFirst };
const TIME_FIRST: Normalization<CHANNELS> =
    Normalization { layout: Layout::TimeFirst, ..NORMALIZATION };

fn reading(t: usize) -> [f32; CHANNELS] {
    [(t as f32).sin(), t as f32 * 0.1, 9.81 + (t * t % 17) as f32]
}

/// Pushes `total` readings; observations must come when and as the definition says.
fn check<const LENGTH: usize, const HOP: usize>(total: usize) {
    let mut window = Window::<CHANNELS, LENGTH, HOP>::new();
    let readings: Vec<_> = (0..total).map(reading).collect();
    let mut x = vec![f32::NAN; CHANNELS * LENGTH];
    let mut due = 0;
    for (t, reading) in readings.iter().enumerate() {
        let expected = t + 1 >= LENGTH && (t + 1 - LENGTH).is_multiple_of(HOP);
        assert_eq!(window.push(*reading), Ok(expected), "reading {t}");
        if !expected {
            continue;
        }
        due += 1;
        window.observation(&NORMALIZATION, &mut x).unwrap();
        let rows = &readings[t + 1 - LENGTH..=t];
        let plain = |row: &[f32; CHANNELS], c: usize| {
            (row[c] - NORMALIZATION.mean[c]) / NORMALIZATION.std[c]
        };
        let of_channels = (0..CHANNELS).flat_map(|c| rows.iter().map(move |row| plain(row, c)));
        assert_eq!(x, of_channels.collect::<Vec<f32>>());
        window.observation(&TIME_FIRST, &mut x).unwrap();
        let of_readings = rows.iter().flat_map(|row| (0..CHANNELS).map(move |c| plain(row, c)));
        assert_eq!(x, of_readings.collect::<Vec<f32>>());
    }
    assert_eq!(due, (total - LENGTH) / HOP + 1);
}

#[test]
fn observations_are_the_last_readings_normalized_in_either_order() {
    check::<8, 3>(100);
    check::<8, 8>(100);
    check::<1, 1>(10);
    check::<5, 1>(40);
    check::<4, 9>(100);
}

/// Readings are pushed at their times, one of them bad; no observation may hold it, or join what is around it.
#[test]
fn a_reading_that_is_not_finite_keeps_its_place_until_it_has_left() {
    const LENGTH: usize = 3;
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for bad_at in 0..8 {
            let mut window = Window::<CHANNELS, LENGTH, 2>::new();
            let mut x = [0.0; CHANNELS * LENGTH];
            for t in 0..16 {
                let refused = Err(WindowError::NotFinite { channel: 1 });
                let due = t + 1 >= LENGTH && (t + 1 - LENGTH).is_multiple_of(2);
                let expected = if t == bad_at { refused } else { Ok(due) };
                let pushed = if t == bad_at { [0.0, bad, bad] } else { reading(t) };
                assert_eq!(window.push(pushed), expected, "{bad} at {bad_at}, reading {t}");
                let made = window.observation(&TIME_FIRST, &mut x);
                if t + 1 < LENGTH {
                    assert_eq!(made, Err(WindowError::Incomplete));
                } else if (t + 1 - LENGTH..=t).contains(&bad_at) {
                    assert_eq!(made, Err(WindowError::NotFinite { channel: 1 }));
                } else {
                    assert_eq!(made, Ok(()));
                    let oldest = reading(t + 1 - LENGTH)[0];
                    assert_eq!(x[0], (oldest - NORMALIZATION.mean[0]) / NORMALIZATION.std[0]);
                }
            }
        }
    }
}

#[test]
fn as_many_readings_of_a_channel_may_be_missing_as_the_window_says() {
    let mut window = Window::<CHANNELS, 3, 1, 1>::new();
    assert_eq!(window.push([0.0, f32::INFINITY, 0.0]), Err(WindowError::NotFinite { channel: 1 }));
    for reading in [[1.0, 2.0, f32::NAN]; 2] {
        window.push(reading).unwrap();
    }
    let mut x = [0.0; 9];
    let infinite = window.observation(&TIME_FIRST, &mut x);
    assert_eq!(infinite, Err(WindowError::NotFinite { channel: 1 }));
    for reading in [[1.0, f32::NAN, 2.0], [f32::NAN, 3.0, 4.0], [5.0, 6.0, 7.0]] {
        window.push(reading).unwrap();
    }
    window.observation(&TIME_FIRST, &mut x).unwrap();
    let missing: Vec<usize> = (0..9).filter(|at| x[*at].is_nan()).collect();
    assert_eq!(missing, [1, 3], "a missing reading stays NaN in its place");
    assert_eq!(x[4], (3.0 - NORMALIZATION.mean[1]) / NORMALIZATION.std[1]);
    window.push([8.0, 9.0, f32::NAN]).unwrap();
    window.push([8.0, 9.0, f32::NAN]).unwrap();
    let before = x.map(f32::to_bits);
    let two = window.observation(&TIME_FIRST, &mut x);
    assert_eq!(two, Err(WindowError::Missing { channel: 2 }));
    assert_eq!(x.map(f32::to_bits), before);
}

#[test]
fn an_observation_needs_a_complete_window_and_a_buffer_that_fits() {
    let mut window = Window::<CHANNELS, 2, 1>::new();
    let mut x = [7.0; 6];
    window.push(reading(0)).unwrap();
    assert_eq!(window.observation(&NORMALIZATION, &mut x), Err(WindowError::Incomplete));
    window.push(reading(1)).unwrap();
    for len in [0, 5] {
        let short = window.observation(&NORMALIZATION, &mut x[..len]);
        assert_eq!(short, Err(WindowError::ObservationLength));
    }
    assert_eq!(x, [7.0; 6]);
    window.clear();
    assert_eq!(window.observation(&NORMALIZATION, &mut x), Err(WindowError::Incomplete));
    assert_eq!(window.push(reading(2)), Ok(false));
}
