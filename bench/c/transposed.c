/* Plain C loops of our own for transposed convolutions over one axis: an output at a time gathers what it
 * needs; its taps are `stride` apart. */
#include "peer.h"
#include "plain.h"

static float buffers[2][2048];

int peer_prepare(const model *m)
{
    for (int k = 0; k < m->layers; k++) {
        if (m->layer[k].kind != TRANSPOSED) return 0;
    }
    return 1;
}

#define KERNEL(NAME, T, A, WEIGHTS, BIAS, ZERO, STORE) \
    static void NAME(const layer *l, const T *restrict x, T *restrict y) \
    { \
        for (int column = 0; column < l->out_w; column++) { \
            int at = column + l->pad_w; \
            for (int o = 0; o < l->out_c; o++) { \
                A acc = l->BIAS[o]; \
                for (int j = at % l->stride_w; j < l->kernel_w && j <= at; j += l->stride_w) { \
                    int from = (at - j) / l->stride_w; \
                    if (from >= l->in_w) continue; \
                    const T *p = x + from * l->in_c, *w = l->WEIGHTS + (o * l->kernel_w + j) * l->in_c; \
                    for (int k = 0; k < l->in_c; k++) acc += (p[k] - (ZERO)) * w[k]; \
                } \
                *y++ = STORE; \
            } \
        } \
    }

KERNEL(transposed_i8, int8_t, int32_t, weights, bias, l->zero_in, requantize(l, acc, o))
KERNEL(transposed_f32, float, float, weights_f32, bias_f32, 0, (l->relu && acc < 0 ? 0 : acc))

const void *peer_run(const model *m, const void *x)
{
    for (int k = 0; k < m->layers; k++) {
        const layer *l = &m->layer[k];
        void *y = buffers[k % 2];
        if (m->is_f32) transposed_f32(l, x, y);
        else transposed_i8(l, x, y);
        x = y;
    }
    return x;
}
