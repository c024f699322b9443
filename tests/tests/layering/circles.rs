//! No module of the library names, over others, itself.

use super::source::{Source, root};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Names of modules from the crate's root on.
type Module = Vec<String>;

/// Which children of a module name which others, and where, by the module.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Between the modules of one folder arrows go one way. What a module says in the name of its children, as `mod.rs`
/// or the file of its name, counts as nobody's.
#[test]
fn no_modules_name_each_other_in_a_circle() {
    let graphs = graphs(&root().join("runtime-std/src"));
    assert!(graphs[""].contains_key("lower"), "{graphs:?}");
    let mut found = Vec::new();
    for (folder, graph) in &graphs {
        for circle in circles(graph) {
            let arrows = circle.iter().flat_map(|from| {
                let to = graph[from].iter().filter(|(to, _)| circle.contains(*to));
                to.map(move |(to, at)| format!("  {from} -> {to}: {at}"))
            });
            let arrows: Vec<String> = arrows.collect();
            found.push(format!("in `crate::{folder}`:\n{}", arrows.join("\n")));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn circles_are_found() {
    let graph = |arrows: &[(&str, &str)]| {
        let mut graph = Graph::new();
        for (from, to) in arrows {
            graph.entry(from.to_string()).or_default().insert(to.to_string(), String::new());
        }
        graph
    };
    assert!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]));
    assert_eq!(found, [BTreeSet::from(["b".to_string(), "c".to_string()])]);
}

/// The children of every module, without the command, which is a crate of its own.
fn graphs(folder: &Path) -> BTreeMap<String, Graph> {
    let sources = Source::below(folder);
    let own = |source: &Source| module(&source.path["runtime-std/src/".len()..]);
    let modules: BTreeSet<Module> = sources.iter().map(own).collect();
    let root = sources.iter().find(|source| source.path.ends_with("src/lib.rs"));
    let exported = exported(&root.expect("a library").file);
    let mut graphs: BTreeMap<String, Graph> = BTreeMap::new();
    for source in &sources {
        let from = own(source);
        if from.is_empty() || from[0] == "cli" || from[0] == "main" {
            continue;
        }
        let mut paths = Vec::new();
        named(source.file.to_token_stream(), &from, &mut paths);
        for path in paths {
            let to = target(&path, &modules, &exported);
            let shared = from.iter().zip(&to).take_while(|(own, other)| own == other).count();
            if let (Some(child), Some(other)) = (from.get(shared), to.get(shared)) {
                let graph = graphs.entry(from[..shared].join("::")).or_default();
                let at = graph.entry(child.clone()).or_default().entry(other.clone());
                at.or_insert_with(|| format!("{} names {}", source.path, path.join("::")));
            }
        }
    }
    graphs
}

/// The module of a file; the crate's own has no name.
fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_string).collect() }
}

/// Names that the crate's root takes out of its modules, with the module.
fn exported(root: &syn::File) -> BTreeMap<String, String> {
    let mut exported = BTreeMap::new();
    for item in &root.items {
        let syn::Item::Use(item) = item else { continue };
        let mut paths = Vec::new();
        tree(item.tree.to_token_stream(), &[], &mut paths);
        for path in paths.iter().filter(|path| path.len() > 1) {
            exported.insert(path[path.len() - 1].clone(), path[0].clone());
        }
    }
    exported
}

/// The module that holds what a path names.
fn target(
    path: &[String],
    modules: &BTreeSet<Module>,
    exported: &BTreeMap<String, String>,
) -> Module {
    let longest = (0..=path.len()).rev().find(|len| modules.contains(&path[..*len]));
    let found = path[..longest.unwrap_or_default()].to_vec();
    match (found.is_empty(), path.first().and_then(|name| exported.get(name))) {
        (true, Some(module)) => vec![module.clone()],
        _ => found,
    }
}

/// All paths from the root of the crate that the tokens of module `own` name.
fn named(tokens: TokenStream, own: &[String], paths: &mut Vec<Module>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => named(group.stream(), own, paths),
            TokenTree::Ident(first) if first == "crate" || first == "super" => {
                if ends_in_colons(&tokens[..at]) {
                    continue; // within a path
                }
                let mut base = if first == "crate" { &[][..] } else { above(own) };
                let mut rest = &tokens[at + 1..];
                while let [TokenTree::Punct(_), TokenTree::Punct(_), TokenTree::Ident(next), ..] =
                    rest
                    && next == "super"
                    && ends_in_colons(&rest[..2])
                {
                    base = above(base);
                    rest = &rest[3..];
                }
                if rest.len() > 2 && ends_in_colons(&rest[..2]) {
                    tree(rest[2..].iter().cloned().collect(), base, paths);
                }
            }
            _ => {}
        }
    }
}

fn above(module: &[String]) -> &[String] {
    &module[..module.len().saturating_sub(1)]
}

fn ends_in_colons(tokens: &[TokenTree]) -> bool {
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(c) if c.as_char() == ':');
    matches!(tokens, [.., first, second] if colon(first) && colon(second))
}

/// The paths of a `use` tree, or the one path that the tokens begin with.
fn tree(tokens: TokenStream, base: &[String], paths: &mut Vec<Module>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut path = base.to_vec();
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let comma =
                    |token: &TokenTree| matches!(token, TokenTree::Punct(c) if c.as_char() == ',');
                for part in inner.split(comma).filter(|part| !part.is_empty()) {
                    tree(part.iter().cloned().collect(), &path, paths);
                }
                return;
            }
            Some(TokenTree::Ident(name)) => {
                let name = name.to_string();
                if name != "self" {
                    path.push(name);
                }
            }
            _ => break,
        }
        if !ends_in_colons(tokens.get(at + 1..at + 3).unwrap_or_default()) {
            break;
        }
        at += 3;
    }
    paths.push(path);
}

/// The sets of modules each of which leads to all of its set.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|from| (from, reached(graph, from))).collect();
    let own = |from: &String| {
        let both = reached[from]
            .iter()
            .filter(|to| reached.get(to).is_some_and(|back| back.contains(from)));
        both.cloned().collect::<BTreeSet<String>>()
    };
    let found: BTreeSet<_> = graph.keys().map(own).filter(|own| !own.is_empty()).collect();
    found.into_iter().collect()
}

fn reached(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_string()];
    while let Some(module) = open.pop() {
        for to in graph.get(&module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    reached
}
