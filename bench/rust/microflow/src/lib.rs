//! W2 on bytes with microflow, for `bench/c/microflow.c`.
#![no_std]

use microflow::tensor::Tensor2D;

/// What microflow's macro writes; the file is made by `bench/microflow.py`.
#[microflow::model("../../target/peers/microflow/W2.tflite")]
struct W2;

/// One inference.
///
/// By the macro's inner function: its public ones turn values into floats besides.
#[unsafe(no_mangle)]
pub extern "C" fn microflow_run(x: &[i8; 640], y: &mut [i8; 640]) {
    let input = nalgebra::SMatrix::<i8, 1, 640>::from_column_slice(x);
    let output = W2::predict_inner(Tensor2D::new(input, [1.0], [-3]));
    y.copy_from_slice(output.buffer.as_slice());
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::asm::udf()
}
