/*
 * The format of a slot, pure: bytes in, bytes out. A record is a pair of slots written in turn; slot i holds the odd or
 * even sequence numbers (sequence & 1 == i), so that the newest value and the one before it are always both there.
 *
 * A slot, all numbers little-endian: a tag of 8 bytes; then sectors of 512 bytes (or one of the slot's size), each of
 * which ends with the tag again. What is left between the tags holds, in one piece:
 *
 *   16  checksum (HMAC-SHA256, cut) over all that follows, up to the value's end
 *    4  "slot"
 *    8  sequence
 *    8  expires, seconds since 1970; 0: never
 *    1  class
 *    1  kind (enum sms365_slot_kind)
 *    2  length of the name
 *    2  length of the value
 *       the name, the value, zeros
 *
 * The tag belongs to the sequence number. A disk writes whole sectors: a write that power loss interrupted leaves some
 * sectors with the new tag and some with the old, and was never acknowledged, so the other slot is right. Where all
 * tags agree the write was complete: then a wrong checksum means that somebody altered the slot, and going back to the
 * older value would give tries back.
 */
#ifndef SMS365_STORE_SLOT_H
#define SMS365_STORE_SLOT_H

#include "edges/store.h"

#define SMS365_SLOT_USER_BYTES 8192
#define SMS365_SLOT_TALLY_BYTES 128

enum sms365_slot_kind {
    SMS365_SLOT_NONE = 1, /* there is no value: not yet, or not any more */
    SMS365_SLOT_VALUE = 2
};

/* Whose slot it is. For USER the record's name, in a table the number of the bucket. */
struct sms365_slot_id {
    enum sms365_class class;
    const void *name; /* NULL when reading: any */
    size_t name_length;
    bool unordered; /* writes reach the disk in any order: after a power cut the two need not follow one another */
};

struct sms365_store_slot {
    uint64_t sequence; /* 0: nothing was ever written */
    int64_t expires_s;
    enum sms365_slot_kind kind;
    size_t name_length;
    char name[SMS365_RECORD_NAME_MAX + 1];
    size_t length;
    uint8_t value[SMS365_RECORD_MAX];
};

enum sms365_pair {
    SMS365_PAIR_CLEAN,   /* newest is set */
    SMS365_PAIR_TORN,    /* newest is set; a write after it was interrupted */
    SMS365_PAIR_DAMAGED, /* neither of those: altered */
    SMS365_PAIR_FOREIGN, /* a sound record, but of another name or place */
    SMS365_PAIR_NO_CRYPTO
};

/* Fill in one slot of size bytes. name, value and sequence come from `content`. False when libcrypto fails. */
bool sms365_slot_write(uint8_t *slot, size_t size, struct sms365_mac *key, const struct sms365_slot_id *id,
    const struct sms365_store_slot *content);

/*
 * Judge a pair of slots of size bytes each and read the newest value that counts. *newborn: the other slot is the mark
 * that a record is made with. *next: the slot to write to.
 */
enum sms365_pair sms365_slot_judge(struct sms365_store_slot *newest, bool *newborn, unsigned *next,
    const uint8_t *const pair[2], size_t size, struct sms365_mac *key, const struct sms365_slot_id *id);

/* A value that has not expired. */
bool sms365_slot_is_live(const struct sms365_store_slot *slot, int64_t wall_s);

#endif
