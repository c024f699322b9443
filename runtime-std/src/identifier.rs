//! Names of models in Rust.

/// The name as a Rust identifier in small letters: `Seat-belt 2` is `seat_belt_2`.
///
/// Every character but ASCII letters and digits becomes `_`. An empty name is `model`, `_` is put in front of
/// a digit, and `_model` behind a keyword, a name of the firmware, and a name of underscores only.
pub fn identifier(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(letter).collect();
    match name.chars().next() {
        None => "model".into(),
        Some(first) if first.is_ascii_digit() => format!("_{name}"),
        Some(_)
            if KEYWORDS.contains(&name.as_str())
                || FIRMWARE.contains(&name.as_str())
                || name.chars().all(|c| c == '_') =>
        {
            format!("{name}_model")
        }
        Some(_) => name,
    }
}

/// Words that no module may have as its name, in the editions 2015 to 2024.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Names that are taken where the firmware has a module per model: crates that it names, and its own modules.
const FIRMWARE: [&str; 8] =
    ["alloc", "core", "elbow", "elbow_app", "elbow_core", "instance", "std", "wire"];
