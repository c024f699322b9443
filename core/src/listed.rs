//! Lists of all variants of an enum, for tests and tables.

/// A slice of values of an enum, in the order given: zero or more for each variant. A variant without an
/// entry does not compile.
macro_rules! listed {
    ($enum:ident: $($variant:pat => [$($value:expr),* $(,)?]),* $(,)?) => {{
        use $enum::*;
        const _: fn($enum) = |value| match value { $($variant => (),)* };
        &[$($($value),*),*]
    }};
}

pub(crate) use listed;
