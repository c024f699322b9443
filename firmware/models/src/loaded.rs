//! What models of every kind have in common.

/// `Loaded`: the weights, the workspace and fields for what the model reads and writes, with what `Model`
/// asks of every kind; `methods` are the rest.
macro_rules! loaded {
    (
        $weights:literal,
        $trace:ident,
        $kind:expr,
        reads [$($read:ident),*],
        fields { $($field:ident: $type:ty = $initial:expr),* },
        methods { $($methods:tt)* }
    ) => {
        use elbow_app::Model;
        use elbow_core::pack::{Aligned, Pack};
        use elbow_core::wire::{Described, Floats, Kind, Refusal};
        use model::Workspace;

        static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!($weights));

        /// The model with its memory.
        pub struct Loaded {
            pack: Option<Pack<'static>>,
            workspace: Workspace,
            $($field: $type,)*
        }

        impl Loaded {
            /// Not opened yet.
            pub const fn new() -> Self {
                Self { pack: None, workspace: Workspace::new(), $($field: $initial,)* }
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
                    kind: $kind,
                    workspace_bytes: size_of::<Workspace>() as u32,
                }
            }

            fn load(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
                values.copy_to(&mut [$(&mut self.$read),*])
            }

            fn trace(&self) -> &[u32] {
                trace!($trace, self.workspace)
            }

            clock!($trace);

            fn arena(&mut self) -> &mut [f32] {
                &mut self.workspace.arena
            }

            $($methods)*
        }
    };
}
