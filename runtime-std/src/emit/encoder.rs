//! The function `encode`.

use super::calls::{Calls, Hits, Names, looks_up, uses_workspace};
use super::parameters::{Parameters, Shared};
use super::rust::{float, signature};
use super::text::{checks, latent_lens, numbered, observed, refuse, states, workspace_parameter};
use super::trace::Trace;
use crate::model::{Encoder, EncoderOutput, Latent};

/// Parts of the generated function `encode`.
pub(super) struct Encode {
    pub(super) parameters: Parameters,
    posteriors: Vec<String>,
    pub(super) calls: Calls,
}

impl Encode {
    /// The function of an encoder; `weights` is the index in the pack of the first float of its weights.
    pub(super) fn of(encoder: &Encoder, shared: &Shared, weights: usize, trace: Trace) -> Self {
        let parameters = shared.parameters(encoder.part(), &observed(""));
        let posteriors = numbered("q", encoder.latents.len());
        let outputs = |borrow: &str| -> Vec<String> {
            let outputs = encoder.outputs().map(|output| match output {
                EncoderOutput::Mean(at) => format!("{borrow}{}.loc", posteriors[at]),
                EncoderOutput::Spread(at) => format!("{borrow}{}.log_var", posteriors[at]),
                EncoderOutput::State(at) => format!("{borrow}ws.next_{at}"),
            });
            outputs.collect()
        };
        let names = Names {
            inputs: parameters.inputs.clone(),
            read: outputs("&"),
            written: outputs("&mut "),
            constants: "ENCODER",
            weights,
            trace,
            hits: Hits::Variable,
            saturates: shared.saturates,
        };
        let calls = Calls::of(&encoder.plan, &names);
        Self { parameters, posteriors, calls }
    }

    /// Source of `encode`.
    pub(super) fn function(&self, encoder: &Encoder, trace: Trace) -> String {
        let clamped = encoder.latents.iter().any(|latent| latent.clamp.is_some());
        let counts = looks_up(&encoder.plan);
        let used = uses_workspace(&encoder.plan)
            || clamped
            || counts
            || encoder.states > 0
            || trace.is_on();
        let lens = latent_lens(encoder);
        let posteriors = self.posteriors.iter().zip(&lens).map(|(q, len)| match lens.len() {
            1 => format!("{q}: &mut DiagNormal<{len}>"),
            _ => format!("{q}: &mut DiagNormal<{{ {len} }}>"),
        });
        let parameters: Vec<String> = ["pack: &Pack".into(), workspace_parameter(used)]
            .into_iter()
            .chain(self.parameters.typed.iter().cloned())
            .chain(posteriors)
            .collect();
        let input = if self.parameters.names.len() == 1 { "`x`" } else { "an input" };
        let q = &self.posteriors;
        let (what, which) = match &q[..] {
            [q] => {
                (format!("The posterior of `x`, in `{q}`."), format!("the posterior is not; `{q}`"))
            }
            _ => {
                let names = q.iter().map(|q| format!("`{q}`")).collect::<Vec<_>>().join(", ");
                (format!("The posteriors of `x`, in {names}."), "a posterior is not; they".into())
            }
        };
        let (state, kept) = match encoder.states {
            0 => ("", ""),
            _ => (
                "///\n/// The workspace's state takes part and becomes that of the next call.\n",
                "///\n/// After an error the state is that before the call.\n",
            ),
        };
        format!(
            "
/// {what}
{}{state}///
/// # Errors
///
/// The weights are not this model's, {input} is not finite, or {which} must then not be used.
{kept}{}{}{}{}{}    Ok(())
}}
",
            self.parameters.documented(),
            signature("encode", &parameters, "Result<(), EncodeError>"),
            checks("EncodeError", &self.parameters.checked()),
            self.body(counts),
            self.heads(&encoder.latents, clamped, counts),
            commit(&states(Some(encoder))),
        )
    }

    /// The kernel calls; where `counts` is set, statements around them set `clamp_hits` to the number of
    /// indices outside their table.
    fn body(&self, counts: bool) -> String {
        match counts {
            true => {
                format!("    let mut hits = 0;\n{}    ws.clamp_hits = hits;\n", self.calls.body)
            }
            false => self.calls.body.clone(),
        }
    }

    /// Statements that turn the raw heads into the posteriors `latents`, or return an error; where `clamped`
    /// is set, the number of clamped log-variances is stored in `clamp_hits`, or added to it where `counts`
    /// is set as well.
    fn heads(&self, latents: &[Latent], clamped: bool, counts: bool) -> String {
        let mut text = String::new();
        let mut before = 0;
        for (at, (q, latent)) in self.posteriors.iter().zip(latents).enumerate() {
            let bounds = match latent.clamp {
                Some((low, high)) => format!("Some(({}, {}))", float(low), float(high)),
                None => "None".into(),
            };
            let (head, eps) = (latent.head, float(latent.eps));
            text +=
                &format!("    let (head, eps, bounds) = (Spread::{head:?}, {eps}, {bounds});\n");
            let call = format!("to_posterior(&{q}.loc, &mut {q}.log_var, head, eps, bounds)");
            text += &match (at, clamped) {
                (0, true) if counts => format!("    ws.clamp_hits += {call}?;\n"),
                (0, true) => format!("    ws.clamp_hits = {call}?;\n"),
                (0, false) => format!("    {call}?;\n"),
                (_, true) => format!(
                    "    let hits = {call};\n    ws.clamp_hits += hits.map_err(|error| error.behind({before}))?;\n"
                ),
                (_, false) => format!(
                    "    let hits = {call};\n    hits.map_err(|error| error.behind({before}))?;\n"
                ),
            };
            before += latent.len;
        }
        text
    }
}

/// Statements that copy the states after the call to those before the next one, given as name and length;
/// they return an error first where a value is not finite. Empty without states.
fn commit(states: &[(String, usize)]) -> String {
    let (mut text, mut before) = (String::new(), 0);
    for (at, (_, len)) in states.iter().enumerate() {
        let next = format!("&ws.next_{at}");
        text += &refuse("first_non_finite", &next, before, "EncodeError::NonFiniteState");
        before += len;
    }
    text + &(0..states.len())
        .map(|at| format!("    ws.state_{at} = ws.next_{at};\n"))
        .collect::<String>()
}
