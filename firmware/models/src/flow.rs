//! What ties a generated flow to the program.

/// `Loaded`: a flow, its weights, and what it reads and writes; its outputs are `z` and one number.
macro_rules! flow {
    (
        $weights:literal,
        $density:ident,
        $trace:ident,
        conditions [$($c:ident $condition:literal),*],
        noise [$($eps:ident $noise:literal),*],
        flow [$($given:ident),*]
    ) => {
        use model::OBSERVED;

        /// Without a posterior nothing is drawn.
        pub const LATENT: usize = 0;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize =
            crate::largest(&[4 * READ, 4 * model::LATENT, 4, model::NAME.len()]);

        const READ: usize =
            OBSERVED $(+ model::CONDITIONS[$condition])* $(+ model::EPS[$noise])*;

        loaded! {
            $weights,
            $trace,
            Kind::Bare { inputs: READ as u32, outputs: 2 },
            reads [x $(, $c)* $(, $eps)*],
            fields {
                x: [f32; OBSERVED] = [0.0; OBSERVED],
                $($c: [f32; model::CONDITIONS[$condition]] = [0.0; model::CONDITIONS[$condition]],)*
                $($eps: [f32; model::EPS[$noise]] = [0.0; model::EPS[$noise]],)*
                z: [f32; model::LATENT] = [0.0; model::LATENT],
                log: [f32; 1] = [0.0]
            },
            methods {
                #[inline(never)]
                fn infer(&mut self) -> Result<(), Refusal> {
                    let pack = self.pack.as_ref().ok_or(Refusal::NothingSelected)?;
                    let workspace = &mut self.workspace;
                    self.log = [model::flow(pack, workspace, $(&self.$given,)* &mut self.z)?];
                    Ok(())
                }

                #[inline(never)]
                fn log_prob(&mut self) -> Option<Result<f32, Refusal>> {
                    density!($density, self, [$($given),*])
                }

                fn output(&self, index: u32) -> Option<&[f32]> {
                    match index {
                        0 => Some(&self.z),
                        1 => Some(&self.log),
                        _ => None,
                    }
                }
            }
        }
    };
}

/// `ln p(x)`, where the density of the flow's latent is known.
macro_rules! density {
    (known, $loaded:ident, [$($given:ident),*]) => {{
        let pack = $loaded.pack.as_ref()?;
        let ws = &mut $loaded.workspace;
        let value = model::log_prob(pack, ws, $(&$loaded.$given,)* &mut $loaded.z);
        Some(value.map_err(Refusal::from))
    }};
    (unknown, $loaded:ident, [$($given:ident),*]) => {
        None
    };
}
