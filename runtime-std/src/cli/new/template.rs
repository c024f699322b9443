//! The files of a project, from templates.

use super::{Figures, write};
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
    /// Name of the sensor, where it is not that of the board.
    pub sensor: Option<&'a str>,
    /// Whether it has a file for CI.
    pub ci: bool,
}

/// What is written for the boards of one crate.
struct Templates {
    /// The crate.
    package: &'static str,
    main: &'static str,
    parity: &'static str,
    /// The HAL, as a dependency.
    hal: &'static str,
}

/// Every crate that a project may be made with.
const TEMPLATES: [Templates; 3] = [
    Templates {
        package: "rp",
        main: include_str!("templates/rp/main.rs.template"),
        parity: include_str!("templates/rp/parity.rs.template"),
        hal: "embassy-rp = { version = \"0.10\", features = [\"time-driver\", \"critical-section-impl\"] }",
    },
    Templates {
        package: "nrf",
        main: include_str!("templates/nrf/main.rs.template"),
        parity: include_str!("templates/nrf/parity.rs.template"),
        hal: "embassy-nrf = \"0.11\"",
    },
    Templates {
        package: "stm32",
        main: include_str!("templates/stm32/main.rs.template"),
        parity: include_str!("templates/stm32/parity.rs.template"),
        hal: "embassy-stm32 = \"0.6\"",
    },
];

/// A sensor that a project can be made with.
pub struct KnownSensor {
    /// Name on the command line.
    pub name: &'static str,
    /// Name for people.
    title: &'static str,
    /// Type of its driver in `elbow_sensor`.
    driver: &'static str,
}

/// Every sensor with a driver.
pub const SENSORS: [KnownSensor; 2] = [
    KnownSensor { name: "lis3dh", title: "a LIS3DH", driver: "Lis3dh" },
    KnownSensor { name: "lsm6ds", title: "an LSM6DSL or LSM6DS3TR-C", driver: "Lsm6ds" },
];

/// Where a sensor is.
#[derive(Clone, Copy)]
enum Place {
    /// On the board: what it is. Its bus is not at the board's pins.
    OnBoard(&'static str),
    /// Wired to these pins, with SA0 low.
    At(&'static str),
}

/// What a project says of one board.
pub struct Wiring {
    /// The board.
    board: &'static str,
    /// Name of the sensor.
    pub sensor: &'static str,
    /// Whether the sensor's address is the higher one.
    is_high: bool,
    /// Where the sensor is.
    sensed: Place,
    /// The link to the host, and where it is.
    pub linked: &'static str,
    /// How to flash without a debug probe, where one is not on the board.
    flashed: &'static str,
}

const BOOTSEL: &str = "Without a probe, hold BOOTSEL while you plug the board in: `elbow flash-file target/TRIPLE/release/NAME \
                       --board BOARD -o NAME.uf2` writes what is copied onto the drive that appears.";
const ON_BOARD: &str = "The probe is on the board.";

/// Every board's.
const WIRINGS: [Wiring; 7] = [
    Wiring {
        board: "pico",
        sensor: "lis3dh",
        is_high: false,
        sensed: Place::At("GP4 (data) and GP5 (clock)"),
        linked: "UART at GP0 (sends) and GP1 (receives): the cable of the debug probe",
        flashed: BOOTSEL,
    },
    Wiring {
        board: "pico2",
        sensor: "lis3dh",
        is_high: false,
        sensed: Place::At("GP4 (data) and GP5 (clock)"),
        linked: "UART at GP0 (sends) and GP1 (receives): the cable of the debug probe",
        flashed: BOOTSEL,
    },
    Wiring {
        board: "microbit-v2",
        sensor: "lis3dh",
        is_high: true,
        sensed: Place::OnBoard(
            "the LSM303AGR on the board, whose accelerometer has the registers of a LIS2DH",
        ),
        linked: "the USB port",
        flashed: "The probe is on the board. Without `probe-rs`, `elbow flash-file target/TRIPLE/release/NAME --board BOARD -o \
                  NAME.hex` writes what is copied onto the drive that the board shows as.",
    },
    Wiring {
        board: "nrf52840-dk",
        sensor: "lis3dh",
        is_high: false,
        sensed: Place::At("P0.26 (data) and P0.27 (clock)"),
        linked: "the USB port of the J-Link",
        flashed: ON_BOARD,
    },
    Wiring {
        board: "xiao-sense",
        sensor: "lsm6ds",
        is_high: false,
        sensed: Place::OnBoard("the LSM6DS3TR-C on the board"),
        linked: "UART at D6 (sends) and D7 (receives)",
        flashed: "Without a probe, press reset twice: `elbow flash-file target/TRIPLE/release/NAME --board BOARD -o NAME.uf2` \
                  writes what is copied onto the drive that appears. The image begins behind that bootloader, and a probe \
                  leaves it in place.",
    },
    Wiring {
        board: "nucleo-l476rg",
        sensor: "lis3dh",
        is_high: false,
        sensed: Place::At("D14 (data) and D15 (clock)"),
        linked: "the USB port of the ST-Link",
        flashed: ON_BOARD,
    },
    Wiring {
        board: "b-l475e-iot01a",
        sensor: "lsm6ds",
        is_high: false,
        sensed: Place::OnBoard("the LSM6DSL on the board"),
        linked: "the USB port of the ST-Link",
        flashed: ON_BOARD,
    },
];

/// What a project says of this board. An input error where there is no project for it yet.
pub fn wiring(board: &Board) -> Result<&'static Wiring> {
    WIRINGS.iter().find(|own| own.board == board.name).ok_or_else(|| {
        elbow::Error::input(format!(
            "there is no project for the {} yet; its crate is firmware/boards/{}",
            board.title, board.package
        ))
    })
}

impl Wiring {
    /// Names of the sensors that the board can have: its own, or any that can be wired to it.
    pub fn sensors(&self) -> Vec<&'static str> {
        match self.sensed {
            Place::OnBoard(_) => vec![self.sensor],
            Place::At(_) => SENSORS.iter().map(|sensor| sensor.name).collect(),
        }
    }

