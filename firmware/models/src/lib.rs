//! The generated models of an image, numbered: what `build.rs` found in `$ELBOW_MODELS`.
//!
//! Nothing here depends on what a model computes: that, its module says with the traits of
//! [`elbow_core::compiled`], by which `elbow_app::Serves` calls it.
#![no_std]

mod alone;
mod instance;

pub use alone::{Judging, Running};
pub use instance::{Instance, Linked};

use elbow_app::{Model, Models, largest};
use elbow_core::wire;

/// What ties the generated module `model` to the program: its weights, and its functions under the names
/// by which the host finds them in the image.
macro_rules! linked {
    (
        $weights:literal,
        open $open:literal,
        infer $infer:literal,
        score $score:literal,
        explain $explain:literal,
        log_prob $log_prob:literal,
        judge $judge:literal by $watch:ty
    ) => {
        use crate::{Instance, Linked};
        use elbow_app::{Calls, Memory, Serves, Watches};
        use elbow_core::compiled::Compiled;
        use elbow_core::detect::Verdict;
        use elbow_core::infer::ElboTerms;
        use elbow_core::pack::{Aligned, Pack};
        use elbow_core::wire::{Inference, Inferred, Refusal};

        pub(crate) type Kind = <model::Model as Compiled>::Kind;
        pub(crate) const PAYLOAD: usize = <Kind as Serves<model::Model>>::PAYLOAD;
        pub(crate) const LATENT: usize = <Kind as Serves<model::Model>>::LATENT;

        static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!($weights));

        impl Linked for model::Model {
            type Watch = $watch;

            /// The file of the pack, as it was when the image was built.
            fn weights() -> &'static [u8] {
                &WEIGHTS.0
            }
        }

        #[expect(unsafe_code, reason = "a name of the image's own, which no other function has")]
        impl Calls for Instance<model::Model> {
            /// Takes the weights if they are an intact pack; after [`Refusal::DamagedPack`] those of an earlier
            /// call stay.
            #[inline(never)]
            #[unsafe(export_name = $open)]
            fn open(&mut self) -> Result<(), Refusal> {
                let pack = Pack::new_checked(<model::Model as Linked>::weights());
                self.memory.pack = Some(pack.map_err(|_| Refusal::DamagedPack)?);
                Ok(())
            }

            /// Runs the model on its inputs, by its generated module; [`Refusal::NothingSelected`] before it
            /// is opened.
            #[inline(never)]
            #[unsafe(export_name = $infer)]
            fn infer(&mut self) -> Result<(), Refusal> {
                let Memory { pack, workspace, inputs, outputs, .. } = &mut self.memory;
                let pack = pack.as_ref().ok_or(Refusal::NothingSelected)?;
                Ok(model::Model::run(pack, workspace, inputs, outputs)?)
            }

            /// What the model's kind does.
            #[inline(never)]
            #[unsafe(export_name = $score)]
            fn score(&mut self) -> Option<Result<ElboTerms, Refusal>> {
                Kind::score(&mut self.memory)
            }

            /// What the model's kind does.
            #[inline(never)]
            #[unsafe(export_name = $explain)]
            fn explain(
                &mut self,
                task: (Inference, u32),
                stream: (u64, u64),
            ) -> Option<Result<Inferred, Refusal>> {
                Kind::explain(&mut self.memory, task, stream)
            }

            /// What the model's kind does.
            #[inline(never)]
            #[unsafe(export_name = $log_prob)]
            fn log_prob(&mut self) -> Option<Result<f32, Refusal>> {
                Kind::log_prob(&mut self.memory)
            }

            /// What the model's detector says.
            #[inline(never)]
            #[unsafe(export_name = $judge)]
            fn judge(&mut self, t_us: u64) -> Option<Result<Verdict, Refusal>> {
                self.watch.judge(t_us)
            }
        }
    };
}

/// `Image`: every model, numbered in the order given.
macro_rules! table {
    ($($name:ident),+) => {
        const PAYLOAD: usize = largest(&[$($name::PAYLOAD),+]);
        const LATENT: usize = largest(&[$($name::LATENT),+]);

        /// Every model with its memory.
        pub struct Image {
            $($name: Instance<$name::model::Model>),+
        }

        impl Image {
            /// Nothing opened yet.
            pub const fn new() -> Self {
                Self { $($name: Instance::<$name::model::Model>::NEW),+ }
            }
        }

        impl Default for Image {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Models for Image {
            const COUNT: u32 = [$(stringify!($name)),+].len() as u32;

            /// Model number `index`; `None` where there are not so many.
            fn get(&mut self, index: u32) -> Option<&mut dyn Model> {
                let models: [&mut dyn Model; Self::COUNT as usize] = [$(&mut self.$name),+];
                models.into_iter().nth(index as usize)
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/models.rs"));

/// The memory of the program for these models.
pub type Task = elbow_app::Task<MESSAGE, FRAME, LATENT>;

/// Bytes of the longest message.
pub const MESSAGE: usize = wire::message_len(PAYLOAD);
/// Bytes of the longest frame.
pub const FRAME: usize = wire::frame_len(PAYLOAD);
