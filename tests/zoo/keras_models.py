"""Encoders and decoders in Keras, through tf2onnx and `model.export`."""

import keras
import tensorflow as tf
import tf2onnx
from keras import layers

X, C, L, Z = 8, 3, 16, 4


@keras.saving.register_keras_serializable()
class Sampling(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        return mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))


def heads(x, h):
    return keras.Model(x, [layers.Dense(Z, name="z_mean")(h), layers.Dense(Z, name="z_log_var")(h)])


def mlp():
    x = keras.Input((X,), batch_size=1, name="x")
    h = layers.Dense(12, activation="relu")(x)
    return heads(x, layers.LayerNormalization()(layers.Dense(10, activation="tanh")(h)))


def vae():
    x = keras.Input((X,), batch_size=1, name="x")
    h = layers.Dense(12, activation="swish")(layers.BatchNormalization()(x))
    mean, log_var = layers.Dense(Z)(h), layers.Dense(Z)(h)
    return keras.Model(x, [mean, log_var, Sampling()([mean, log_var])])


def conv1d():
    x = keras.Input((L, C), batch_size=1, name="x")
    h = layers.Conv1D(6, 3, padding="same", activation="elu")(x)
    h = layers.MaxPooling1D(2)(h)
    h = layers.Conv1D(8, 3, strides=2, activation="selu")(h)
    return heads(x, layers.GlobalAveragePooling1D()(h))


def conv2d():
    x = keras.Input((8, 8, 1), batch_size=1, name="x")
    h = layers.Conv2D(4, 3, strides=2, padding="same", activation="leaky_relu")(x)
    h = layers.DepthwiseConv2D(3, padding="same", activation="softplus")(h)
    return heads(x, layers.Flatten()(layers.AveragePooling2D(2)(h)))


def decoder():
    z = keras.Input((Z,), batch_size=1, name="z")
    h = layers.Reshape((4, 4, 2))(layers.Dense(32, activation="relu")(z))
    h = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(h)
    return keras.Model(z, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(layers.UpSampling2D(2)(h)))


def softplus():
    x = keras.Input((X,), batch_size=1, name="x")
    h = layers.Dense(12, activation="gelu")(x)
    return keras.Model(x, [layers.Dense(Z)(h), layers.Dense(Z, activation="softplus")(h)])


def gru():
    x = keras.Input((L, C), batch_size=1, name="x")
    return heads(x, layers.GRU(6)(x))


def lstm():
    x = keras.Input((L, C), name="x")
    return heads(x, layers.LSTM(6)(x))


def attention():
    x = keras.Input((L, C), batch_size=1, name="x")
    h = layers.Dense(8)(x)
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 4)(h, h))
    return heads(x, layers.GlobalMaxPooling1D()(h))


MODELS = {"mlp": mlp, "vae": vae, "conv1d": conv1d, "conv2d": conv2d, "decoder": decoder, "softplus": softplus,
          "gru": gru, "lstm": lstm, "attention": attention}


def export(name, folder):
    """Two files: by tf2onnx at opset 15, and by Keras itself."""
    keras.utils.set_random_seed(20261124)
    model = MODELS[name]()
    batch = 1 if model.inputs[0].shape[0] else None
    spec = [tf.TensorSpec((batch, *i.shape[1:]), tf.float32, name=i.name) for i in model.inputs]
    call = tf.function(lambda *inputs: model(*inputs, training=False), input_signature=spec)
    tf2onnx.convert.from_function(call, spec, opset=15, output_path=str(folder / f"{name}.tf2onnx.onnx"))
    model(*[tf.zeros((1, *i.shape[1:])) for i in model.inputs])
    model.export(str(folder / f"{name}.keras.onnx"), format="onnx", verbose=False)
