/* W2 in f32 on burn, compiled from Rust: weights in tensors on a heap. */
#include "peer.h"
#include <string.h>

#define LARGEST (128 * 640 + 640)
#define HEAP_BYTES (2 << 20)

void *burn_start(uint8_t *heap);
void burn_layer(void *network, size_t inputs, size_t outputs, const float *values);
void burn_run(const void *network, const float *x, float *y);

static uint8_t heap[HEAP_BYTES] __attribute__((section(".big"), aligned(16)));
static float values[LARGEST] __attribute__((section(".big")));
static void *network;
static float y[640];

int peer_prepare(const model *m)
{
    if (m->layers == 0) return 1;
    network = burn_start(heap);
    for (int k = 0; k < m->layers; k++) {
        const layer *l = &m->layer[k];
        int weights = patch(l) * l->out_c;
        memcpy(values, l->weights_f32, weights * sizeof(float));
        memcpy(values + weights, l->bias_f32, l->out_c * sizeof(float));
        burn_layer(network, l->in_c, l->out_c, values);
    }
    /* The heap is then as an inference leaves it: every counted one takes the same. */
    burn_run(network, model_input(), y);
    return m->is_f32;
}

const void *peer_run(const model *m, const void *x)
{
    if (m->layers == 0) return x;
    burn_run(network, x, y);
    return y;
}
