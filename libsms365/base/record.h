/* What the state store keeps: small records in classes, each with a version that every write changes. */
#ifndef SMS365_RECORD_H
#define SMS365_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* Most bytes of one value: a slot of store_file is two pages less its header. */
#define SMS365_RECORD_MAX 7680
/* Most bytes of a value of the other classes, whose records live in tables of fixed buckets. */
#define SMS365_RECORD_TALLY_MAX 64
/* Most bytes of a name: a USER record keeps it, in a table it only chooses the bucket. */
#define SMS365_RECORD_NAME_MAX 128
#define SMS365_RECORD_TALLY_NAME_MAX 255

/* Records of class SHARD. */
#define SMS365_SHARDS 16

/* All but USER are tables of a fixed size: names that share a bucket share its value. */
enum sms365_class {
    SMS365_CLASS_USER,  /* an enrolled user's counters and open challenges; kept until deleted */
    SMS365_CLASS_HOST,  /* what strangers choose: attempts from an address */
    SMS365_CLASS_SPEND, /* messages to a number, and caused from an address. Outlives a killed process, not a power cut
                         */
    SMS365_CLASS_SHARD, /* all messages of this store, spread over a few records that are summed. The same */
    SMS365_CLASS_FLAG,  /* what concerns everybody: sending has stopped */
    SMS365_CLASS_COUNT
};

struct sms365_record {
    uint64_t version; /* 0: there is none */
    size_t length;
    uint8_t value[SMS365_RECORD_MAX];
};

#endif
