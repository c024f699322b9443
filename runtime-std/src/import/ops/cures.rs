//! What to do about operators that are not supported.

/// Advice about an operator of the default domain that is not supported, by its ONNX name; a general one for
/// a name that has none of its own.
pub fn advice(op: &str) -> &'static str {
    match op {
        "Bernoulli" | "Multinomial" => {
            "export the encoder up to its heads (mean and spread) and leave the sampling out: \
             `elbow` samples on the device from noise of its own; or give the noise as an input"
        }
        "Loop" | "Scan" => {
            "export without control flow. `lax.scan` of JAX and GRU of Keras always become a loop, LSTM of \
             Keras one unless its batch is dynamic: export the LSTM with a dynamic batch, write the \
             layer in PyTorch, whose exporters keep GRU and LSTM, or write out a few steps with a \
             Python `for`"
        }
        "If" | "SequenceMap" => {
            "export without control flow: fixed shapes, branches decided, then simplify the file \
             (`onnxsim`)"
        }
        "Attention" | "MultiHeadAttention" => {
            "export attention spelled out (`need_weights=True`, or an older opset): MatMul and Softmax \
             are supported"
        }
        "LpPool" | "GlobalLpPool" | "MaxUnpool" | "LRN" => {
            "use MaxPool, AveragePool or a convolution with a stride"
        }
        "Erfc" => {
            "this is no operator of ONNX: tf2onnx writes the exact GELU so. Use the approximate one \
             (`keras.activations.gelu(x, approximate=True)`), or write x / 2 * (1 + erf(x / sqrt(2)))"
        }
        "QLinearConv"
        | "QLinearMatMul"
        | "DynamicQuantizeLinear"
        | "MatMulInteger"
        | "ConvInteger" => {
            "quantize statically in the QDQ format (`quant_format=QuantFormat.QDQ`), or give the float \
             model: `elbow` quantizes it (`--precision int8 --calibration X.npy`)"
        }
        "Unique" | "NonMaxSuppression" => {
            "its result has a shape that depends on data: leave it out of the model"
        }
        "Scatter" => "export with opset 11 or newer, which has ScatterElements in its place",
        _ => {
            "rewrite this part of the model with supported operators (`elbow ops` lists them), \
             or cut the export before it"
        }
    }
}

/// Advice about an operator of another domain that is not supported: by the operator's name for quantizers,
/// else by the domain; a general one for an unknown domain.
pub(super) fn foreign_advice(domain: &str, op: &str) -> &'static str {
    if matches!(op, "QuantizeLinear" | "DequantizeLinear") {
        "onnxruntime writes quantizers of its own for other integers than those of eight bits: quantize to \
         these (`QuantType.QUInt8` or `QuantType.QInt8`, for weights and activations)"
    } else if domain.starts_with("com.microsoft") || domain.starts_with("com.ms") {
        "this is an operator of onnxruntime's own: give the file as the exporter wrote it, before optimization; quantize it in the QDQ format (`quant_format=QuantFormat.QDQ`), not in operators"
    } else if domain.starts_with("pkg.") {
        "this is a function of the exporter's: inline it (`onnx.inliner`), or export with a newer PyTorch"
    } else if domain == "ai.onnx.ml" {
        "skl2onnx writes estimators so. Export the steps before it alone (`to_onnx(pipeline[:-1], X)`) and do \
         this one on what they give; a linear one can be an `nn.Linear` with its `coef_` and `intercept_`, \
         exported from PyTorch"
    } else {
        "export with standard ONNX operators only (`elbow ops` lists those that are supported)"
    }
}
