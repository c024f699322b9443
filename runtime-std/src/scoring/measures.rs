//! How well scores tell labelled anomalies from normal rows. Low scores mean anomalies; NaN is below all numbers.

use std::cmp::Ordering;
use std::ops::Range;

/// The order of two scores, NaN first and equal to itself.
pub fn by_score(a: f32, b: f32) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

/// Probability that an anomaly has a lower score than a normal row, ties counted half: the area under the curve of true
/// against false positives. `None` unless both kinds of rows are there.
pub fn auroc(scores: &[f32], is_anomaly: &[bool]) -> Option<f64> {
    let mut order = sorted(scores, is_anomaly);
    let (mut found, mut area) = (0.0, 0.0);
    for tied in order.chunk_by_mut(|a, b| by_score(a.0, b.0) == Ordering::Equal) {
        let anomalies = tied.iter().filter(|(_, is_anomaly)| *is_anomaly).count() as f64;
        let normal = tied.len() as f64 - anomalies;
        area += normal * (found + anomalies / 2.0);
        found += anomalies;
    }
    let normal = order.len() as f64 - found;
    (found > 0.0 && normal > 0.0).then(|| area / (found * normal))
}

/// Mean precision at each anomaly, the lowest scores first, rows of equal score at once: the area under the
/// precision-recall curve by steps. `None` without anomalies.
pub fn average_precision(scores: &[f32], is_anomaly: &[bool]) -> Option<f64> {
    let mut order = sorted(scores, is_anomaly);
    let (mut seen, mut found, mut sum) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by_mut(|a, b| by_score(a.0, b.0) == Ordering::Equal) {
        let anomalies = tied.iter().filter(|(_, is_anomaly)| *is_anomaly).count() as f64;
        seen += tied.len() as f64;
        found += anomalies;
        sum += anomalies * (found / seen);
    }
    (found > 0.0).then(|| sum / found)
}

/// Spearman's correlation of the ranks of `a` and `b`, equal values sharing the mean of theirs and NaN being the lowest.
/// `None` of fewer than two pairs, and where all values of one are equal.
pub fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    let [a, b] = [a, b].map(ranks);
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = product(&a, &a) * product(&b, &b);
    (a.len() == b.len() && spread > 0.0).then(|| product(&a, &b) / spread.sqrt())
}

/// The ranks of the values, from 1, in their order; equal ones share the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| by_score(values[*a], values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for tied in order.chunk_by(|a, b| by_score(values[*a], values[*b]) == Ordering::Equal) {
        let shared = below as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|at| ranks[*at] = shared);
        below += tied.len();
    }
    ranks
}

/// Scores with their labels, lowest first; as many as there are of both.
fn sorted(scores: &[f32], is_anomaly: &[bool]) -> Vec<(f32, bool)> {
    let mut order: Vec<(f32, bool)> =
        scores.iter().copied().zip(is_anomaly.iter().copied()).collect();
    order.sort_by(|a, b| by_score(a.0, b.0));
    order
}

/// The labelled events of a sequence: runs of anomalous rows.
pub fn events(is_anomaly: &[bool]) -> Vec<Range<usize>> {
    let mut events = Vec::new();
    let mut start = None;
    for (at, is_anomaly) in is_anomaly.iter().copied().chain([false]).enumerate() {
        match (start, is_anomaly) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                events.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    events
}

/// Of each event the number of rows from its start to the first raised row in it, 0 for its first row; `None` for an
/// event that nothing was raised in. No event counts as found as a whole because one row of it was.
pub fn delays(events: &[Range<usize>], raised: &[bool]) -> Vec<Option<usize>> {
    let within = |event: &Range<usize>| {
        let own = raised.get(event.start..event.end.min(raised.len()))?;
        own.iter().position(|raised| *raised)
    };
    events.iter().map(within).collect()
}

/// Number of raised rows that are not labelled as anomalies.
pub fn false_alarms(raised: &[bool], is_anomaly: &[bool]) -> usize {
    raised.iter().zip(is_anomaly).filter(|(raised, is_anomaly)| **raised && !**is_anomaly).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_every_pair_and_every_rank() {
        let scores = [-3.0, f32::NAN, -1.0, -1.0, 0.0, 2.0];
        let labels = [true, true, false, true, false, false];
        let pairs = |a: f32, b: f32| match by_score(a, b) {
            Ordering::Less => 1.0,
            Ordering::Equal => 0.5,
            Ordering::Greater => 0.0,
        };
        let mut sum = 0.0;
        for (a, _) in scores.iter().zip(labels).filter(|(_, label)| *label) {
            for (b, _) in scores.iter().zip(labels).filter(|(_, label)| !*label) {
                sum += pairs(*a, *b);
            }
        }
        assert_eq!(auroc(&scores, &labels), Some(sum / 9.0));
        // scikit-learn 1.7's average_precision_score of the labels and [3, inf, 1, 1, 0, -2].
        let expected = 11.0 / 12.0;
        assert!((average_precision(&scores, &labels).expect("anomalies") - expected).abs() < 1e-12);
        assert_eq!(auroc(&scores, &[false; 6]), None);
        assert_eq!(average_precision(&scores, &[false; 6]), None);
    }

    #[test]
    fn an_event_is_found_where_it_was_raised() {
        let labels = [false, true, true, false, true];
        assert_eq!(events(&labels), [1..3, 4..5]);
        let raised = [true, false, true, false, false];
        assert_eq!(delays(&events(&labels), &raised), [Some(1), None]);
        assert_eq!(false_alarms(&raised, &labels), 1);
    }
}
