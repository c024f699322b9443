//! The smallest program of a model: nothing but its detector, or its main function.

use crate::Linked;
use core::hint::black_box;
use elbow_core::compiled::Buffers;
use elbow_core::detect::{Detector, Monitored};
use elbow_core::pack::Pack;

/// A detector that is handed readings.
pub struct Judging<M: Monitored>(Detector<'static, M>);

impl<M: Linked + Monitored<Reading: Buffers>> Judging<M> {
    /// Not booted yet.
    pub const NEW: Self = Self(Detector::new());

    /// Boots the detector and hands it readings, none of which the compiler knows; returns where one of them or the
    /// weights are refused.
    #[inline(always)]
    pub fn run(&mut self) {
        if self.0.boot(M::weights()).is_err() {
            return;
        }
        let reading = M::Reading::ZEROS;
        while let Ok(verdict) = self.0.push_at(black_box(0), black_box(&reading)) {
            black_box(verdict);
        }
    }
}

/// A model without a detector, whose main function is called: the encoder, the flow, or the graph without roles.
pub struct Running<M: Linked> {
    workspace: M::Workspace,
    inputs: M::Inputs,
    outputs: M::Outputs,
}

impl<M: Linked> Running<M> {
    /// Nothing encoded yet.
    pub const NEW: Self = Self {
        workspace: <M::Workspace as elbow_core::compiled::Workspace>::NEW,
        inputs: M::Inputs::ZEROS,
        outputs: M::Outputs::ZEROS,
    };

    /// Verifies the weights and runs the model on inputs that the compiler does not know; returns where they or the
    /// weights are refused.
    #[inline(always)]
    pub fn run(&mut self) {
        let Ok(pack) = Pack::new_checked(M::weights()) else { return };
        while M::run(&pack, &mut self.workspace, black_box(&self.inputs), &mut self.outputs).is_ok()
        {
            black_box(&mut self.outputs);
        }
    }
}
