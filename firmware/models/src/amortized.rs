//! What ties a generated encoder to the program.

/// `Loaded`: an encoder, its decoder if it is `scored`, its weights, and what they read and write.
///
/// Each condition and noise input comes with its number and length, each posterior with its number of
/// latents and the positions of mean and log-variance among the outputs.
macro_rules! amortized {
    (
        $weights:literal,
        $decoder:ident,
        $state:ident,
        $trace:ident,
        conditions [$($c:ident $condition:literal),*],
        noise [$($eps:ident $noise:literal),*],
        encode [$($given:ident),*],
        score [$($decoded:ident),*],
        posteriors [$($q:ident $latent:expr, $mean:literal $log_var:literal);+]
    ) => {
        use elbow_app::Model;
        use elbow_core::distributions::DiagNormal;
        use elbow_core::infer::ElboTerms;
        use elbow_core::pack::{Aligned, Pack};
        use elbow_core::wire::{Described, Floats, Kind, Refusal};
        use model::{OBSERVED, Workspace};

        /// Length of all latents together.
        pub const LATENT: usize = model::LATENT;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize = crate::largest(&[4 * READ, 8 * LATENT, model::NAME.len()]);

        const READ: usize =
            OBSERVED $(+ model::CONDITIONS[$condition])* $(+ model::EPS[$noise])*;
        const POSTERIORS: &[usize] = &[$($latent),+];

        static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!($weights));

        /// The model with its memory.
        pub struct Loaded {
            pack: Option<Pack<'static>>,
            workspace: Workspace,
            x: [f32; OBSERVED],
            $($c: [f32; model::CONDITIONS[$condition]],)*
            $($eps: [f32; model::EPS[$noise]],)*
            $($q: DiagNormal<{ $latent }>,)+
            x_mean: Decoded,
        }

        decoder!($decoder, [$($decoded),*]);

        impl Loaded {
            /// Not opened yet.
            pub const fn new() -> Self {
                Self {
                    pack: None,
                    workspace: Workspace::new(),
                    x: [0.0; OBSERVED],
                    $($c: [0.0; model::CONDITIONS[$condition]],)*
                    $($eps: [0.0; model::EPS[$noise]],)*
                    $($q: DiagNormal::standard(),)+
                    x_mean: NOT_DECODED,
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
                    kind: Kind::Amortized {
                        inputs: READ as u32,
                        latent: LATENT as u32,
                        posteriors: POSTERIORS.len() as u32,
                        scored: SCORED,
                    },
                    workspace_bytes: size_of::<Workspace>() as u32,
                }
            }

            fn reset(&mut self) {
                state!($state, self.workspace);
            }

            fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
                values.copy_to(&mut [&mut self.x, $(&mut self.$c,)* $(&mut self.$eps),*])
            }

            #[inline(never)]
            fn infer(&mut self) -> Result<(), Refusal> {
                let pack = self.pack.as_ref().ok_or(Refusal::NothingSelected)?;
                let workspace = &mut self.workspace;
                let encoded =
                    model::encode(pack, workspace, $(&self.$given,)* $(&mut self.$q),+);
                Ok(encoded?)
            }

            #[inline(never)]
            fn score(&mut self) -> Option<Result<ElboTerms, Refusal>> {
                score(self)
            }

            fn output(&self, index: u32) -> Option<&[f32]> {
                match index {
                    $($mean => Some(&self.$q.loc), $log_var => Some(&self.$q.log_var),)+
                    _ => None,
                }
            }

            fn clamp_hits(&self) -> u32 {
                self.workspace.clamp_hits
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

/// Zeros a workspace's state.
macro_rules! state {
    (stateful, $workspace:expr) => {
        $workspace.reset()
    };
    (stateless, $workspace:expr) => {};
}

/// What `Loaded` keeps and does for a decoder.
macro_rules! decoder {
    (scored, [$($decoded:ident),*]) => {
        const SCORED: bool = true;
        type Decoded = [f32; OBSERVED];
        const NOT_DECODED: Decoded = [0.0; OBSERVED];

        fn score(loaded: &mut Loaded) -> Option<Result<ElboTerms, Refusal>> {
            let Loaded { pack, workspace, x, $($decoded,)* q, x_mean, .. } = loaded;
            let terms = model::score(pack.as_ref()?, workspace, x, $($decoded,)* q, x_mean);
            Some(terms.map_err(Refusal::from))
        }
    };
    (unscored, []) => {
        const SCORED: bool = false;
        type Decoded = ();
        const NOT_DECODED: Decoded = ();

        fn score(loaded: &mut Loaded) -> Option<Result<ElboTerms, Refusal>> {
            let Loaded { x_mean: (), .. } = loaded;
            None
        }
    };
}
