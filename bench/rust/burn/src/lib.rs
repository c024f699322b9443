//! W2 in f32 on burn's back end `flex`, for `bench/c/burn.c`.
//!
//! As a first user would write it: weights become tensors once, an inference is `linear` and `relu`.
#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;
use burn_tensor::activation::relu;
use burn_tensor::module::linear;
use burn_tensor::{Device, Tensor, TensorData};
use core::mem::MaybeUninit;
use linked_list_allocator::LockedHeap;

/// Weights and biases of the largest layer.
const LARGEST: usize = 128 * 640 + 640;
/// Weights, twice those of a layer, and what an inference holds at a time.
const HEAP_BYTES: usize = 2 << 20;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Weights `[inputs, outputs]` and biases.
#[derive(Debug)]
pub struct Network {
    device: Device,
    layers: Vec<(Tensor<2>, Tensor<1>)>,
}

/// A network without layers, with memory for all that follows.
#[unsafe(no_mangle)]
pub extern "C" fn burn_start(memory: &'static mut [MaybeUninit<u8>; HEAP_BYTES]) -> Box<Network> {
    HEAP.lock().init_from_slice(memory);
    Box::new(Network { device: Device::flex(), layers: Vec::new() })
}

/// Adds a layer: weights `[outputs, inputs]`, then biases.
#[unsafe(no_mangle)]
pub extern "C" fn burn_layer(
    network: &mut Network,
    inputs: usize,
    outputs: usize,
    values: &[f32; LARGEST],
) {
    let (weights, rest) = values.split_at(inputs * outputs);
    let mut turned = Vec::with_capacity(weights.len());
    for input in 0..inputs {
        turned.extend(weights.chunks_exact(inputs).map(|row| row[input]));
    }
    let weights = TensorData::new(turned, [inputs, outputs]);
    let biases = TensorData::new(rest[..outputs].to_vec(), [outputs]);
    let device = &network.device;
    let layer = (Tensor::from_data(weights, device), Tensor::from_data(biases, device));
    network.layers.push(layer);
}

/// One inference.
#[unsafe(no_mangle)]
pub extern "C" fn burn_run(network: &Network, x: &[f32; 640], y: &mut [f32; 640]) {
    let input = TensorData::new(x.to_vec(), [1, x.len()]);
    let mut values = Tensor::<2>::from_data(input, &network.device);
    for (number, (weights, biases)) in network.layers.iter().enumerate() {
        values = linear(values, weights.clone(), Some(biases.clone()));
        if number + 1 < network.layers.len() {
            values = relu(values);
        }
    }
    if let Ok(output) = values.into_data().as_slice::<f32>() {
        y.copy_from_slice(output);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::asm::udf()
}
