/* The workloads W1 to W4, the transposed convolutions, and their values. All of this runs before anything is counted. */
#include "model.h"
#include <string.h>

#define BIG __attribute__((section(".big"), aligned(16)))

#define DENSE(k, n, act) { .kind = LINEAR, .in_h = 1, .in_w = 1, .in_c = (k), .out_h = 1, .out_w = 1, \
    .out_c = (n), .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1, .relu = (act) }
#define CONV1(w, c, o, n, k, pad) { .kind = LINEAR, .in_h = 1, .in_w = (w), .in_c = (c), .out_h = 1, \
    .out_w = (o), .out_c = (n), .kernel_h = 1, .kernel_w = (k), .stride_h = 1, .stride_w = 2, \
    .pad_w = (pad), .relu = 1, .per_channel = 1 }
#define W2_LAYERS { DENSE(640, 128, 1), DENSE(128, 128, 1), DENSE(128, 128, 1), DENSE(128, 128, 1), \
    DENSE(128, 8, 1), DENSE(8, 128, 1), DENSE(128, 128, 1), DENSE(128, 128, 1), DENSE(128, 128, 1), \
    DENSE(128, 640, 0) }
#define W3_LAYERS { CONV1(128, 6, 64, 16, 5, 1), CONV1(64, 16, 32, 32, 5, 1), CONV1(32, 32, 16, 32, 3, 0), \
    DENSE(512, 64, 1), DENSE(64, 16, 0) }
#define UP(w, c, n, act) { .kind = TRANSPOSED, .in_h = 1, .in_w = (w), .in_c = (c), .out_h = 1, \
    .out_w = 2 * (w), .out_c = (n), .kernel_h = 1, .kernel_w = 4, .stride_h = 1, .stride_w = 2, \
    .pad_w = 1, .relu = (act), .per_channel = 1 }
#define UP_LAYERS { UP(8, 32, 24, 1), UP(16, 24, 16, 1), UP(32, 16, 9, 0) }
#define SEPARABLE(k, kernel, pad, act) { .kind = (k), .in_h = 25, .in_w = 5, .in_c = 64, .out_h = 25, \
    .out_w = 5, .out_c = 64, .kernel_h = (kernel), .kernel_w = (kernel), .stride_h = 1, .stride_w = 1, \
    .pad_h = (pad), .pad_w = (pad), .relu = (act), .per_channel = 1 }
#define DEPTH SEPARABLE(DEPTHWISE, 3, 1, 1)
#define POINT SEPARABLE(LINEAR, 1, 0, 0)

static model models[] = {
    { "empty", 0, 0, { { 0 } } },
    { "W1-128", 0, 1, { DENSE(128, 128, 0) } },
    { "W1-640", 0, 1, { DENSE(640, 128, 0) } },
    { "W2", 0, 10, W2_LAYERS },
    { "W3", 0, 5, W3_LAYERS },
    { "W4", 0, 2, { DEPTH, POINT } },
    { "W4-depthwise", 0, 1, { DEPTH } },
    { "W4-pointwise", 0, 1, { POINT } },
    { "transposed", 0, 3, UP_LAYERS },
    { "W2-f32", 1, 10, W2_LAYERS },
    { "W3-f32", 1, 5, W3_LAYERS },
    { "transposed-f32", 1, 3, UP_LAYERS },
};

static BIG uint8_t memory[1100 * 1024];
static size_t used;
static const model *made;
static void *input;
static uint32_t state;

static uint32_t next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void *take(size_t bytes)
{
    void *start = memory + used;
    used += (bytes + 15) & ~(size_t)15;
    return start;
}

static int8_t next_i8(void) { return (int8_t)((int32_t)next() >> 24); }
static float next_f32(float scale) { return (float)((int32_t)next() >> 8) * (1.0f / 8388608.0f) * scale; }

static uint32_t root(uint32_t x)
{
    uint32_t r = 1;
    while ((r + 1) * (r + 1) <= x) r++;
    return r;
}

/* Ratios that let the outputs use their range: the products have a deviation of about 73 * 74 * sqrt(patch),
 * half of that behind a ReLU. */
static void make_i8(layer *l, int first)
{
    int weights = patch(l) * l->out_c;
    l->weights = take(weights);
    for (int i = 0; i < weights; i++) {
        int8_t w = next_i8();
        l->weights[i] = w == -128 ? -127 : w;
    }
    int32_t *parameters = take(4 * sizeof(int32_t) * l->out_c);
    l->bias = parameters;
    l->ratio = parameters + l->out_c;
    l->multiplier = parameters + 2 * l->out_c;
    l->shift = parameters + 3 * l->out_c;
    for (int i = 0; i < l->out_c; i++) l->bias[i] = (int32_t)next() >> 16;
    uint32_t base = (first ? 40000000u : 80000000u) / root(patch(l));
    for (int i = 0; i < l->out_c; i++) {
        uint32_t ratio = l->per_channel ? base - base / 4 + next() % (base / 2) : base;
        int zeros = __builtin_clz(ratio) - 1;
        l->ratio[i] = ratio;
        l->multiplier[i] = ratio << zeros;
        l->shift[i] = -zeros - 1;
    }
    l->zero_in = first ? -3 : -128;
    l->zero_out = l->relu ? -128 : 4;
    l->low = -128;
    l->high = 127;
}

static void make_f32(layer *l)
{
    int weights = patch(l) * l->out_c;
    float scale = 2.0f;
    for (int k = patch(l); k > 0; k >>= 2) scale *= 0.5f;
    l->weights_f32 = take(sizeof(float) * weights);
    for (int i = 0; i < weights; i++) l->weights_f32[i] = next_f32(scale);
    l->bias_f32 = take(sizeof(float) * l->out_c);
    for (int i = 0; i < l->out_c; i++) l->bias_f32[i] = next_f32(0.5f);
}

const model *model_make(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        model *m = &models[i];
        if (strcmp(m->name, name) != 0) continue;
        state = SEED;
        for (int k = 0; k < m->layers; k++) {
            if (m->is_f32) make_f32(&m->layer[k]); else make_i8(&m->layer[k], k == 0);
        }
        made = m;
        int n = model_inputs();
        input = take(n * (m->is_f32 ? sizeof(float) : 1));
        for (int k = 0; k < n; k++) {
            if (m->is_f32) ((float *)input)[k] = next_f32(1.0f); else ((int8_t *)input)[k] = next_i8();
        }
        return m;
    }
    return NULL;
}

const void *model_input(void) { return input; }
int model_inputs(void) { return made->layers ? inputs(&made->layer[0]) : 0; }
int model_outputs(void) { return made->layers ? outputs(&made->layer[made->layers - 1]) : 0; }
