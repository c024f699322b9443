//! What ties a generated encoder to the program.

/// `Loaded`: an encoder, its decoder if it is `scored`, its weights, and what they read and write.
///
/// Each condition and noise input comes with its number and length, each posterior with its number of
/// latents and the positions of mean and log-variance among the outputs.
macro_rules! amortized {
    (
        $weights:literal,
        $decoder:ident,
        $refined:ident,
        $state:ident,
        $trace:ident,
        conditions [$($c:ident $condition:literal),*],
        noise [$($eps:ident $noise:literal),*],
        encode [$($given:ident),*],
        score [$($decoded:ident),*],
        posteriors [$($q:ident $latent:expr, $mean:literal $log_var:literal);+]
    ) => {
        use elbow_core::distributions::DiagNormal;
        use elbow_core::infer::ElboTerms;
        use elbow_core::wire::{Inference, Inferred};
        use model::OBSERVED;

        /// Length of all latents together.
        pub const LATENT: usize = model::LATENT;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize = crate::largest(&[4 * READ, 8 * LATENT, model::NAME.len()]);

        const READ: usize =
            OBSERVED $(+ model::CONDITIONS[$condition])* $(+ model::EPS[$noise])*;
        const POSTERIORS: &[usize] = &[$($latent),+];

        decoder!($decoder, $refined, [$($decoded),*]);

        loaded! {
            $weights,
            $trace,
            Kind::Amortized {
                inputs: READ as u32,
                latent: LATENT as u32,
                posteriors: POSTERIORS.len() as u32,
                scored: SCORED,
            },
            reads [x $(, $c)* $(, $eps)*],
            fields {
                x: [f32; OBSERVED] = [0.0; OBSERVED],
                $($c: [f32; model::CONDITIONS[$condition]] = [0.0; model::CONDITIONS[$condition]],)*
                $($eps: [f32; model::EPS[$noise]] = [0.0; model::EPS[$noise]],)*
                $($q: DiagNormal<{ $latent }> = DiagNormal::standard(),)+
                x_mean: Decoded = NOT_DECODED
            },
            methods {
                fn reset(&mut self) {
                    state!($state, self.workspace);
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

                #[inline(never)]
                fn explain(
                    &mut self,
                    task: (Inference, u32),
                    stream: (u64, u64),
                ) -> Option<Result<Inferred, Refusal>> {
                    explain(self, task, stream)
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
    (scored, $refined:ident, [$($decoded:ident),*]) => {
        const SCORED: bool = true;
        type Decoded = [f32; OBSERVED];
        const NOT_DECODED: Decoded = [0.0; OBSERVED];

        fn score(loaded: &mut Loaded) -> Option<Result<ElboTerms, Refusal>> {
            let Loaded { pack, workspace, x, $($decoded,)* q, x_mean, .. } = loaded;
            let terms = model::score(pack.as_ref()?, workspace, x, $($decoded,)* q, x_mean);
            Some(terms.map_err(Refusal::from))
        }

        fn explain(
            loaded: &mut Loaded,
            task: (Inference, u32),
            stream: (u64, u64),
        ) -> Option<Result<Inferred, Refusal>> {
            let Loaded { pack, workspace: ws, x, $($decoded,)* q, x_mean, .. } = loaded;
            let pack = pack.as_ref()?;
            let mut observation = model::Observation { pack, ws, x, $($decoded,)* x_mean };
            match task {
                (Inference::Elbo | Inference::Iwae, _) => {
                    Some(elbow_app::bound(&mut observation, q, task, stream))
                }
                (Inference::Refine, steps) => refine!($refined, observation, q, steps, stream),
                (Inference::RefinePrior, steps) => {
                    *q = DiagNormal::standard();
                    refine!($refined, observation, q, steps, stream)
                }
            }
        }
    };
    (unscored, unrefined, []) => {
        const SCORED: bool = false;
        type Decoded = ();
        const NOT_DECODED: Decoded = ();

        fn score(loaded: &mut Loaded) -> Option<Result<ElboTerms, Refusal>> {
            let Loaded { x_mean: (), .. } = loaded;
            None
        }

        fn explain(
            _: &mut Loaded,
            _: (Inference, u32),
            _: (u64, u64),
        ) -> Option<Result<Inferred, Refusal>> {
            None
        }
    };
}

/// Refines a posterior, where the model was compiled for it.
macro_rules! refine {
    (refined, $observation:ident, $q:expr, $steps:expr, $stream:expr) => {{
        let guarded = model::refine(&mut $observation, $q, $steps, $stream);
        Some(guarded.map(elbow_app::guarded).map_err(Refusal::from))
    }};
    (unrefined, $observation:ident, $q:expr, $steps:expr, $stream:expr) => {{
        let _ = $steps;
        None
    }};
}
