//! A model of the image with its memory.

use elbow_app::{Calls, Memory, Model, Serves};
use elbow_core::compiled::{Buffers, Compiled, Workspace};
use elbow_core::pack::Pack;
use elbow_core::wire::{Described, Floats, Refusal};

/// A compiled model and its weights, linked into the image.
pub trait Linked: Compiled<Kind: Serves<Self>> {
    /// Its weights.
    fn weights() -> &'static [u8];
}

/// A model with its memory.
pub struct Instance<M: Linked>(pub(crate) Memory<M, <M::Kind as Serves<M>>::Mean>);

impl<M: Linked> Instance<M> {
    /// Not opened yet.
    pub const NEW: Self = Self(Memory::NEW);
}

impl<M: Linked> Model for Instance<M>
where
    Self: Calls,
{
    fn open(&mut self) -> Result<(), Refusal> {
        self.0.pack = Some(Pack::new_checked(M::weights()).map_err(|_| Refusal::DamagedPack)?);
        Ok(())
    }

    fn describe(&self) -> Described<'static> {
        Described {
            name: M::NAME,
            fingerprint: M::FINGERPRINT,
            kind: <M::Kind as Serves<M>>::KIND,
            workspace_bytes: size_of::<M::Workspace>() as u32,
        }
    }

    fn reset(&mut self) {
        self.0.workspace.reset();
    }

    fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
        values.copy_to(&mut self.0.inputs)
    }

    fn output(&self, index: u32) -> Option<&[f32]> {
        self.0.outputs.parts().nth(index as usize)
    }

    fn clamp_hits(&self) -> u32 {
        self.0.workspace.clamp_hits()
    }

    fn trace(&self) -> &[u32] {
        self.0.workspace.trace()
    }

    fn set_clock(&mut self, now: fn() -> u32) {
        self.0.workspace.set_clock(now);
    }

    fn arena(&mut self) -> &mut [f32] {
        self.0.workspace.arena()
    }
}
