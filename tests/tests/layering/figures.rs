//! Figures in pages that stand somewhere else: the README's of the bench, and the table of tolerances.

use crate::source::root;
use elbow_tests::pages::{hold_part, page, section};
use quote::ToTokens;

/// The figures of the README's table of peers, a row each: who, instructions, cycles.
fn readme_rows(readme: &str) -> Vec<[String; 3]> {
    let text = section(readme, "What was measured").expect("the section of the figures");
    let rows = text.lines().skip_while(|line| !line.starts_with("| Network")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|line| {
        let cells = line.trim_matches('|').split('|').map(|cell| cell.replace("**", ""));
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_string()).collect();
        let who = cells[1].split(['(', ',']).next().unwrap_or_default().trim().to_string();
        [who, cells[2].clone(), cells[3].clone()]
    });
    cells.collect()
}

#[test]
fn the_readme_has_the_figures_of_the_bench() {
    let (readme, bench) = (page("README.md"), page("bench/README.md"));
    let (_, m4) = bench.split_once("<!-- m4 -->").expect("the section of the M4");
    let (m4, _) = m4.split_once("<!-- end of m4 -->").expect("its end");
    let rows = readme_rows(&readme);
    assert!(rows.len() >= 8, "{rows:?}");
    for [who, instructions, cycles] in rows {
        let is_there = m4.lines().any(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            matches!(cells[..], [_, _, found, count, _, estimate, ..]
                if found.starts_with(&who) && count == instructions && estimate == cycles)
        });
        assert!(
            is_there,
            "README.md: the table of the M4 in bench/README.md has no row {who:?} with {instructions} and {cycles}; copy its row"
        );
    }
}

/// A table of the constants in files of tolerances: name, value, what it is for.
fn tolerances(files: &[&str]) -> String {
    let mut table = String::from("| Name | Value | Of what, and why |\n|---|---|---|\n");
    for file in files {
        let text = std::fs::read_to_string(root().join(file)).expect("a readable file");
        let items = syn::parse_file(&text).expect("a file of Rust").items;
        let constants = items.into_iter().filter_map(|item| match item {
            syn::Item::Const(constant) => Some(constant),
            _ => None,
        });
        for constant in constants {
            let value = constant.expr.to_token_stream().to_string().replace(' ', "");
            let value = value.rsplit("::").next().unwrap_or_default();
            table += &format!("| `{}` | {value} | {} |\n", constant.ident, words(&constant.attrs));
        }
    }
    table
}

/// The doc of an item on one line, fit for a cell; links become code.
fn words(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

#[test]
fn the_page_of_numerics_has_every_tolerance() {
    let page = "docs/reference/numerics.md";
    let limits = ["runtime-std/src/divergence/tolerance.rs", "runtime-std/src/parity/tolerance.rs"];
    hold_part(page, "limits", &tolerances(&limits));
    hold_part(page, "tolerances", &tolerances(&["tests/src/tolerance.rs"]));
}
