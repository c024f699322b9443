//! A firmware that is generic over its model, with the module of `tests/golden` read as a build script's output
//! is read.

use elbow_core::compiled::{Buffers, Compiled, Scored, Windowed, Workspace};
use elbow_core::distributions::DiagNormal;
use elbow_core::pack::{Aligned, Pack};
use elbow_core::window::Window;

/// A small model.
mod tiny {
    include!("../../../golden/tiny/model.rs");
}

static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../golden/tiny/weights.bin"));

const READINGS: [[f32; 2]; 4] = [[0.5, -1.0], [2.0, 0.25], [0.0, 1.0], [40.0, -7.0]];

/// Says of every observation whether it is anomalous.
struct Alarm<M: Scored + Windowed> {
    window: M::Window,
    workspace: M::Workspace,
    inputs: M::Inputs,
    q: M::Outputs,
    x_mean: M::Mean,
}

impl<M: Scored + Windowed> Alarm<M> {
    const fn new() -> Self {
        Self {
            window: M::WINDOW,
            workspace: M::Workspace::NEW,
            inputs: M::Inputs::ZEROS,
            q: M::Outputs::ZEROS,
            x_mean: M::Mean::ZEROS,
        }
    }

    /// The score of the observation that ends with this reading, once one is due, and whether it is below the
    /// threshold.
    fn push(&mut self, pack: &Pack, reading: M::Reading) -> Option<(f32, bool)> {
        if !M::push(&mut self.window, reading).expect("finite") {
            return None;
        }
        M::observe(&self.window, &mut self.inputs).expect("complete");
        M::encode(pack, &mut self.workspace, &self.inputs, &mut self.q).expect("finite");
        let Self { workspace, inputs, q, x_mean, .. } = self;
        let score = M::score(pack, workspace, inputs, q, x_mean).expect("finite").elbo();
        Some((score, score < M::THRESHOLD.expect("one is declared")))
    }
}

#[test]
fn a_firmware_that_is_generic_over_its_model_does_what_the_plain_functions_do() {
    let pack = Pack::new_checked(&WEIGHTS.0).expect("a pack");
    let mut alarm = Alarm::<tiny::Model>::new();
    let mut window = Window::<{ tiny::CHANNELS }, { tiny::LENGTH }, { tiny::HOP }>::new();
    let (mut ws, mut x) = (tiny::Workspace::new(), [0.0; tiny::OBSERVED]);
    let (mut q, mut x_mean) = (DiagNormal::standard(), [0.0; tiny::OBSERVED]);
    let mut due = 0;
    for reading in READINGS {
        let found = alarm.push(&pack, reading);
        let expected = window.push(reading).expect("finite").then(|| {
            window.observation(&tiny::NORMALIZATION, &mut x).expect("complete");
            tiny::encode(&pack, &mut ws, &x, &mut q).expect("finite");
            let terms = tiny::score(&pack, &mut ws, &x, &q, &mut x_mean).expect("finite");
            (terms.elbo(), terms.elbo() < tiny::THRESHOLD)
        });
        assert_eq!(found, expected);
        due += u32::from(found.is_some());
    }
    assert_eq!(due, 3);
    assert_eq!(tiny::Model::NAME, "tiny");
}
