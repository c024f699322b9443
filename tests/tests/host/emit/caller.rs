//! Calls any compiled model by the traits of `elbow_core::compiled`: row by row, all results in one line.
//!
//! This is the program of the crate that `compiled.rs` writes; it names no model's functions.

use elbow_core::compiled::{
    Buffers, Compiled, Decoder, Density, Encoder, Flow, Refined, Scored, Workspace, kind,
};
use elbow_core::infer::{
    Gradient, Iwae, LogLikelihood, Posterior, Scratch, log_weights, psis::Tail,
};
use elbow_core::noise::Independent;
use elbow_core::pack::{Aligned, Pack};

include!("settings.rs");

/// What is printed of models of one kind besides their outputs.
trait More<M: Compiled> {
    fn print(_: &mut Call<'_, M>) {}
}

/// A model in the middle of a row.
struct Call<'a, M: Compiled> {
    pack: &'a Pack<'a>,
    ws: &'a mut M::Workspace,
    inputs: &'a M::Inputs,
    outputs: M::Outputs,
}

impl<M: Compiled> More<M> for kind::GraphModel {
    fn print(call: &mut Call<'_, M>) {
        print(&[call.ws.clamp_hits() as f32]);
    }
}

impl<M: Flow> More<M> for kind::FlowModel {}

impl<M: Density> More<M> for kind::DensityModel {
    fn print(call: &mut Call<'_, M>) {
        let z = &mut call.outputs.z;
        print(&[M::log_prob(call.pack, call.ws, call.inputs, z).expect("finite")]);
    }
}

impl<M: Encoder> More<M> for kind::EncoderModel {
    fn print(call: &mut Call<'_, M>) {
        print(&[call.ws.clamp_hits() as f32]);
        let lens: usize = M::Outputs::LENS.iter().sum();
        assert_eq!(2 * M::LATENT, lens);
        assert_eq!(M::OBSERVED, call.inputs.first().len());
    }
}

impl<M: Decoder> More<M> for kind::DecoderModel {
    fn print(call: &mut Call<'_, M>) {
        kind::EncoderModel::print(call);
        let (mut z, mut x_mean) = (means::<M>(&call.outputs), M::Mean::ZEROS);
        M::decode(call.pack, call.ws, call.inputs, &z, &mut x_mean).expect("finite");
        print_all(&x_mean);
        z.first_mut().fill(f32::NAN);
        M::decode(call.pack, call.ws, call.inputs, &z, &mut x_mean).expect_err("not finite");
    }
}

impl<M: Scored> More<M> for kind::ScoredModel {
    fn print(call: &mut Call<'_, M>) {
        kind::EncoderModel::print(call);
        let Call { pack, ws, inputs, outputs: q } = call;
        let (mut z, mut x_mean) = (M::Latents::ZEROS, M::Mean::ZEROS);
        let terms = M::score(pack, ws, inputs, q, &mut x_mean).expect("finite");
        print_all(&x_mean);
        print(&[terms.log_likelihood, terms.kl]);
        let eps = means::<M>(q);
        M::generate(pack, ws, inputs, (q, &eps), &mut z, &mut x_mean).expect("finite");
        print_all(&z);
        print_all(&x_mean);
        let mut observation = M::observation(pack, ws, inputs, &mut x_mean);
        let again = observation.log_likelihood(q.first()).expect("finite");
        assert_eq!(again.to_bits(), terms.log_likelihood.to_bits());
    }
}

impl<M: Refined> More<M> for kind::RefinedModel {
    fn print(call: &mut Call<'_, M>) {
        kind::ScoredModel::print(call);
        let Call { pack, ws, inputs, outputs: q } = call;
        let (mut x_mean, mut grad) = (M::Mean::ZEROS, M::Latents::ZEROS);
        let mut observation = M::observation(pack, ws, inputs, &mut x_mean);
        let value = observation.gradient(q.first(), grad.first_mut()).expect("finite");
        print(&[value]);
        print_all(&grad);
        let guarded = M::refine(&mut observation, q, STEPS, STREAM).expect("finite");
        print_all(q);
        print(&[guarded.gain, guarded.se]);
        trust::<M>(&mut observation, q);
    }
}

/// How far the draws of a posterior may be trusted.
fn trust<M: Refined>(observation: &mut M::Observation<'_>, q: &M::Outputs) {
    let (mut iwae, mut tail) = (Iwae::new(), Tail::<WEIGHTS_KEPT>::new());
    let (mut eps, mut z) = (M::Latents::ZEROS, M::Latents::ZEROS);
    let scratch = Scratch { eps: eps.first_mut(), z: z.first_mut() };
    let mut noise = Independent { key: STREAM.0, datapoint: STREAM.1 };
    let q: Posterior<'_> = M::posterior(q, 0).expect("a posterior");
    let each = |log_w| {
        iwae.push(log_w);
        tail.push(log_w);
    };
    log_weights(observation, q, &mut noise, 0..WEIGHTS, scratch, each).expect("finite");
    print(&[iwae.bound(), iwae.ess(), tail.k_hat().expect("a tail")]);
}

/// The means of all posteriors, as latents.
fn means<M: Decoder>(q: &M::Outputs) -> M::Latents {
    let mut z = M::Latents::ZEROS;
    for (z, mean) in z.parts_mut().zip(q.parts().step_by(2)) {
        z.copy_from_slice(mean);
    }
    z
}

/// Prints what a model answers to each row of inputs; the rows are two sequences of calls.
fn call<M: Compiled<Kind: More<M>>>(weights: &[u8], rows: &[u8]) {
    let pack = Pack::new_checked(weights).expect("a pack");
    assert_eq!(pack.fingerprint(), M::FINGERPRINT);
    let rows: Vec<f32> =
        rows.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let (mut ws, mut inputs) = (M::Workspace::NEW, M::Inputs::ZEROS);
    let len: usize = M::Inputs::LENS.iter().sum();
    assert_eq!(rows.len(), ROWS * len, "{}", M::NAME);
    for number in 0..ROWS {
        let row = rows[number * len..][..len].iter();
        inputs.parts_mut().flatten().zip(row).for_each(|(place, value)| *place = *value);
        let mut outputs = M::Outputs::ZEROS;
        M::run(&pack, &mut ws, &inputs, &mut outputs).expect("finite");
        print_all(&outputs);
        M::Kind::print(&mut Call::<M> { pack: &pack, ws: &mut ws, inputs: &inputs, outputs });
        println!();
        if number + 1 == ROWS / 2 {
            ws.reset();
        }
    }
}

fn print_all(buffers: &impl Buffers) {
    buffers.parts().for_each(print);
}

fn print(values: &[f32]) {
    values.iter().for_each(|value| print!("{:08x}", value.to_bits()));
}
