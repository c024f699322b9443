//! What ties a generated flow to the program.

/// `Loaded`: a flow, its weights, and what it reads and writes; its outputs are `z` and one number.
macro_rules! flow {
    (
        $weights:literal,
        $trace:ident,
        conditions [$($c:ident $condition:literal),*],
        noise [$($eps:ident $noise:literal),*],
        flow [$($given:ident),*]
    ) => {
        use elbow_app::Model;
        use elbow_core::infer::ElboTerms;
        use elbow_core::pack::{Aligned, Pack};
        use elbow_core::wire::{Described, Floats, Kind, Refusal};
        use model::{OBSERVED, Workspace};

        /// Without a posterior nothing is drawn.
        pub const LATENT: usize = 0;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize =
            crate::largest(&[4 * READ, 4 * model::LATENT, 4, model::NAME.len()]);

        const READ: usize =
            OBSERVED $(+ model::CONDITIONS[$condition])* $(+ model::EPS[$noise])*;

        static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!($weights));

        /// The model with its memory.
        pub struct Loaded {
            pack: Option<Pack<'static>>,
            workspace: Workspace,
            x: [f32; OBSERVED],
            $($c: [f32; model::CONDITIONS[$condition]],)*
            $($eps: [f32; model::EPS[$noise]],)*
            z: [f32; model::LATENT],
            log: [f32; 1],
        }

        impl Loaded {
            /// Not opened yet.
            pub const fn new() -> Self {
                Self {
                    pack: None,
                    workspace: Workspace::new(),
                    x: [0.0; OBSERVED],
                    $($c: [0.0; model::CONDITIONS[$condition]],)*
                    $($eps: [0.0; model::EPS[$noise]],)*
                    z: [0.0; model::LATENT],
                    log: [0.0],
                }
            }
        }

        impl Default for Loaded {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Model for Loaded {
            fn open(&mut self) -> Result<(), Refusal> {
                self.pack = Some(Pack::new_checked(&WEIGHTS.0).map_err(|_| Refusal::DamagedPack)?);
                Ok(())
            }

            fn describe(&self) -> Described<'static> {
                Described {
                    name: model::NAME,
                    fingerprint: model::FINGERPRINT,
                    kind: Kind::Bare { inputs: READ as u32, outputs: 2 },
                    workspace_bytes: size_of::<Workspace>() as u32,
                }
            }

            fn reset(&mut self) {}

            fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
                values.copy_to(&mut [&mut self.x, $(&mut self.$c,)* $(&mut self.$eps),*])
            }

            #[inline(never)]
            fn infer(&mut self) -> Result<(), Refusal> {
                let pack = self.pack.as_ref().ok_or(Refusal::NothingSelected)?;
                let workspace = &mut self.workspace;
                self.log = [model::flow(pack, workspace, $(&self.$given,)* &mut self.z)?];
                Ok(())
            }

            fn score(&mut self) -> Option<Result<ElboTerms, Refusal>> {
                None
            }

            fn output(&self, index: u32) -> Option<&[f32]> {
                match index {
                    0 => Some(&self.z),
                    1 => Some(&self.log),
                    _ => None,
                }
            }

            fn clamp_hits(&self) -> u32 {
                0
            }

            fn trace(&self) -> &[u32] {
                trace!($trace, self.workspace)
            }

            fn arena(&mut self) -> &mut [f32] {
                &mut self.workspace.arena
            }
        }
    };
}
