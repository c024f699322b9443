/* emlearn's runtime, given the layers as its converter would write them: weights [in][out]. */
#include "peer.h"
#include <stdbool.h>
#include "eml_net.h"

static float transposed[270000] __attribute__((section(".big")));
static float activations[2][640];
static EmlNetLayer layers[MAX_LAYERS];
static EmlNet net;
static float y[640];

int peer_prepare(const model *m)
{
    if (!m->is_f32) return m->layers == 0;
    float *out = transposed;
    for (int k = 0; k < m->layers; k++) {
        const layer *l = &m->layer[k];
        if (l->in_h * l->in_w != 1) return 0;
        EmlNetActivationFunction act = l->relu ? EmlNetActivationRelu : EmlNetActivationIdentity;
        layers[k] = (EmlNetLayer) { l->out_c, l->in_c, out, l->bias_f32, act };
        for (int i = 0; i < l->in_c; i++) {
            for (int o = 0; o < l->out_c; o++) *out++ = l->weights_f32[o * l->in_c + i];
        }
    }
    net = (EmlNet) { m->layers, layers, activations[0], activations[1], 640 };
    return 1;
}

const void *peer_run(const model *m, const void *x)
{
    if (m->layers == 0) return x;
    return eml_net_regress(&net, x, net.layers[0].n_inputs, y, 640) == EmlOk ? y : NULL;
}
