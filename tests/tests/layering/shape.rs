//! How long functions are, what they take, and how often a name is used, in what is shipped.

use super::source::{Source, root};
use quote::ToTokens;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Folders with source.
const SHIPPED: &[&str] = &[
    "core/src",
    "emulator/src",
    "firmware/app/src",
    "firmware/boards",
    "firmware/kernels-image/src",
    "firmware/models/src",
    "firmware/proof/src",
    "firmware/sensor/src",
    "runtime-std/src",
    "toolchain/src",
    "xtask/src",
];

/// Those of tests and of the bench's workloads, whose types may have the names that suit them.
const WORKLOADS: &[&str] = &["bench/src", "firmware/bench/src", "firmware/kernels/src"];

const LONGEST_FUNCTION: usize = 60;
const MOST_LONG_FUNCTIONS: usize = 5;
const MOST_PARAMETERS: usize = 6;
const MOST_TUPLES: usize = 5;
const MOST_OF_ONE_NAME: usize = 2;

#[test]
fn functions_are_short() {
    let long = |function: &&Function| function.lines > LONGEST_FUNCTION && !function.is_assembly;
    let found = shapes().functions.iter().filter(long);
    at_most(MOST_LONG_FUNCTIONS, found.map(|f| format!("{} has {} lines", f.at, f.lines)));
}

#[test]
fn functions_take_few_parameters() {
    let found = shapes().functions.iter().filter(|function| function.parameters > MOST_PARAMETERS);
    at_most(0, found.map(|f| format!("{} has {} parameters", f.at, f.parameters)));
}

/// Parameters that are taken apart in the signature are parameters over the limit.
#[test]
fn functions_take_values_not_tuples() {
    let functions = shapes().functions.iter();
    let found =
        functions.flat_map(|f| f.tuples.iter().map(move |tuple| format!("{}: {tuple}", f.at)));
    at_most(MOST_TUPLES, found);
}

#[test]
fn a_type_name_is_used_twice_at_most() {
    let often = shapes().types.iter().filter(|(_, places)| places.len() > MOST_OF_ONE_NAME);
    at_most(0, often.map(|(name, at)| format!("{name} x{}: {}", at.len(), at.join(", "))));
}

#[track_caller]
fn at_most(limit: usize, found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    let count = found.len();
    assert!(count <= limit, "{count} found, at most {limit} expected:\n{}", found.join("\n"));
}

/// What is measured of all files.
#[derive(Default)]
struct Shapes {
    functions: Vec<Function>,
    /// Where types are defined, by name.
    types: BTreeMap<String, Vec<String>>,
}

/// A function.
struct Function {
    at: String,
    lines: usize,
    /// With `self`.
    parameters: usize,
    /// Parameters that are taken apart.
    tuples: Vec<String>,
    is_assembly: bool,
}

/// Measures all files, once for all tests.
fn shapes() -> &'static Shapes {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let mut shapes = Shapes::default();
        for folder in SHIPPED.iter().chain(WORKLOADS) {
            for Source { path, file } in Source::below(&root().join(folder)) {
                Functions { path: &path, all: &mut shapes.functions }.visit_file(&file);
                if SHIPPED.contains(folder) {
                    Types { path: &path, names: &mut shapes.types }.visit_file(&file);
                }
            }
        }
        shapes
    })
}

struct Functions<'a> {
    path: &'a str,
    all: &'a mut Vec<Function>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &syn::Signature, body: Option<&syn::Block>) {
        let first = signature.span().start().line;
        let last = body.map_or(first, |body| body.span().end().line);
        let inputs = signature.inputs.iter();
        let tuples = inputs.filter_map(|input| match input {
            syn::FnArg::Typed(typed) if is_tuple(&typed.pat) => Some(text(typed)),
            _ => None,
        });
        self.all.push(Function {
            at: format!("{}:{first} `{}`", self.path, signature.ident),
            lines: last + 1 - first,
            parameters: signature.inputs.len(),
            tuples: tuples.collect(),
            is_assembly: body.is_some_and(is_assembly),
        });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }
}

fn is_assembly(body: &syn::Block) -> bool {
    struct Assembly(bool);
    impl Visit<'_> for Assembly {
        fn visit_macro(&mut self, found: &syn::Macro) {
            let name = found.path.segments.last();
            self.0 |= name.is_some_and(|name| name.ident.to_string().ends_with("asm"));
        }
    }
    let mut found = Assembly(false);
    found.visit_block(body);
    found.0
}

fn is_tuple(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::Tuple(_) => true,
        syn::Pat::Reference(inner) => is_tuple(&inner.pat),
        _ => false,
    }
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

struct Types<'a> {
    path: &'a str,
    names: &'a mut BTreeMap<String, Vec<String>>,
}

impl Types<'_> {
    fn add(&mut self, name: &syn::Ident) {
        let place = format!("{}:{}", self.path, name.span().start().line);
        self.names.entry(name.to_string()).or_default().push(place);
    }
}

impl<'ast> Visit<'ast> for Types<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
    }
}
