/* optim.h: what an optimiser step is told. */
#ifndef MT_OPTIM_H
#define MT_OPTIM_H

typedef struct {
    double lr, momentum, dampening, weight_decay;
    int nesterov, maximize;
} mt_sgd;

typedef struct {
    double lr, beta1, beta2, eps, weight_decay;
    int decoupled, maximize;
} mt_adam;

#endif
