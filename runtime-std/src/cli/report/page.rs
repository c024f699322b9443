//! The page: sections with pictures and tables, without script or network.

use super::{Findings, pictures, tables};
use crate::cli::draw::Failure;
use crate::cli::score::report as score_report;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;

const STYLE: &str = include_str!("page.css");

/// The page as the text of an HTML file.
///
/// # Errors
///
/// What the drawing library reports.
pub fn page(found: &Findings) -> Result<String, Failure> {
    let name = &found.loaded.model.name;
    let sections = [
        section("card", "Model", &tables::card(found)),
        section("parity", "Parity with the reference", &tables::parity(found)),
        section("posterior", "Posterior", &posterior(found)?),
        section("latent", "Latent space", &latent(found)?),
        section("score", "Score", &score(found)?),
        section("gap", "Gaps and refinement", &gap(found)?),
        section("drift", "Drift", &drift(found)?),
        section("budget", "Budget", &tables::budget(found)),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) ": elbow report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (name) }
                p { (found.batch.len) " rows, " (found.loaded.precision().name()) ", by elbow " (env!("CARGO_PKG_VERSION")) }
                @for section in sections { (section) }
                script type="application/json" id="figures" { (PreEscaped(figures(found)?)) }
            }
        }
    };
    Ok(page.into_string())
}

/// The figures of the page as the commands print them with `--json`: parity, gap and score.
fn figures(found: &Findings) -> Result<String, Failure> {
    let score = found.scored.as_ref().ok();
    let score = score.map(|(score, own)| score_report(&found.loaded, score, &own.table));
    let all = json!({ "parity": found.parity, "gap": found.gap.as_ref().ok(), "score": score });
    // A name with a tag in it must not end the element.
    Ok(serde_json::to_string(&all)?.replace('<', "\\u003c"))
}

/// A section of the page with its title.
fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! { section id=(id) { h2 { (title) } (content) } }
}

/// A picture with what it shows.
fn figure(svg: &str, caption: &str) -> Markup {
    html! { figure { (PreEscaped(svg)) figcaption { (caption) } } }
}

/// A sentence in place of a picture.
fn instead(why: &str) -> Markup {
    html! { p.instead { (why) } }
}

/// Bands of the posterior along time.
fn posterior(found: &Findings) -> Result<Markup, Failure> {
    let Some(svg) = pictures::posterior(found)? else {
        return Ok(instead("The model has no posterior."));
    };
    Ok(figure(
        &svg,
        "Mean and two standard deviations of each latent. A thin band is shown once more about its mean.",
    ))
}

/// A walk along each latent, and the means of all rows beside their principal components.
fn latent(found: &Findings) -> Result<Markup, Failure> {
    let walk = pictures::walk(found)?;
    let scatter = pictures::scatter(found)?;
    Ok(html! {
        @match walk {
            Some(svg) => (figure(&svg, "What the decoder expects where one latent goes from -2 to 2 and all others are 0.")),
            None => (instead("There is no decoder to walk through.")),
        }
        @match scatter {
            Some(svg) => (figure(&svg, "Posterior means of the two latents that differ most between rows, and the same rows on their own first two principal axes.")),
            None => (instead("There are not two latents to show beside principal components.")),
        }
    })
}

/// Scores and alarms, the p-values, and the worst rows.
fn score(found: &Findings) -> Result<Markup, Failure> {
    let (score, own) = match &found.scored {
        Ok((score, own)) => (score, own),
        Err(why) => return Ok(instead(why)),
    };
    let told = score_report(&found.loaded, score, &own.table).to_string();
    let along = pictures::scores(found, score, own)?;
    let p = pictures::p_values(own)?;
    let worst = pictures::worst(found, own)?;
    Ok(html! {
        pre { (told) }
        (figure(&along, "The score, larger is more normal. Shaded: rows that are anomalous, or were flagged."))
        @match p {
            Some(svg) => (figure(&svg, "The p-values of rows that no label calls anomalous: of rows like those of the calibration they are uniform, and lie along the dashed line.")),
            None => (instead("There are no p-values without a calibration: run `elbow calibrate` on normal rows.")),
        }
        @match worst {
            Some(svg) => (figure(&svg, "The rows with the least scores, and what the decoder expects at the posterior's mean.")),
            None => (instead("There is no decoder to reconstruct the worst rows.")),
        }
    })
}

/// The ladder of the gaps.
fn gap(found: &Findings) -> Result<Markup, Failure> {
    let gap = match &found.gap {
        Ok(gap) => gap,
        Err(why) => return Ok(instead(why)),
    };
    let svg = crate::cli::gap::picture::draw(gap)?;
    Ok(html! {
        (figure(&svg, "What each row loses by the one pass of the encoder, and the means from the encoder's ELBO to log p(x)."))
        pre { (gap.to_string()) }
    })
}

/// The statistic of the drift along time.
fn drift(found: &Findings) -> Result<Markup, Failure> {
    Ok(match pictures::drift(found)? {
        Some(svg) => figure(
            &svg,
            "How far the running mean of the posterior has moved from that of the calibration.",
        ),
        None => instead(
            "Drift is found in --readings by a calibrated model with [drift]; there are none here.",
        ),
    })
}
