//! The tables of the page.

use super::Findings;
use crate::cli::on_target::OnTarget;
use elbow_toolchain::BOARDS;
use maud::{Markup, html};

/// Name, parts, layers, memory and heads of the model.
pub fn card(found: &Findings) -> Markup {
    let (model, budget) = (&found.loaded.model, &found.budget);
    let files: Vec<String> = found.loaded.sources().map(|source| file_name(&source.path)).collect();
    let latents = model.graphs.parts().encoder.map(|encoder| encoder.latent());
    let family = found.decoder().map(|(decoder, _)| format!("{:?}", decoder.likelihood.family));
    let integer = found.parity.integer.as_ref();
    let grade = integer.and_then(|integer| serde_json::to_value(integer).ok());
    let grade = grade.and_then(|all| all.get("grade")?.as_str().map(String::from));
    let detector = budget.ram_bytes.detector.map(|bytes| format!("{bytes} bytes of RAM"));
    let rows = [
        ("files", Some(files.join(", "))),
        ("precision", Some(found.loaded.precision().name().to_string())),
        ("grade of the integers", grade),
        ("latents", latents.map(|latents| latents.to_string())),
        ("likelihood", family),
        ("multiply-accumulates", Some(budget.macs.to_string())),
        ("weights", Some(format!("{} bytes of flash", budget.flash_bytes.weights))),
        ("workspace", Some(format!("{} bytes of RAM", budget.ram_bytes.workspace))),
        ("detector with workspace", detector),
        ("fingerprint", Some(budget.fingerprint.clone())),
    ];
    html! {
        table {
            @for (name, value) in rows {
                @if let Some(value) = value { tr { th { (name) } td { (value) } } }
            }
        }
        h3 { "Layers" }
        div.wide { table {
            tr { th { "graph" } th { "layer" } th { "operator" } th { "shape" } th.number { "multiply-accumulates" } }
            @for layer in &budget.layers {
                tr {
                    td { (layer.graph) } td { (layer.name) } td { (layer.op) }
                    td { (format!("{:?}", layer.shape)) } td.number { (layer.macs) }
                }
            }
        } }
    }
}

/// The last part of a path.
fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The verdict of parity, and the difference at every step of the main graph.
pub fn parity(found: &Findings) -> Markup {
    let report = &found.parity;
    let scientific = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.1e}"));
    html! {
        @if !report.pass { p.bad { "Parity fails: " (report.failures().join("; ")) } }
        pre { (report.to_string()) }
        div.wide { table {
            tr {
                th { "layer" } th { "operator" } th.number { "largest difference" } th.number { "relative" }
            }
            @for layer in &found.layers.layers {
                tr {
                    td { (layer.name) } td { (layer.op) }
                    td.number { (scientific(layer.max_abs)) } td.number { (scientific(layer.max_relative)) }
                }
            }
        } }
        @match &found.layers.first_different {
            Some(name) => p.bad { "The first layer that differs is " (name) "." },
            None => p { "No layer differs by more than the limit." },
        }
    }
}

/// What the model takes of each board, and the time of its parts on the board of `--target`.
pub fn budget(found: &Findings) -> Markup {
    let (flash, memory) = (&found.budget.flash_bytes, &found.budget.ram_bytes);
    let ram = memory.detector.unwrap_or(memory.workspace);
    let share = |bytes: usize, of: u32| {
        let percent = 100.0 * bytes as f64 / f64::from(of);
        html! { td.number { @if percent > 100.0 { span.bad { "DOES NOT FIT" } } @else { (format!("{percent:.1} %")) } } }
    };
    html! {
        p { (flash.weights) " bytes of weights in flash and " (ram) " bytes of RAM, without code and stack, which an image knows: `elbow bench` measures them." }
        div.wide { table {
            tr {
                th { "board" } th.number { "flash bytes" } th.number { "weights" } th.number { "RAM bytes" } th.number { "RAM" }
            }
            @for board in &BOARDS {
                tr {
                    td { (board.title) }
                    td.number { (board.flash.length) } (share(flash.weights, board.flash.length))
                    td.number { (board.ram.length) } (share(ram, board.ram.length))
                }
            }
        } }
        @match &found.on_target {
            Some(own) => (on_target(own)),
            None => p.instead { "Instructions and time were not measured: add --target qemu-m4 --clock 64MHz." },
        }
    }
}

/// The parts of the work on a board.
fn on_target(own: &OnTarget) -> Markup {
    html! {
        h3 { "On " (own.target) }
        pre { (own.work.to_string()) }
        @if let Some(schedule) = &own.schedule { pre { (schedule.to_string()) } }
    }
}
