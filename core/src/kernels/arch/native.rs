//! The forms that this core has machine code for, under one name each.
//!
//! The compiler writes the form of its target into the code it generates; hand-written code that is to
//! run everywhere takes it from here.

use crate::kernels::integer::Form;

/// Form of layers of 8-bit values.
pub const FORM8: Form = form8();

/// Form of layers of 16-bit values.
pub const FORM16: Form = form16();

/// Type of the 8-bit values that `linear8` reads: i16 on cores with DSP instructions but no Helium, else i8.
#[cfg(all(elbow_dsp, not(elbow_helium)))]
pub type X8 = i16;
/// Type of the 8-bit values that `linear8` reads: i16 on cores with DSP instructions but no Helium, else i8.
#[cfg(not(all(elbow_dsp, not(elbow_helium))))]
pub type X8 = i8;

#[cfg(elbow_helium)]
pub use crate::kernels::integer::{linear_helium as linear8, linear_helium as linear16};
#[cfg(all(elbow_dsp, not(elbow_helium)))]
pub use crate::kernels::integer::{linear_paired as linear8, linear_wide as linear16};
#[cfg(not(any(elbow_dsp, elbow_helium)))]
pub use crate::kernels::integer::{linear_plain as linear8, linear_plain as linear16};

#[cfg(not(all(elbow_dsp, not(elbow_helium))))]
pub use crate::kernels::integer::{i8s as x8s, i8s_mut as x8s_mut};
#[cfg(all(elbow_dsp, not(elbow_helium)))]
pub use crate::kernels::integer::{i16s as x8s, i16s_mut as x8s_mut};

/// Form of the weights that `linear8` reads on this core.
const fn form8() -> Form {
    if cfg!(elbow_helium) {
        Form::Helium
    } else if cfg!(elbow_dsp) {
        Form::Paired
    } else {
        Form::Plain
    }
}

/// Form of the weights that `linear16` reads on this core.
const fn form16() -> Form {
    if cfg!(elbow_helium) {
        Form::Helium
    } else if cfg!(elbow_dsp) {
        Form::Wide
    } else {
        Form::Plain
    }
}
