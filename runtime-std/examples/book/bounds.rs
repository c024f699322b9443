//! Chapter 8: bounds of an autoencoder that approach `ln p(x)` with the number of draws, and flows that say it.

use super::digits::Digits;
use super::{Failure, Told};
use elbow::gap::{Normal, Pca, quadrature};
use elbow::model::Loaded;
use elbow::npy;
use elbow::rows::{Batch, Rows, run_twin};
use elbow_core::infer::{Scratch, iwae};
use elbow_core::noise::Independent;
use std::f64::consts::TAU;
use std::fmt::Write;

const ROWS: usize = 20;

/// Bounds of the digits, then `ln p(x)` of two flows.
pub fn tell() -> Told {
    let digits = Digits::first(ROWS)?;
    let mut likelihood = digits.likelihood()?;
    let mut text = format!("digits, mean of {ROWS} images\n");
    for draws in [1, 10, 100, 1000] {
        let mut sum = 0.0;
        for row in 0..ROWS {
            likelihood.forward().at(row);
            let scratch = Scratch { eps: &mut [0.0; 2], z: &mut [0.0; 2] };
            let mut noise = Independent { key: 0, datapoint: row as u64 };
            let q = digits.posterior(row);
            sum += f64::from(iwae(&mut likelihood, q, &mut noise, 0..draws, scratch)?.bound());
        }
        writeln!(text, "  bound by {draws:4} draws   {:8.3}", sum / ROWS as f64)?;
    }
    let mut exact = 0.0;
    for row in 0..ROWS {
        likelihood.forward().at(row);
        exact += quadrature(&mut likelihood, &Normal::of_encoder(digits.posterior(row)))?.mean;
    }
    writeln!(text, "  ln p(x), integral     {:8.3}", exact / ROWS as f64)?;
    for name in ["moons_spline", "wine_linear"] {
        let (flow, gaussian) = flow(name)?;
        writeln!(
            text,
            "{name}: ln p(x) {flow:.3} by the flow, {gaussian:.3} by probabilistic PCA"
        )?;
    }
    Ok(text)
}

/// Mean `ln p(x)` of the test rows by a flow; by principal components fitted to these very rows.
fn flow(name: &str) -> Result<(f64, f64), Failure> {
    let folder = elbow_tests::fixtures::path("models").join(name);
    let loaded = Loaded::read(&folder, None, &Default::default())?;
    let elbow::model::Graphs::Flow(flow) = &loaded.model.graphs else {
        return Err("no flow".into());
    };
    let port = &flow.plan.inputs[0];
    let values = npy::read_rows(&folder.join("test.npy"), &port.shape)?.values;
    let pca = Pca::fit(&values, port.len(), 1.max(port.len() / 6));
    let rows = Rows { name: port.name.clone(), shape: port.shape.clone(), values };
    let batch = Batch::from(rows);
    let outputs = run_twin(&flow.plan, &batch)?;
    let squares: f64 = outputs[0].iter().map(|z| f64::from(*z).powi(2) + TAU.ln()).sum();
    let log_det: f64 = outputs[1].iter().map(|value| f64::from(*value)).sum();
    let log_p = (log_det - 0.5 * squares) / batch.len as f64;
    Ok((log_p, pca.log_p.unwrap_or(f64::NAN)))
}
