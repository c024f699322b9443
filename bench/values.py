"""The values of c/model.c: xorshift32 from its seed, drawn in its order."""

import numpy as np

SEED = 0x2545F491

# Widths of W2.
DENSE = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]


class Values:
    """A generator of words."""

    def __init__(self):
        self.state = SEED

    def words(self, count):
        words = np.empty(count, np.uint32)
        x = self.state
        for i in range(count):
            x ^= x << 13 & 0xFFFFFFFF
            x ^= x >> 17
            x ^= x << 5 & 0xFFFFFFFF
            words[i] = x
        self.state = x
        return words.view(np.int32)

    def floats(self, count, scale):
        """The upper 24 bits as a fraction."""
        return ((self.words(count) >> 8) * 2.0**-23 * scale).astype(np.float32)

    def layer(self, patch, outputs):
        """Weights and biases of a float layer."""
        scale, k = 2.0, patch
        while k > 0:
            scale, k = scale / 2, k >> 2
        return self.floats(patch * outputs, scale), self.floats(outputs, 0.5)

    def layer_i8(self, patch, outputs):
        """Weights and biases of a layer on bytes."""
        weights = np.maximum(self.words(patch * outputs) >> 24, -127).astype(np.int8)
        return weights, self.words(outputs) >> 16
