/* What the state store keeps: small records in classes, each with a version that every write changes. */
#ifndef SMS365_RECORD_H
#define SMS365_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* Most bytes of one value: a slot of store_file is one page less its header. */
#define SMS365_RECORD_MAX 3840
/* Most bytes of a value of class HOST, whose records live in a table of fixed buckets. */
#define SMS365_RECORD_HOST_MAX 64
/* Most bytes of a name: a USER record keeps it, for HOST it only chooses the bucket. */
#define SMS365_RECORD_NAME_MAX 128
#define SMS365_RECORD_HOST_NAME_MAX 255

enum sms365_class {
    SMS365_CLASS_USER, /* an enrolled user's counters and open challenges; kept until deleted */
    SMS365_CLASS_HOST, /* what strangers choose: addresses. A fixed table: names that share a bucket share its value */
    SMS365_CLASS_COUNT
};

struct sms365_record {
    uint64_t version; /* 0: there is none */
    size_t length;
    uint8_t value[SMS365_RECORD_MAX];
};

#endif