    /// The sensor of this name, the board's own where there is none, and where it is. An input error where the board
    /// cannot have it.
    fn sensed(&self, name: Option<&str>) -> Result<(&'static KnownSensor, String)> {
        let name = name.unwrap_or(self.sensor);
        let known = SENSORS.iter().find(|sensor| sensor.name == name);
        let Some(known) = known.filter(|_| self.sensors().contains(&name)) else {
            return Err(elbow::Error::input(format!(
                "--sensor {name}: the bus of the {} is not at its pins; its sensor is {}",
                self.board, self.sensor
            )));
        };
        let place = match self.sensed {
            Place::OnBoard(what) => what.into(),
            Place::At(pins) => format!("{} with SA0 low, at {pins}", known.title),
        };
        Ok((known, place))
    }
}

/// Arguments of the linker for every board, and for the Pico's own start.
const LINK: [&str; 3] = ["--nmagic", "-Tlink.x", "-Tdefmt.x"];
const LINK_PICO: &str = "-Tlink-rp.x";
/// Name that a board's port often has.
const PORT: &str = "/dev/ttyACM0";

/// Files that are the same for every board, but for what is filled in.
const COMMON: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("templates/Cargo.toml.template")),
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
        let wiring = wiring(self.board)?;
        let templates = TEMPLATES.iter().find(|own| own.package == self.board.package);
        let templates = templates.ok_or_else(|| {
            elbow::Error::input(format!("no programs for boards of {} yet", self.board.package))
        })?;
        let values = self.values(wiring, templates.hal, judges)?;
        let own = [("src/main.rs", templates.main), ("src/bin/parity.rs", templates.parity)];
        let ci = self.ci.then_some(CI);
        for (file, template) in own.into_iter().chain(COMMON).chain(ci) {
            let text = values
                .iter()
                .fold(template.to_string(), |text, (key, value)| text.replace(key, value));
            write(&folder.join(file), text.as_bytes())?;
        }
        Ok(())
    }

    /// What stands for each word in double braces of a template, by what is known of the board; `judges` says whether
    /// the model has a detector. An input error where the board cannot have the sensor.
    fn values(
        &self,
        wiring: &Wiring,
        hal: &str,
        judges: bool,
    ) -> Result<Vec<(&'static str, String)>> {
        let Self { name, board, loaded, figures, .. } = self;
        let (sensor, sensed) = wiring.sensed(self.sensor)?;
        let link = LINK.iter().chain((board.name == "pico").then_some(&LINK_PICO));
        let link: String =
            link.map(|argument| format!("    \"-Clink-arg={argument}\",\n")).collect();
        let flashed = wiring.flashed.replace("TRIPLE", board.triple);
        let flashed = flashed.replace("NAME", name).replace("BOARD", board.name);
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
        Ok(vec![
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
            ("{{package}}", board.package.into()),
            ("{{hal}}", hal.into()),
            ("{{sensor}}", sensor.driver.into()),
            ("{{is_high}}", wiring.is_high.to_string()),
            ("{{sensed}}", sensed),
            ("{{linked}}", wiring.linked.into()),
            ("{{flashed}}", flashed),
            ("{{compile}}", compile.into()),
            ("{{precision}}", precision.into()),
            ("{{port}}", PORT.into()),
            ("{{version}}", env!("CARGO_PKG_VERSION").into()),
            ("{{figures}}", figures.to_string()),
        ])
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
