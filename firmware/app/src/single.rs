//! The only model of a program, whose generated module is the program's own.

use crate::{Calls, Memory, Model, Models, Serves, Watches};
use elbow_core::compiled::{Buffers, Compiled, Workspace};
use elbow_core::detect::Verdict;
use elbow_core::infer::ElboTerms;
use elbow_core::pack::Pack;
use elbow_core::wire::{Described, Floats, Inference, Inferred, Refusal};

/// What the decoder of a model answers.
type Mean<M> = <<M as Compiled>::Kind as Serves<M>>::Mean;

/// A compiled model with its memory; `W` is its detector, or [`Unwatched`](crate::Unwatched). Other than
/// `elbow_models::Instance` its functions have no names in the image.
pub struct Only<M: Compiled<Kind: Serves<M>>, W> {
    memory: Memory<M, Mean<M>>,
    watch: W,
    weights: &'static [u8],
}

impl<M: Compiled<Kind: Serves<M>>, W: Watches> Only<M, W> {
    /// Bytes of the longest payload of a message.
    pub const PAYLOAD: usize = <M::Kind as Serves<M>>::PAYLOAD;
    /// Latents that are drawn.
    pub const LATENT: usize = <M::Kind as Serves<M>>::LATENT;

    /// The model with these weights, not opened yet.
    #[must_use]
    pub const fn new(weights: &'static [u8]) -> Self {
        Self { memory: Memory::NEW, watch: W::NEW, weights }
    }
}

impl<M: Compiled<Kind: Serves<M>, Error: Into<Refusal>>, W: Watches> Calls for Only<M, W> {
    /// Takes the weights if they are an intact pack.
    fn open(&mut self) -> Result<(), Refusal> {
        self.memory.pack = Some(Pack::new_checked(self.weights).map_err(|_| Refusal::DamagedPack)?);
        Ok(())
    }

    /// By the generated module; [`Refusal::NothingSelected`] before the model is opened.
    fn infer(&mut self) -> Result<(), Refusal> {
        let Memory { pack, workspace, inputs, outputs, .. } = &mut self.memory;
        let pack = pack.as_ref().ok_or(Refusal::NothingSelected)?;
        M::run(pack, workspace, inputs, outputs).map_err(Into::into)
    }

    /// What the model's kind does.
    fn score(&mut self) -> Option<Result<ElboTerms, Refusal>> {
        M::Kind::score(&mut self.memory)
    }

    /// What the model's kind does.
    fn explain(
        &mut self,
        task: (Inference, u32),
        stream: (u64, u64),
    ) -> Option<Result<Inferred, Refusal>> {
        M::Kind::explain(&mut self.memory, task, stream)
    }

    /// What the model's kind does.
    fn log_prob(&mut self) -> Option<Result<f32, Refusal>> {
        M::Kind::log_prob(&mut self.memory)
    }

    /// What the model's detector says.
    fn judge(&mut self, t_us: u64) -> Option<Result<Verdict, Refusal>> {
        self.watch.judge(t_us)
    }
}

impl<M: Compiled<Kind: Serves<M>, Error: Into<Refusal>>, W: Watches> Model for Only<M, W> {
    /// Name, fingerprint, kind and the bytes of the workspace, all constants of the model.
    fn describe(&self) -> Described<'static> {
        Described {
            name: M::NAME,
            fingerprint: M::FINGERPRINT,
            kind: M::Kind::KIND,
            workspace_bytes: size_of::<M::Workspace>() as u32,
        }
    }

    /// What the model's kind says.
    fn explains(&self, task: Inference) -> bool {
        M::Kind::explains(task)
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
        self.watch.start(self.weights)
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

impl<M: Compiled<Kind: Serves<M>, Error: Into<Refusal>>, W: Watches> Models for Only<M, W> {
    const COUNT: u32 = 1;

    /// The model for 0, else `None`.
    fn get(&mut self, index: u32) -> Option<&mut dyn Model> {
        (index == 0).then_some(self as &mut dyn Model)
    }
}
