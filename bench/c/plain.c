/* Plain C loops of our own, as one would write them: an output at a time, or four. */
#include "peer.h"
#include "plain.h"

#ifndef ROWS
#define ROWS 1
#endif

static float buffers[2][2048];

int peer_prepare(const model *m)
{
    for (int k = 0; k < m->layers; k++) {
        if (m->layer[k].out_c % ROWS) return 0;
    }
    return 1;
}

/* The part of a kernel's columns that lies inside the image. */
static void inside(int at, int kernel, int size, int *from, int *to)
{
    *from = at < 0 ? -at : 0;
    *to = at + kernel > size ? size - at : kernel;
}

#define KERNEL(NAME, T, A, WEIGHTS, BIAS, ZERO, STORE) \
    static void NAME(const layer *l, const T *restrict x, T *restrict y) \
    { \
        int row_size = patch(l), run_step = l->kernel_w * l->in_c; \
        for (int row = 0; row < l->out_h; row++) { \
            int top = row * l->stride_h - l->pad_h, i0, i1; \
            inside(top, l->kernel_h, l->in_h, &i0, &i1); \
            for (int column = 0; column < l->out_w; column++) { \
                int left = column * l->stride_w - l->pad_w, j0, j1; \
                inside(left, l->kernel_w, l->in_w, &j0, &j1); \
                int run = (j1 - j0) * l->in_c; \
                for (int o = 0; o < l->out_c; o += ROWS) { \
                    A acc[ROWS]; \
                    for (int r = 0; r < ROWS; r++) acc[r] = l->BIAS[o + r]; \
                    for (int i = i0; i < i1; i++) { \
                        const T *p = x + ((top + i) * l->in_w + left + j0) * l->in_c; \
                        const T *w = l->WEIGHTS + o * row_size + i * run_step + j0 * l->in_c; \
                        for (int k = 0; k < run; k++) { \
                            A value = p[k] - (ZERO); \
                            for (int r = 0; r < ROWS; r++) acc[r] += value * w[r * row_size + k]; \
                        } \
                    } \
                    for (int r = 0; r < ROWS; r++) *y++ = STORE; \
                } \
            } \
        } \
    }

KERNEL(linear_i8, int8_t, int32_t, weights, bias, l->zero_in, requantize(l, acc[r], o + r))
KERNEL(linear_f32, float, float, weights_f32, bias_f32, 0, (l->relu && acc[r] < 0 ? 0 : acc[r]))

static void depthwise_i8(const layer *l, const int8_t *restrict x, int8_t *restrict y)
{
    for (int row = 0; row < l->out_h; row++) {
        int top = row * l->stride_h - l->pad_h, i0, i1;
        inside(top, l->kernel_h, l->in_h, &i0, &i1);
        for (int column = 0; column < l->out_w; column++) {
            int left = column * l->stride_w - l->pad_w, j0, j1;
            inside(left, l->kernel_w, l->in_w, &j0, &j1);
            for (int o = 0; o < l->out_c; o++) {
                int32_t acc = l->bias[o];
                for (int i = i0; i < i1; i++) {
                    const int8_t *p = x + ((top + i) * l->in_w + left) * l->in_c + o;
                    const int8_t *w = l->weights + i * l->kernel_w * l->out_c + o;
                    for (int j = j0; j < j1; j++) {
                        acc += (p[j * l->in_c] - l->zero_in) * w[j * l->out_c];
                    }
                }
                *y++ = requantize(l, acc, o);
            }
        }
    }
}

const void *peer_run(const model *m, const void *x)
{
    for (int k = 0; k < m->layers; k++) {
        const layer *l = &m->layer[k];
        void *y = buffers[k % 2];
        if (m->is_f32) linear_f32(l, x, y);
        else if (l->kind == DEPTHWISE) depthwise_i8(l, x, y);
        else linear_i8(l, x, y);
        x = y;
    }
    return x;
}
