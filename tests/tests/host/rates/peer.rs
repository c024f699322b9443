//! The p-values and thresholds of nonconform, which has none of our code.

use super::{assert_near, floats, golden, number, numbers};
use elbow::detect::{Cut, Scores, bounds_of_rate};
use elbow::manifest::TailName;
use elbow_tests::tolerance;

#[test]
fn p_values_and_thresholds_are_those_of_nonconform() {
    let table = golden("nonconform.json");
    let scores = Scores::new(floats(&table["calibration"]));
    println!("{:>9} {:>12} {:>12}", "score", "p, nonconform", "p, elbow");
    for (score, p) in floats(&table["test"]).into_iter().zip(numbers(&table["p"])) {
        println!("{score:9.4} {p:12.8} {:12.8}", scores.p(score));
        assert_near(scores.p(score), p, tolerance::RATE, &format!("score {score}"));
    }
    println!(
        "{:>9} {:>12} {:>12} {:>12} {:>12}",
        "alpha", "nonconform", "elbow", "its bound", "beta"
    );
    for row in table["thresholds"].as_array().unwrap() {
        let alpha = (number(&row["alpha"]) * 1e6).round() as u64;
        let threshold = scores.threshold(alpha).unwrap();
        let bounds = bounds_of_rate(scores.rank(alpha), scores.count()).unwrap();
        println!(
            "{:9.4} {:12.4} {threshold:12.4} {:12.4} {:12.4}",
            number(&row["alpha"]),
            number(&row["threshold"]),
            number(&row["upper"]),
            bounds[1]
        );
        assert_eq!(threshold, number(&row["threshold"]) as f32, "{row}");
        // Its certificate holds at every threshold at once, ours at this one.
        assert!(bounds[1] <= number(&row["upper"]), "{row}: {bounds:?}");
        let cut = Cut::new(&scores, TailName::Low, alpha).unwrap();
        assert!(cut.rank <= scores.rank(alpha) && cut.threshold <= threshold, "{cut:?}");
    }
}
