//! A model of the image with its memory.

use elbow_app::{Calls, Memory, Model, Serves, Watches};
use elbow_core::compiled::{Buffers, Compiled, Workspace};
use elbow_core::wire::{Described, Floats, Inference, Refusal};

/// A compiled model and its weights, linked into the image.
pub trait Linked: Compiled<Kind: Serves<Self>> {
    /// Its detector, or nothing.
    type Watch: Watches;

    /// Its weights, as bytes of a pack that is not verified yet.
    fn weights() -> &'static [u8];
}

/// A model with its memory, and its detector, which has memory of its own.
pub struct Instance<M: Linked> {
    pub(crate) memory: Memory<M, <M::Kind as Serves<M>>::Mean>,
    pub(crate) watch: M::Watch,
}

impl<M: Linked> Instance<M> {
    /// Not opened yet.
    pub const NEW: Self = Self { memory: Memory::NEW, watch: M::Watch::NEW };
}

impl<M: Linked> Model for Instance<M>
where
    Self: Calls,
{
    /// Name, fingerprint, kind and the bytes of the workspace, all constants of the model.
    fn describe(&self) -> Described<'static> {
        Described {
            name: M::NAME,
            fingerprint: M::FINGERPRINT,
            kind: <M::Kind as Serves<M>>::KIND,
            workspace_bytes: size_of::<M::Workspace>() as u32,
        }
    }

    /// [`Serves::explains`] of the model's kind.
    fn explains(&self, task: Inference) -> bool {
        <M::Kind as Serves<M>>::explains(task)
    }

    /// Zeros the state in the workspace.
    fn reset(&mut self) {
        self.memory.workspace.reset();
    }

    /// Copies `values` to the inputs, which stay as they are after [`Refusal::WrongLength`].
    fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
        values.copy_to(&mut self.memory.inputs)
    }

    /// Array number `index` of the outputs; `None` where there are not so many.
    fn output(&self, index: u32) -> Option<&[f32]> {
        self.memory.outputs.parts().nth(index as usize)
    }

    /// [`Workspace::clamp_hits`]
    fn clamp_hits(&self) -> u32 {
        self.memory.workspace.clamp_hits()
    }

    /// [`Workspace::trace`]
    fn trace(&self) -> &[u32] {
        self.memory.workspace.trace()
    }

    /// [`Workspace::set_clock`]
    fn set_clock(&mut self, now: fn() -> u32) {
        self.memory.workspace.set_clock(now);
    }

    /// [`Watches::start`] with its weights.
    fn watch(&mut self) -> Option<Result<u32, Refusal>> {
        self.watch.start(M::weights())
    }

    /// [`Watches::take`]
    fn take(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
        self.watch.take(values)
    }

    /// [`Watches::sums`]
    fn sums(&self) -> [f32; 2] {
        self.watch.sums()
    }

    /// [`Workspace::arena`]
    fn arena(&mut self) -> &mut [f32] {
        self.memory.workspace.arena()
    }
}
