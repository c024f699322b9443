//! Stage 1: which files become graphs, and what is said of the others.

#[path = "import/accepted.rs"]
mod accepted;
#[path = "import/branches.rs"]
mod branches;
#[path = "import/build.rs"]
mod build;
#[path = "import/bytes.rs"]
mod bytes;
#[path = "import/calculated.rs"]
mod calculated;
#[path = "import/files.rs"]
mod files;
#[path = "import/frozen.rs"]
mod frozen;
#[path = "import/functions.rs"]
mod functions;
#[path = "import/kinds.rs"]
mod kinds;
#[path = "import/known.rs"]
mod known;
#[path = "import/masked.rs"]
mod masked;
#[path = "import/operators.rs"]
mod operators;
#[path = "import/opsets.rs"]
mod opsets;
#[path = "import/refused.rs"]
mod refused;
#[path = "import/settings.rs"]
mod settings;
#[path = "import/widths.rs"]
mod widths;
