#ifndef REFERENCE_H
#define REFERENCE_H
#include "model.h"
/* Output of a workload, from double precision or 64-bit integers. */
const void *reference(const model *m, const void *x);
#endif
