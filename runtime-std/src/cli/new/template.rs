//! The files of a project, from templates.

use super::Figures;
use elbow::detect::with_calibration;
use elbow::emit::emit;
use elbow::identifier::identifier;
use elbow::model::Loaded;
use elbow::{Precision, Result};
use elbow_toolchain::Board;
use std::path::Path;

/// A project that is written.
pub struct Project<'a> {
    /// Its name.
    pub name: &'a str,
    /// The board.
    pub board: &'static Board,
    /// The model.
    pub loaded: &'a Loaded,
    /// What was found of it.
    pub figures: &'a Figures,
    /// Whether it has a file for CI.
    pub ci: bool,
}

/// What is written for the boards of one crate.
struct Templates {
    /// The crate.
    package: &'static str,
    manifest: &'static str,
    main: &'static str,
    parity: &'static str,
    /// Arguments of the linker.
    link: &'static [&'static str],
    /// How the sensor and the host are connected.
    wiring: &'static str,
    /// How to flash without a debug probe.
    without_probe: &'static str,
    /// Name of the serial port.
    port: &'static str,
}

/// Every crate that a project may be made with.
const TEMPLATES: [Templates; 1] = [Templates {
    package: "rp",
    manifest: include_str!("templates/rp/Cargo.toml.template"),
    main: include_str!("templates/rp/main.rs.template"),
    parity: include_str!("templates/rp/parity.rs.template"),
    link: &["--nmagic", "-Tlink.x", "-Tdefmt.x"],
    wiring: "| | Pin |
|---|---|
| UART to the host, 115,200 baud | GP0 sends, GP1 receives: the cable of the debug probe |
| I2C to a LIS3DH, 400 kHz | GP4 data, GP5 clock |",
    without_probe: "Without a probe, hold BOOTSEL while you plug the board in, and copy a UF2 onto the drive that \
                    appears (`cargo install elf2uf2-rs`, `elf2uf2-rs -d target/TRIPLE/release/NAME`).",
    port: "/dev/ttyACM0",
}];

/// Files that are the same for every board, but for what is filled in.
const COMMON: [(&str, &str); 4] = [
    ("build.rs", include_str!("templates/build.rs.template")),
    (".cargo/config.toml", include_str!("templates/config.toml.template")),
    (".gitignore", include_str!("templates/gitignore.template")),
    ("README.md", include_str!("templates/README.md.template")),
];
const CI: (&str, &str) = (".github/workflows/build.yml", include_str!("templates/ci.yml.template"));

impl Project<'_> {
    /// Writes the project's own files into `folder`. An environment error where one cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let (loaded, _) = with_calibration(self.loaded.clone());
        let judges = emit(&loaded.model)?.budget.ram_bytes.detector.is_some();
        let templates = TEMPLATES.iter().find(|own| own.package == self.board.package);
        let templates = templates.ok_or_else(|| {
            elbow::Error::input(format!(
                "there is no project for the {} yet; its crate is firmware/boards/{}",
                self.board.title, self.board.package
            ))
        })?;
        let own = [
            ("Cargo.toml", templates.manifest),
            ("src/main.rs", templates.main),
            ("src/bin/parity.rs", templates.parity),
        ];
        let ci = self.ci.then_some(CI);
        for (file, template) in own.into_iter().chain(COMMON).chain(ci) {
            let text = self.filled(templates, template, judges);
            super::write(&folder.join(file), text.as_bytes())?;
        }
        Ok(())
    }

    /// The template with everything in double braces filled in; `judges` says whether the model has a detector.
    fn filled(&self, templates: &Templates, template: &str, judges: bool) -> String {
        let Self { name, board, loaded, figures, .. } = self;
        let link = templates.link.iter().chain((board.name == "pico").then_some(&"-Tlink-rp.x"));
        let link: String =
            link.map(|argument| format!("    \"-Clink-arg={argument}\",\n")).collect();
        let without_probe =
            templates.without_probe.replace("TRIPLE", board.triple).replace("NAME", name);
        let (sensing, watch, watched) = match judges {
            true => ("Judging", "Watched", "Watched<model::Model>"),
            false => ("Scoring", "Unwatched", "Unwatched"),
        };
        let (compile, precision) = match loaded.precision() {
            Precision::F32 => ("compile(\"model/elbow.toml\")", ""),
            _ => (
                "compile_int8(\"model/elbow.toml\", \"model/calibration.npy\")",
                " --precision int8 --calibration model/calibration.npy",
            ),
        };
        let values = [
            ("{{name}}", name.to_string()),
            ("{{model}}", identifier(&loaded.model.name)),
            ("{{board}}", board.name.into()),
            ("{{title}}", board.title.into()),
            ("{{triple}}", board.triple.into()),
            ("{{chip}}", board.chip.into()),
            ("{{sensing}}", sensing.into()),
            ("{{watch}}", watch.into()),
            ("{{watched}}", watched.into()),
            ("{{link}}", link),
            ("{{wiring}}", templates.wiring.into()),
            ("{{without_probe}}", without_probe),
            ("{{compile}}", compile.into()),
            ("{{precision}}", precision.into()),
            ("{{port}}", templates.port.into()),
            ("{{version}}", env!("CARGO_PKG_VERSION").into()),
            ("{{figures}}", figures.to_string()),
        ];
        values.iter().fold(template.to_string(), |text, (key, value)| text.replace(key, value))
    }
}

/// The line that builds both programs of the project in `folder` on this computer: by the installed toolchain, or
/// Debian's pair. `Err` says what to install where there is neither.
pub fn build_line(board: &Board, folder: &Path) -> std::result::Result<String, String> {
    use elbow_toolchain::Compiler;
    let folder = folder.display();
    match Compiler::find(board.triple) {
        Ok(Compiler::Installed) => Ok(format!("cd {folder} && cargo build --release")),
        Ok(Compiler::Debian) => {
            let linker = board.triple.to_uppercase().replace(['-', '.'], "_");
            Ok(format!(
                "cd {folder} && PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 \
                 CARGO_TARGET_{linker}_LINKER=/usr/bin/arm-none-eabi-ld cargo build --release -Zbuild-std=core"
            ))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The project's own files in `folder`, by their paths in it, sorted; without Elbow's sources.
pub fn files(folder: &Path) -> Vec<String> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for path in
            std::fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path())
        {
            match path.is_dir() {
                true if path == folder.join("elbow") => {}
                true => folders.push(path),
                false => {
                    files.extend(path.strip_prefix(folder).ok().map(|p| p.display().to_string()))
                }
            }
        }
    }
    files.sort();
    files
}
