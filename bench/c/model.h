/* Workloads: layers with random weights from a printed seed, as firmware/kernels/src/workloads/layer.rs
 * makes them. */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

#define SEED 0x2545F491u
#define MAX_LAYERS 10

enum kind { LINEAR, DEPTHWISE, TRANSPOSED };

/* A layer; dense is LINEAR with one position and a 1x1 kernel. Activations are channels last, weights
 * [out_c][kernel_h][kernel_w][in_c], or [kernel_h][kernel_w][out_c] of a DEPTHWISE layer. */
typedef struct {
    enum kind kind;
    int16_t in_h, in_w, in_c;
    int16_t out_h, out_w, out_c;
    int16_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
    uint8_t relu, per_channel;

    /* int8: y = clamp(zero_out + round(m * (bias + sum (x - zero_in) * w))), m = ratio / 2^32
     * = multiplier / 2^31 * 2^shift, each with a value per output channel. */
    int32_t zero_in, zero_out, low, high;
    int8_t *weights;
    int32_t *bias, *ratio, *multiplier, *shift;
    /* f32: y = bias + sum x * w, max with 0 where relu. */
    float *weights_f32, *bias_f32;
} layer;

typedef struct {
    const char *name;
    int is_f32;
    int layers;
    layer layer[MAX_LAYERS];
} model;

static inline int patch(const layer *l)
{
    return l->kernel_h * l->kernel_w * (l->kind == DEPTHWISE ? 1 : l->in_c);
}
/* The place that a tap of an output position reads along an axis; negative where it reads none. */
static inline int source(const layer *l, int position, int tap, int stride, int pad)
{
    if (l->kind != TRANSPOSED) return position * stride - pad + tap;
    int at = position + pad - tap;
    return at % stride ? -1 : at / stride;
}
static inline int inputs(const layer *l) { return l->in_h * l->in_w * l->in_c; }
static inline int outputs(const layer *l) { return l->out_h * l->out_w * l->out_c; }

/* Fills in weights and input of the named workload; NULL where there is none of that name. */
const model *model_make(const char *name);
/* Its input, int8_t or float. */
const void *model_input(void);
int model_inputs(void);
int model_outputs(void);

#endif
