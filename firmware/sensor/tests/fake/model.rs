// A model and sensors by macro, for the tests and for the documentation of `Pipeline`.

use elbow_core::compiled::{self, Compiled, Encoder, Windowed, kind};
use elbow_core::distributions::DiagNormal;
use elbow_core::infer::EncodeError;
use elbow_core::pack::Pack;
use elbow_core::window::{Layout, Normalization, Window, WindowError};

/// A model of four readings of one channel at 100 Hz: the posterior's mean is their sum.
#[derive(Debug)]
pub struct Model;

/// No memory.
#[derive(Debug)]
pub struct Workspace;

impl compiled::Workspace for Workspace {
    const NEW: Self = Self;

    /// Empty.
    fn arena(&mut self) -> &mut [f32] {
        &mut []
    }
}

impl Compiled for Model {
    const NAME: &'static str = "fake";
    const FINGERPRINT: u64 = elbow_models::tiny::model::FINGERPRINT;
    type Kind = kind::EncoderModel;
    type Workspace = Workspace;
    type Inputs = [f32; 4];
    type Outputs = DiagNormal<1>;
    type Error = EncodeError;

    /// The sum.
    fn run(
        _: &Pack<'_>,
        _: &mut Workspace,
        x: &[f32; 4],
        q: &mut DiagNormal<1>,
    ) -> Result<(), EncodeError> {
        (q.loc, q.log_var) = ([x.iter().sum()], [-1.0]);
        Ok(())
    }
}

impl Encoder for Model {
    const OBSERVED: usize = 4;
    const LATENT: usize = 1;
}

impl Windowed for Model {
    type Window = Window<1, 4, 2>;
    type Reading = [f32; 1];
    const WINDOW: Self::Window = Window::new();
    const RATE: Option<f32> = Some(100.0);
    const UNIT: Option<&'static str> = Some("mg");
    const RANGE: Option<[f32; 2]> = Some([-100.0, 100.0]);

    /// As generated code does.
    fn push(window: &mut Self::Window, reading: [f32; 1]) -> Result<bool, WindowError> {
        window.push(reading)
    }

    /// The readings as they are.
    fn observe(window: &Self::Window, inputs: &mut [f32; 4]) -> Result<(), WindowError> {
        let layout = Layout::ChannelsFirst;
        window.observation(&Normalization { mean: [0.0], std: [1.0], layout }, inputs)
    }
}
