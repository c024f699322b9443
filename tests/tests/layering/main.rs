//! Who may know what: the invariants of ARCHITECTURE.md, each an absence that is looked for.

mod circles;
mod documents;
mod figures;
mod shape;
mod source;

use source::{root, rust_files};

/// A rule: in the files below `place` no line holds one of `words`, but for the files in `except`.
struct Absence {
    rule: &'static str,
    place: &'static str,
    words: &'static [&'static str],
    except: &'static [&'static str],
}

const ABSENCES: &[Absence] = &[
    Absence {
        rule: "core knows no heap, file, clock or ONNX",
        place: "core/src",
        words: &["extern crate alloc", "alloc::", "std::fs", "std::time", "Instant", "onnx"],
        except: &[],
    },
    Absence {
        rule: "kernels know nothing of probability",
        place: "core/src/kernels",
        words: &["distributions", "infer::", "noise", "posterior", "likelihood"],
        except: &["core/src/kernels/integer/tests.rs"], // whose cases are drawn
    },
    Absence {
        rule: "distributions and inference touch no packed bytes",
        place: "core/src/distributions",
        words: &["pack::", "kernels::", "wire::"],
        except: &[],
    },
    Absence {
        rule: "inference touches no packed bytes",
        place: "core/src/infer",
        words: &["pack::", "kernels::", "wire::"],
        except: &[],
    },
    Absence {
        rule: "no kernel fuses a multiplication with an addition",
        place: "core/src",
        words: &["mul_add", "fmaf", "fma("],
        except: &[],
    },
    Absence {
        rule: "what a core has is asked only in kernels/arch, and what that costs in dear.rs",
        place: "core/src",
        words: &[
            "cfg(target",
            "target_arch",
            "target_feature",
            "target_os",
            "elbow_dsp",
            "elbow_helium",
            "elbow_v6m",
            "elbow_v7m",
        ],
        except: &["core/src/kernels/arch", "core/src/dear.rs"],
    },
    Absence {
        rule: "byte order matters only to frames, which refuse a big-endian target",
        place: "core/src",
        words: &["target_endian"],
        except: &["core/src/kernels/arch", "core/src/wire.rs"],
    },
    Absence {
        rule: "tract is named only where the reference runs",
        place: "runtime-std/src",
        words: &["tract_onnx"],
        except: &["runtime-std/src/reference/tract/linked.rs"],
    },
    Absence {
        rule: "the library draws no terminal and no picture: the command does",
        place: "runtime-std/src",
        words: &["clap", "indicatif", "plotters", "println!", "eprint", "stdout()", "stderr()"],
        except: &[
            "runtime-std/src/build.rs", // whose lines are for cargo
            "runtime-std/src/cli",
            "runtime-std/src/main.rs",
        ],
    },
    Absence {
        rule: "the library starts no program but one that its caller names",
        place: "runtime-std/src",
        words: &["current_exe"],
        except: &["runtime-std/src/cli"],
    },
    Absence {
        rule: "the order of a call's inputs is the signature's",
        place: "runtime-std/src",
        words: &["Role::Condition", "Role::State", "Role::Eps =>"],
        except: &[
            "runtime-std/src/manifest",
            "runtime-std/src/model",
            "runtime-std/src/roles",
            "runtime-std/src/roles.rs",
        ],
    },
    Absence {
        rule: "the language of import and lowering names no stage",
        place: "runtime-std/src/ir",
        words: &["use crate::", "use super::super"],
        except: &[],
    },
    Absence {
        rule: "import names no later stage: what evaluates constants is handed to it",
        place: "runtime-std/src/import",
        words: &[
            "crate::lower",
            "crate::calibrate",
            "crate::twin",
            "crate::stages",
            "crate::model",
            "crate::manifest",
            "crate::infer",
            "crate::rows",
            "crate::emit",
            "crate::parity",
        ],
        except: &[],
    },
    Absence {
        rule: "lowering names neither import nor a later stage",
        place: "runtime-std/src/lower",
        words: &[
            "crate::import",
            "crate::twin",
            "crate::stages",
            "crate::model",
            "crate::manifest",
            "crate::infer",
            "crate::rows",
            "crate::emit",
            "crate::parity",
        ],
        except: &[],
    },
    Absence {
        rule: "emitting decides nothing: it reads plans and roles, and no graph, and asks no shape for its kernel",
        place: "runtime-std/src/emit",
        words: &[
            "crate::ir",
            "crate::import",
            "is_depthwise",
            "lower::schedule",
            "lower::quantize",
        ],
        except: &[],
    },
    Absence {
        rule: "the twin decides nothing either",
        place: "runtime-std/src/twin.rs",
        words: &["is_depthwise", "rows: 1"],
        except: &[],
    },
    Absence {
        rule: "model names no parity and no search for integers",
        place: "runtime-std/src/model",
        words: &["parity::", "divergence", "integer_search", "crate::emit"],
        except: &[],
    },
    Absence {
        rule: "divergences know posteriors alone",
        place: "runtime-std/src/divergence",
        words: &["parity::", "model::", "rows::", "twin::", "integer_search"],
        except: &[],
    },
    Absence {
        rule: "the search for integers names no parity",
        place: "runtime-std/src/integer_search",
        words: &["parity::"],
        except: &[],
    },
    Absence {
        rule: "lowering reads no files",
        place: "runtime-std/src/lower",
        words: &["std::fs", "std::path", "std::env"],
        except: &[],
    },
    Absence {
        rule: "emitting reads and writes no files",
        place: "runtime-std/src/emit",
        words: &["std::fs", "std::path", "std::env"],
        except: &[],
    },
    Absence {
        rule: "the application names no chip and does no arithmetic of its own",
        place: "firmware/app/src",
        words: &["cortex", "mps2", "libm", "exp(", "sqrt("],
        except: &[],
    },
    Absence {
        rule: "unsafe code lives in boards, in images without one, and in kernels/arch",
        place: ".",
        words: &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "#[unsafe(export_name"],
        except: &[
            "firmware/boards",
            "firmware/kernels-image",
            "firmware/models/src/lib.rs", // names of an image's functions, and nothing else
            "firmware/proof",
            "core/src/kernels/arch",
            "tests/tests/layering/main.rs",
        ],
    },
];

#[test]
fn what_must_be_absent_is_absent() {
    let found: Vec<String> = ABSENCES.iter().flat_map(violations).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Keeps the list above from going stale when folders move.
#[test]
fn every_place_of_a_rule_exists() {
    for absence in ABSENCES {
        for place in std::iter::once(&absence.place).chain(absence.except) {
            assert!(root().join(place).exists(), "{place}: {}", absence.rule);
        }
    }
}

fn violations(absence: &Absence) -> Vec<String> {
    let mut found = Vec::new();
    let place = root().join(absence.place);
    let files = if place.is_file() { vec![place] } else { rust_files(&place) };
    for path in files {
        let name =
            path.strip_prefix(root()).expect("below the root").to_string_lossy().replace("./", "");
        if absence.except.iter().any(|except| name.starts_with(except)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable source file");
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = absence.words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{name}:{}: `{word}`: {}", number + 1, absence.rule));
            }
        }
    }
    found
}
