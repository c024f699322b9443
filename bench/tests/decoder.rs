//! Every instruction of an image is filed where its mnemonic belongs, as binutils reads it.

use elbow_bench::{Options, contestants, elbow_image, workload};
use elbow_emulator::{Class, FloatKind, class};
use elbow_toolchain::Core;
use std::path::Path;
use std::process::Command;

/// The timing class of a mnemonic, as far as it decides the cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Simple,
    Multiply,
    MultiplyAdd,
    MultiplyLong,
    MultiplyAddLong,
    Divide,
    Load,
    Store,
    List,
    Branch,
    Call,
    TableBranch,
    System,
    Float(FloatKind),
}

fn of_class(class: Class) -> Kind {
    match class {
        Class::Simple => Kind::Simple,
        Class::Multiply => Kind::Multiply,
        Class::MultiplyAdd => Kind::MultiplyAdd,
        Class::MultiplyLong => Kind::MultiplyLong,
        Class::MultiplyAddLong => Kind::MultiplyAddLong,
        Class::Divide => Kind::Divide,
        Class::Load => Kind::Load,
        Class::Store | Class::StoreIndexed | Class::FloatStore(_) => Kind::Store,
        Class::List(..) => Kind::List,
        Class::Branch => Kind::Branch,
        Class::Call => Kind::Call,
        Class::TableBranch => Kind::TableBranch,
        Class::System => Kind::System,
        Class::Float(kind, _, _) => Kind::Float(kind),
        Class::MovePair => Kind::Float(FloatKind::Move),
    }
}

fn of_mnemonic(mnemonic: &str, operands: &str) -> Kind {
    let name = mnemonic.trim_end_matches(".w").trim_end_matches(".n");
    let is = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    match name {
        _ if is(&[
            "ldm", "stm", "pop", "push", "ldrd", "strd", "vldm", "vstm", "vpush", "vpop",
        ]) =>
        {
            Kind::List
        }
        _ if is(&["vldr", "vstr"]) && operands.starts_with('d') => Kind::List,
        _ if is(&["ldr", "vldr"]) => Kind::Load,
        _ if is(&["str", "vstr"]) => Kind::Store,
        "bl" => Kind::Call,
        // With a condition: `bleq`, but neither `ble` nor `blx`.
        _ if is(&["bl"]) && name.len() == 4 => Kind::Call,
        _ if is(&["bic", "bfi", "bfc", "bkpt"]) => Kind::Simple,
        _ if is(&["b", "cbz", "cbnz"]) => Kind::Branch,
        _ if is(&["tbb", "tbh"]) => Kind::TableBranch,
        _ if is(&["mrs", "msr", "dsb", "dmb", "isb"]) => Kind::System,
        _ if is(&["sdiv", "udiv"]) => Kind::Divide,
        _ if is(&["smull", "umull"]) => Kind::MultiplyLong,
        "smlal" | "umlal" | "umaal" => Kind::MultiplyAddLong,
        _ if is(&["mul"]) => Kind::Multiply,
        _ if is(&["mla", "mls"]) => Kind::MultiplyAdd,
        _ if is(&["vmla", "vmls", "vfma", "vfms", "vnmla", "vnmls", "vfnma", "vfnms"]) => {
            Kind::Float(FloatKind::MultiplyAdd)
        }
        _ if is(&["vdiv", "vsqrt"]) => Kind::Float(FloatKind::Divide),
        _ if is(&["vmrs", "vmsr"]) || (is(&["vmov"]) && !name.contains('.')) => {
            Kind::Float(FloatKind::Move)
        }
        _ if is(&["v"]) => Kind::Float(FloatKind::Simple),
        _ => Kind::Simple,
    }
}

#[test]
fn an_instruction_of_rust_is_filed_under_its_mnemonic() {
    for core in ["m3", "m4"] {
        let image = elbow_image(Core::named(core).expect("a core")).expect("an image");
        check(&image);
    }
}

#[test]
fn an_instruction_of_a_peer_is_filed_under_its_mnemonic() {
    let work = workload("W1-128").expect("a workload");
    let options = Options { peers: vec!["CMSIS-NN".to_owned()], ..Options::default() };
    let peers = contestants(&options).into_iter().filter(|who| who.name() == "CMSIS-NN");
    for peer in peers {
        for core in ["m0", "m3", "m4"] {
            let core = Core::named(core).expect("a core");
            for image in peer.images(core, &[work]).expect("an image") {
                check(&image.path);
            }
        }
    }
}

fn check(image: &Path) {
    let mut objdump = Command::new("arm-none-eabi-objdump");
    let output = objdump.arg("-d").arg(image).output().expect("binutils for Arm");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let read = text.lines().filter_map(instruction).filter(|(_, name, _)| !name.starts_with('.'));
    let mut instructions = 0;
    for (code, mnemonic, operands) in read {
        let found = of_class(class(code[0], code[1]));
        assert_eq!(found, of_mnemonic(mnemonic, operands), "{mnemonic} {operands} {code:04x?}");
        instructions += 1;
    }
    assert!(instructions > 2000, "{}: {instructions}", image.display());
}

/// `    1c00:\tf85a 1b04 \tldr.w\tr1, [sl], #4`
fn instruction(line: &str) -> Option<([u16; 2], &str, &str)> {
    let mut parts = line.strip_prefix(' ')?.split('\t');
    let (_, code, mnemonic) = (parts.next()?, parts.next()?, parts.next()?);
    let mut halfwords = code.split_whitespace().map(|word| u16::from_str_radix(word, 16));
    let first = halfwords.next()?.ok()?;
    let second = halfwords.next().and_then(Result::ok).unwrap_or(0);
    Some(([first, second], mnemonic, parts.next().unwrap_or("")))
}
