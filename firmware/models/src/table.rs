//! All models of the image.

/// `Image`: every model, numbered in the order given.
macro_rules! table {
    ($($name:ident),+) => {
        /// Bytes of the longest payload of any model.
        pub const PAYLOAD: usize = largest(&[$($name::PAYLOAD),+]);
        /// Length of the longest latent of any model.
        pub const LATENT: usize = largest(&[$($name::LATENT),+]);
        const NAMES: &[&str] = &[$($name::model::NAME),+];

        /// Every model with its memory.
        pub struct Image {
            $($name: $name::Loaded),+
        }

        impl Image {
            /// Nothing opened yet.
            pub const fn new() -> Self {
                Self { $($name: $name::Loaded::new()),+ }
            }
        }

        impl Default for Image {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Models for Image {
            const COUNT: u32 = NAMES.len() as u32;

            fn get(&mut self, index: u32) -> Option<&mut dyn Model> {
                let models: [&mut dyn Model; NAMES.len()] = [$(&mut self.$name),+];
                models.into_iter().nth(index as usize)
            }
        }
    };
}
