//! A board as it was flashed: which of its models is the one to be held against the reference.

use crate::device::Device;
use crate::emit::emit;
use crate::error::{Error, Result};
use crate::lower::Core;
use crate::model::Loaded;
use crate::precision::Precision;
use std::io::{Read, Write};

/// The model with its weights in the form that the board's image has them in, which is the selected one on `device`
/// afterwards. A model that keeps a state is asked for every answer only once from now on.
///
/// # Errors
///
/// An environment error where the image holds no such model: its models and what to flash; whatever the link gives.
pub fn matching<S: Read + Write>(device: &mut Device<S>, loaded: &Loaded) -> Result<Loaded> {
    let mut forms = vec![loaded.clone()];
    // Only integers lie otherwise on other cores.
    if [Some(loaded.precision()), loaded.decoder_precision()]
        .iter()
        .flatten()
        .any(|p| *p != Precision::F32)
    {
        for core in [Core::Dsp, Core::Helium] {
            forms.push(loaded.for_core(core)?);
        }
    }
    let expected = forms.iter().map(|form| Ok(emit(&form.model)?.budget.fingerprint));
    let expected = expected.collect::<Result<Vec<String>>>()?;
    let offered = device.offered()?;
    let found = offered.iter().enumerate().find_map(|(number, model)| {
        let own = format!("{:016x}", model.fingerprint);
        let form = expected.iter().position(|expected| *expected == own)?;
        Some((number, form))
    });
    let Some((number, form)) = found else {
        let offered = offered.iter().map(|model| (model.name.clone(), model.fingerprint)).collect();
        let error = no_such_model(loaded, offered, &expected[0]);
        return Err(match device.address() {
            Some(address) => error.context(address),
            None => error,
        });
    };
    device.select_number(number as u32)?;
    let form = forms.swap_remove(form);
    if form.amortized().is_some_and(|(encoder, _)| encoder.states > 0) {
        device.ask_once();
    }
    Ok(form)
}

/// The environment error that no model of the image, given by names and fingerprints, is the `loaded` one, which has
/// the fingerprint `expected`.
fn no_such_model(loaded: &Loaded, offered: Vec<(String, u64)>, expected: &str) -> Error {
    let (name, precision) = (&loaded.model.name, loaded.precision().name());
    let of_name = offered.iter().find(|(other, _)| other == name);
    Error::environment(match of_name {
        Some((_, found)) => format!(
            "the board's model `{name}` was compiled from another file, manifest or precision (fingerprint \
             {found:016x}, expected {expected} in {precision}): build and flash its image again, or name the \
             precision that it was built with by --precision and --calibration"
        ),
        None => {
            let names: Vec<String> = offered.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!(
                "the board has no model `{name}`; it has {}: flash an image with the model, or name the model that \
                 is there",
                if names.is_empty() { "none".into() } else { names.join(", ") }
            )
        }
    })
}
