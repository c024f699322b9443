//! What ties a generated encoder to the program.

/// `Loaded`: an encoder, its decoder if it is `scored`, its weights, and what they read and write.
macro_rules! amortized {
    ($decoder:ident, $weights:literal) => {
        use elbow_app::Model;
        use elbow_core::distributions::DiagNormal;
        use elbow_core::infer::ElboTerms;
        use elbow_core::pack::{Aligned, Pack};
        use elbow_core::wire::{Described, Floats, Kind, Refusal};
        use model::{OBSERVED, Workspace};

        /// Length of the latent.
        pub const LATENT: usize = model::LATENT;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize = crate::largest(&[4 * OBSERVED, 8 * LATENT, model::NAME.len()]);

        static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!($weights));

        decoder!($decoder);

        /// The model with its memory.
        pub struct Loaded {
            pack: Option<Pack<'static>>,
            workspace: Workspace,
            x: [f32; OBSERVED],
            q: DiagNormal<LATENT>,
            x_mean: Decoded,
        }

        impl Loaded {
            /// Not opened yet.
            pub const fn new() -> Self {
                Self {
                    pack: None,
                    workspace: Workspace::new(),
                    x: [0.0; OBSERVED],
                    q: DiagNormal::standard(),
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
                let (observed, latent) = (OBSERVED as u32, LATENT as u32);
                Described {
                    name: model::NAME,
                    fingerprint: model::FINGERPRINT,
                    kind: Kind::Amortized { observed, latent, scored: SCORED },
                    workspace_bytes: size_of::<Workspace>() as u32,
                }
            }

            fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
                values.copy_to(&mut [&mut self.x])
            }

            #[inline(never)]
            fn infer(&mut self) -> Result<(), Refusal> {
                let pack = self.pack.as_ref().ok_or(Refusal::NothingSelected)?;
                let encoded = model::encode(pack, &mut self.workspace, &self.x, &mut self.q);
                Ok(encoded?)
            }

            #[inline(never)]
            fn score(&mut self) -> Option<Result<ElboTerms, Refusal>> {
                score(self)
            }

            fn output(&self, index: u32) -> Option<&[f32]> {
                match index {
                    0 => Some(&self.q.loc),
                    1 => Some(&self.q.log_var),
                    _ => None,
                }
            }

            fn clamp_hits(&self) -> u32 {
                self.workspace.clamp_hits
            }

            fn arena(&mut self) -> &mut [f32] {
                &mut self.workspace.arena
            }
        }
    };
}

/// What `Loaded` keeps and does for a decoder.
macro_rules! decoder {
    (scored) => {
        const SCORED: bool = true;
        type Decoded = [f32; OBSERVED];
        const NOT_DECODED: Decoded = [0.0; OBSERVED];

        fn score(loaded: &mut Loaded) -> Option<Result<ElboTerms, Refusal>> {
            let Loaded { pack, workspace, x, q, x_mean } = loaded;
            let terms = model::score(pack.as_ref()?, workspace, x, q, x_mean);
            Some(terms.map_err(Refusal::from))
        }
    };
    (unscored) => {
        const SCORED: bool = false;
        type Decoded = ();
        const NOT_DECODED: Decoded = ();

        fn score(_: &mut Loaded) -> Option<Result<ElboTerms, Refusal>> {
            None
        }
    };
}
