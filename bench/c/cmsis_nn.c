/* CMSIS-NN's s8 kernels, called as TFLite-Micro calls them. */
#include "peer.h"
#include "arm_nnfunctions.h"

static int8_t buffers[2][8192];
static int16_t scratch[16 * 1024];

/* A checkout of CMSIS-NN 7 (2026) has another argument, and on an M55 wants sums prepared for it. */
#ifdef CMSIS_NN_7
#define UPSCALE NULL,
#else
#define UPSCALE
#endif

int peer_prepare(const model *m)
{
#if defined(CMSIS_NN_7) && defined(__ARM_FEATURE_MVE)
    return m->layers == 0;
#endif
    return !m->is_f32;
}

static cmsis_nn_dims dims(int n, int h, int w, int c)
{
    return (cmsis_nn_dims) { .n = n, .h = h, .w = w, .c = c };
}

static arm_cmsis_nn_status fully_connected(const layer *l, const int8_t *x, int8_t *y)
{
    cmsis_nn_context context = { scratch, sizeof scratch };
    cmsis_nn_fc_params params = { -l->zero_in, 0, l->zero_out, { l->low, l->high } };
    cmsis_nn_per_tensor_quant_params quant = { l->multiplier[0], l->shift[0] };
    cmsis_nn_dims in = dims(1, 1, 1, l->in_c), filter = dims(l->in_c, 1, 1, l->out_c);
    cmsis_nn_dims bias = dims(1, 1, 1, l->out_c), out = dims(1, 1, 1, l->out_c);
    return arm_fully_connected_s8(&context, &params, &quant, &in, x, &filter, l->weights, &bias, l->bias, &out, y);
}

static arm_cmsis_nn_status convolve(const layer *l, const int8_t *x, int8_t *y)
{
    cmsis_nn_context context = { scratch, sizeof scratch };
    cmsis_nn_conv_params params = { -l->zero_in, l->zero_out, { l->stride_w, l->stride_h },
        { l->pad_w, l->pad_h }, { 1, 1 }, { l->low, l->high } };
    cmsis_nn_per_channel_quant_params quant = { l->multiplier, l->shift };
    cmsis_nn_dims in = dims(1, l->in_h, l->in_w, l->in_c);
    cmsis_nn_dims filter = dims(l->out_c, l->kernel_h, l->kernel_w, l->in_c);
    cmsis_nn_dims bias = dims(1, 1, 1, l->out_c), out = dims(1, l->out_h, l->out_w, l->out_c);
    /* Not the wrapper: its 1xN kernel is wrong at the right edge of SAME padding on an M55. */
    if (l->kernel_h * l->kernel_w > 1)
        return arm_convolve_s8(&context, &params, &quant, &in, x, &filter, l->weights, &bias, l->bias, UPSCALE &out, y);
    context.size = arm_convolve_1x1_s8_fast_get_buffer_size(&in);
    if (context.size == 0) context.buf = NULL;
    return arm_convolve_1x1_s8_fast(&context, &params, &quant, &in, x, &filter, l->weights, &bias, l->bias, &out, y);
}

static arm_cmsis_nn_status depthwise(const layer *l, const int8_t *x, int8_t *y)
{
    cmsis_nn_context context = { scratch, sizeof scratch };
    cmsis_nn_dw_conv_params params = { -l->zero_in, l->zero_out, 1, { l->stride_w, l->stride_h },
        { l->pad_w, l->pad_h }, { 1, 1 }, { l->low, l->high } };
    cmsis_nn_per_channel_quant_params quant = { l->multiplier, l->shift };
    cmsis_nn_dims in = dims(1, l->in_h, l->in_w, l->in_c);
    cmsis_nn_dims filter = dims(1, l->kernel_h, l->kernel_w, l->out_c);
    cmsis_nn_dims bias = dims(1, 1, 1, l->out_c), out = dims(1, l->out_h, l->out_w, l->out_c);
    return arm_depthwise_conv_wrapper_s8(&context, &params, &quant, &in, x, &filter, l->weights, &bias, l->bias, &out, y);
}

/* What the package of 2022 does not have. */
#ifdef CMSIS_NN_7
static arm_cmsis_nn_status transposed(const layer *l, const int8_t *x, int8_t *y)
{
    static int8_t reversed[8192];
    cmsis_nn_context context = { scratch, sizeof scratch }, reverse = { reversed, sizeof reversed };
    cmsis_nn_transpose_conv_params params = { .input_offset = -l->zero_in, .output_offset = l->zero_out,
        .stride = { l->stride_w, l->stride_h }, .padding = { l->pad_w, l->pad_h }, .dilation = { 1, 1 },
        .activation = { l->low, l->high } };
    cmsis_nn_per_channel_quant_params quant = { l->multiplier, l->shift };
    cmsis_nn_dims in = dims(1, l->in_h, l->in_w, l->in_c);
    cmsis_nn_dims filter = dims(l->out_c, l->kernel_h, l->kernel_w, l->in_c);
    cmsis_nn_dims bias = dims(1, 1, 1, l->out_c), out = dims(1, l->out_h, l->out_w, l->out_c);
    return arm_transpose_conv_wrapper_s8(&context, &reverse, &params, &quant, &in, x, &filter, l->weights, &bias,
        l->bias, &out, y);
}
#else
static arm_cmsis_nn_status transposed(const layer *l, const int8_t *x, int8_t *y)
{
    (void)l, (void)x, (void)y;
    return ARM_CMSIS_NN_NO_IMPL_ERROR;
}
#endif

const void *peer_run(const model *m, const void *x)
{
    for (int k = 0; k < m->layers; k++) {
        const layer *l = &m->layer[k];
        int8_t *y = buffers[k % 2];
        if (l->kind == TRANSPOSED) transposed(l, x, y);
        else if (l->kind == DEPTHWISE) depthwise(l, x, y);
        else if (l->in_h * l->in_w == 1) fully_connected(l, x, y);
        else convolve(l, x, y);
        x = y;
    }
    return x;
}
