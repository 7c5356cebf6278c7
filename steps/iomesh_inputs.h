/* The inputs that all IOMesh kinds have in common, for their declarations. */
#ifndef PAWL_STEPS_IOMESH_INPUTS_H
#define PAWL_STEPS_IOMESH_INPUTS_H

#define INPUT_NAMESPACE                                                                                      \
    {                                                                                                        \
        .name = "namespace", .type = TYPE_STRING, .fallback = "iomesh-system", .help = "namespace of IOMesh" \
    }
#define INPUT_OBJECT                                                                                         \
    {                                                                                                        \
        .name = "object", .type = TYPE_STRING, .fallback = "iomesh",                                         \
        .help = "name of the IOMeshCluster object"                                                           \
    }

#endif
