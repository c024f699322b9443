//! What ties a generated graph without roles to the program.

/// `Loaded`: a graph, its weights, and what it reads and writes.
macro_rules! bare {
    (
        $trace:ident,
        [$($x:ident $input:literal),*],
        [$($y:ident $output:literal),*],
        $weights:literal
    ) => {
        use elbow_app::Model;
        use elbow_core::infer::ElboTerms;
        use elbow_core::pack::{Aligned, Pack};
        use elbow_core::wire::{Described, Floats, Kind, Refusal};
        use model::{INPUTS, OUTPUTS, Workspace};

        /// A graph without roles has none.
        pub const LATENT: usize = 0;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize =
            crate::largest(&[4 * READ, 4 * crate::largest(&OUTPUTS), model::NAME.len()]);

        const READ: usize = 0 $(+ INPUTS[$input])*;

        static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!($weights));

        /// The model with its memory.
        pub struct Loaded {
            pack: Option<Pack<'static>>,
            workspace: Workspace,
            $($x: [f32; INPUTS[$input]],)*
            $($y: [f32; OUTPUTS[$output]],)*
        }

        impl Loaded {
            /// Not opened yet.
            pub const fn new() -> Self {
                Self {
                    pack: None,
                    workspace: Workspace::new(),
                    $($x: [0.0; INPUTS[$input]],)*
                    $($y: [0.0; OUTPUTS[$output]],)*
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
                    kind: Kind::Bare { inputs: READ as u32, outputs: OUTPUTS.len() as u32 },
                    workspace_bytes: size_of::<Workspace>() as u32,
                }
            }

            fn reset(&mut self) {}

            fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
                values.copy_to(&mut [$(&mut self.$x),*])
            }

            #[inline(never)]
            fn infer(&mut self) -> Result<(), Refusal> {
                let Self { pack, workspace, $($x,)* $($y,)* } = self;
                let pack = pack.as_ref().ok_or(Refusal::NothingSelected)?;
                Ok(model::run(pack, workspace, $($x,)* $($y,)*)?)
            }

            fn score(&mut self) -> Option<Result<ElboTerms, Refusal>> {
                None
            }

            fn output(&self, index: u32) -> Option<&[f32]> {
                match index {
                    $($output => Some(&self.$y),)*
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
