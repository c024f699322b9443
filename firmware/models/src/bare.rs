//! What ties a generated graph without roles to the program.

/// `Loaded`: a graph, its weights, and what it reads and writes.
macro_rules! bare {
    (
        $trace:ident,
        [$($x:ident $input:literal),*],
        [$($y:ident $output:literal),*],
        $weights:literal
    ) => {
        use model::{INPUTS, OUTPUTS};

        /// A graph without roles has none.
        pub const LATENT: usize = 0;
        /// Bytes of the longest payload.
        pub const PAYLOAD: usize =
            crate::largest(&[4 * READ, 4 * crate::largest(&OUTPUTS), model::NAME.len()]);

        const READ: usize = 0 $(+ INPUTS[$input])*;

        loaded! {
            $weights,
            $trace,
            Kind::Bare { inputs: READ as u32, outputs: OUTPUTS.len() as u32 },
            reads [$($x),*],
            fields {
                $($x: [f32; INPUTS[$input]] = [0.0; INPUTS[$input]],)*
                $($y: [f32; OUTPUTS[$output]] = [0.0; OUTPUTS[$output]]),*
            },
            methods {
                #[inline(never)]
                fn infer(&mut self) -> Result<(), Refusal> {
                    let Self { pack, workspace, $($x,)* $($y,)* } = self;
                    let pack = pack.as_ref().ok_or(Refusal::NothingSelected)?;
                    Ok(model::run(pack, workspace, $($x,)* $($y,)*)?)
                }

                fn output(&self, index: u32) -> Option<&[f32]> {
                    match index {
                        $($output => Some(&self.$y),)*
                        _ => None,
                    }
                }
            }
        }
    };
}
