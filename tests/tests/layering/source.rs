//! The project's source, parsed.

use quote::ToTokens;
use std::path::{Path, PathBuf};
use syn::visit_mut::{self, VisitMut};

/// A source file.
pub struct Source {
    /// Path below the root of the repository.
    pub path: String,
    /// What it holds, but for tests.
    pub file: syn::File,
}

impl Source {
    /// All below `folder` but for tests.
    pub fn below(folder: &Path) -> Vec<Self> {
        let files = rust_files(folder).into_iter().filter(|path| !path.ends_with("tests.rs"));
        files.map(|path| Self::read(&path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a readable source file");
        let mut file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        WithoutTests.visit_file_mut(&mut file);
        let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into();
        Self { path, file }
    }
}

/// Takes out what is compiled for tests alone.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(is_shipped);
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(is_shipped);
        }
        visit_mut::visit_item_mod_mut(self, module);
    }
}

fn is_shipped(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => return true,
    };
    let is_test =
        |attribute: &syn::Attribute| attribute.meta.to_token_stream().to_string() == "cfg (test)";
    !attributes.iter().any(is_test)
}

/// The files of Rust source below a folder.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    let mut files = Vec::new();
    for path in paths.filter(|path| !path.ends_with("target") && !path.ends_with(".git")) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder above").to_path_buf()
}
