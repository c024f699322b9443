/* The plain reference that every peer is checked against: one output at a time, in 64 bits. */
#include "reference.h"

static int32_t requantize(int64_t acc, int32_t multiplier, int32_t shift)
{
    /* TFLite: a rounding doubling high multiplication, then a rounding right shift. */
    int64_t high = (acc * multiplier + (1ll << 30)) >> 31;
    int64_t mask = (1ll << -shift) - 1, rest = high & mask;
    return (int32_t)((high >> -shift) + (rest > (mask >> 1) + (high < 0)));
}

static void position_i8(const layer *l, const int8_t *x, int8_t *y, int row, int column, int o)
{
    int64_t acc = l->bias[o];
    for (int i = 0; i < l->kernel_h; i++) {
        for (int j = 0; j < l->kernel_w; j++) {
            int r = source(l, row, i, l->stride_h, l->pad_h), c = source(l, column, j, l->stride_w, l->pad_w);
            if (r < 0 || r >= l->in_h || c < 0 || c >= l->in_w) continue;
            const int8_t *pixel = x + (r * l->in_w + c) * l->in_c;
            if (l->kind == DEPTHWISE) {
                acc += (pixel[o] - l->zero_in) * l->weights[(i * l->kernel_w + j) * l->out_c + o];
                continue;
            }
            const int8_t *w = l->weights + o * patch(l) + (i * l->kernel_w + j) * l->in_c;
            for (int k = 0; k < l->in_c; k++) acc += (pixel[k] - l->zero_in) * w[k];
        }
    }
    int32_t value = l->zero_out + requantize(acc, l->multiplier[o], l->shift[o]);
    *y = (int8_t)(value < l->low ? l->low : value > l->high ? l->high : value);
}

static void position_f32(const layer *l, const float *x, float *y, int row, int column, int o)
{
    double acc = l->bias_f32[o];
    for (int i = 0; i < l->kernel_h; i++) {
        for (int j = 0; j < l->kernel_w; j++) {
            int r = source(l, row, i, l->stride_h, l->pad_h), c = source(l, column, j, l->stride_w, l->pad_w);
            if (r < 0 || r >= l->in_h || c < 0 || c >= l->in_w) continue;
            const float *pixel = x + (r * l->in_w + c) * l->in_c;
            const float *w = l->weights_f32 + o * patch(l) + (i * l->kernel_w + j) * l->in_c;
            for (int k = 0; k < l->in_c; k++) acc += (double)pixel[k] * w[k];
        }
    }
    *y = (float)(l->relu && acc < 0 ? 0 : acc);
}

static void layer_reference(const layer *l, int is_f32, const void *x, void *y)
{
    for (int row = 0; row < l->out_h; row++) {
        for (int column = 0; column < l->out_w; column++) {
            for (int o = 0; o < l->out_c; o++) {
                int at = (row * l->out_w + column) * l->out_c + o;
                if (is_f32) position_f32(l, x, (float *)y + at, row, column, o);
                else position_i8(l, x, (int8_t *)y + at, row, column, o);
            }
        }
    }
}

static float buffers[2][8192] __attribute__((section(".big")));

const void *reference(const model *m, const void *x)
{
    for (int k = 0; k < m->layers; k++) {
        layer_reference(&m->layer[k], m->is_f32, x, buffers[k % 2]);
        x = buffers[k % 2];
    }
    return x;
}
