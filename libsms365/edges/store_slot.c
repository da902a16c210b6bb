#include "edges/store_slot.h"

#include <string.h>

#define TAG_BYTES 8
#define SECTOR_BYTES 512
#define CHECKSUM_BYTES 16
#define HEADER_BYTES 42

/* Offsets in the piece between the tags. */
enum {
    AT_CHECKSUM = 0,
    AT_MAGIC = 16,
    AT_SEQUENCE = 20,
    AT_EXPIRES = 28,
    AT_CLASS = 36,
    AT_KIND = 37,
    AT_NAME_LENGTH = 38,
    AT_LENGTH = 40
};

/* First of what a checksum is over: nothing else that the key is used for begins so. */
static const uint8_t magic[4] = {'s', 'l', 'o', 't'};

#define SECTORS(size) ((size) < SECTOR_BYTES ? 1 : (size) / SECTOR_BYTES)
#define ROOM(size) ((size) - (1 + SECTORS(size)) * TAG_BYTES)

_Static_assert(ROOM(SMS365_SLOT_USER_BYTES) >= HEADER_BYTES + SMS365_RECORD_NAME_MAX + SMS365_RECORD_MAX,
    "a USER slot holds the longest name and value");
_Static_assert(ROOM(SMS365_SLOT_TALLY_BYTES) >= HEADER_BYTES + sizeof(uint16_t) + SMS365_RECORD_TALLY_MAX,
    "a HOST slot holds a bucket's number and the longest value");

enum shape { SHAPE_EMPTY, SHAPE_WHOLE, SHAPE_MIXED, SHAPE_BROKEN };

struct view {
    enum shape shape;
    uint64_t sequence; /* of a WHOLE slot, as it claims */
    uint64_t tags[2];  /* of a MIXED one */
};

static void put(uint8_t *out, uint64_t number, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t take(const uint8_t *in, size_t length)
{
    uint64_t number = 0;

    for (size_t i = 0; i < length; i++)
        number |= (uint64_t)in[i] << (8 * i);
    return number;
}

/* Neighbouring sequence numbers differ in a bit or two: spread them, so that no altered byte makes one tag of another.
 * The finaliser of splitmix64: a bijection, 0 stays 0. */
static uint64_t tag_of(uint64_t sequence)
{
    uint64_t z = sequence;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Offset of tag number i: one at the start, one at the end of each sector. */
static size_t tag_offset(size_t size, size_t i)
{
    if (i == 0)
        return 0;
    return i * (size / SECTORS(size)) - TAG_BYTES;
}

/* Bytes of the piece, of which `left` are still to come, that stand in sector i. */
static size_t share(size_t size, size_t i, size_t left)
{
    const size_t room = tag_offset(size, i + 1) - tag_offset(size, i) - TAG_BYTES;

    return room < left ? room : left;
}

/* Copy the first length bytes of the piece between the tags out of a slot, or into it. */
static void gather(uint8_t *piece, size_t length, const uint8_t *slot, size_t size)
{
    for (size_t i = 0, done = 0; done < length; i++) {
        const size_t part = share(size, i, length - done);
        memcpy(piece + done, slot + tag_offset(size, i) + TAG_BYTES, part);
        done += part;
    }
}

static void scatter(uint8_t *slot, size_t size, const uint8_t *piece, size_t length)
{
    for (size_t i = 0, done = 0; done < length; i++) {
        const size_t part = share(size, i, length - done);
        memcpy(slot + tag_offset(size, i) + TAG_BYTES, piece + done, part);
        done += part;
    }
}

static bool checksum(uint8_t out[CHECKSUM_BYTES], struct sms365_mac *key, const uint8_t *piece, size_t used)
{
    uint8_t mac[SMS365_MAC_BYTES];

    if (!sms365_mac_make(mac, key, piece + CHECKSUM_BYTES, used - CHECKSUM_BYTES))
        return false;
    memcpy(out, mac, CHECKSUM_BYTES);
    return true;
}

bool sms365_slot_write(uint8_t *slot, size_t size, struct sms365_mac *key, const struct sms365_slot_id *id,
    const struct sms365_store_slot *content)
{
    uint8_t piece[ROOM(SMS365_SLOT_USER_BYTES)];
    const size_t used = HEADER_BYTES + id->name_length + content->length;
    const uint64_t tag = tag_of(content->sequence);

    memcpy(piece + AT_MAGIC, magic, sizeof magic);
    put(piece + AT_SEQUENCE, content->sequence, 8);
    put(piece + AT_EXPIRES, (uint64_t)content->expires_s, 8);
    piece[AT_CLASS] = (uint8_t)id->class;
    piece[AT_KIND] = (uint8_t)content->kind;
    put(piece + AT_NAME_LENGTH, id->name_length, 2);
    put(piece + AT_LENGTH, content->length, 2);
    memcpy(piece + HEADER_BYTES, id->name, id->name_length);
    memcpy(piece + HEADER_BYTES + id->name_length, content->value, content->length);
    if (!checksum(piece + AT_CHECKSUM, key, piece, used))
        return false;
    memset(slot, 0, size);
    scatter(slot, size, piece, used);
    for (size_t i = 0; i <= SECTORS(size); i++)
        put(slot + tag_offset(size, i), tag, TAG_BYTES);
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static struct view look(const uint8_t *slot, size_t size)
{
    struct view view = {.shape = SHAPE_BROKEN, .sequence = take(slot + TAG_BYTES + AT_SEQUENCE, 8)};
    bool mixed = false;

    view.tags[0] = take(slot, TAG_BYTES);
    for (size_t i = 1; i <= SECTORS(size); i++) {
        const uint64_t tag = take(slot + tag_offset(size, i), TAG_BYTES);
        if (tag == view.tags[0] || (mixed && tag == view.tags[1]))
            continue;
        if (mixed)
            return view;
        mixed = true;
        view.tags[1] = tag;
    }
    if (mixed)
        view.shape = SHAPE_MIXED;
    else if (view.tags[0] == 0)
        view.shape = all_zero(slot, size) ? SHAPE_EMPTY : SHAPE_BROKEN;
    else if (view.tags[0] == tag_of(view.sequence))
        view.shape = SHAPE_WHOLE;
    return view;
}

/* A write of the number after `sequence`, over the one before it (or over zeros, where there was none), was cut short.
 */
static bool is_interrupted(const struct view *view, uint64_t sequence, bool may_be_empty)
{
    const uint64_t fresh = tag_of(sequence + 1);
    const uint64_t stale = tag_of(sequence - 1);

    if (view->shape != SHAPE_MIXED)
        return false;
    for (unsigned i = 0; i < 2; i++)
        if (view->tags[i] == fresh && (view->tags[!i] == stale || (may_be_empty && view->tags[!i] == 0)))
            return true;
    return false;
}

/* The checksum says that the slot is as we wrote it; the name and place that it is the one asked for. */
static enum sms365_pair read_slot(struct sms365_store_slot *out, const uint8_t *slot, size_t size, unsigned index,
    struct sms365_mac *key, const struct sms365_slot_id *id)
{
    uint8_t piece[ROOM(SMS365_SLOT_USER_BYTES)];
    uint8_t sum[CHECKSUM_BYTES];

    gather(piece, HEADER_BYTES, slot, size);
    const size_t name_length = (size_t)take(piece + AT_NAME_LENGTH, 2);
    const size_t length = (size_t)take(piece + AT_LENGTH, 2);
    if (memcmp(piece + AT_MAGIC, magic, sizeof magic) != 0 || name_length > SMS365_RECORD_NAME_MAX ||
        length > SMS365_RECORD_MAX || HEADER_BYTES + name_length + length > ROOM(size))
        return SMS365_PAIR_DAMAGED;
    gather(piece, HEADER_BYTES + name_length + length, slot, size);
    if (!checksum(sum, key, piece, HEADER_BYTES + name_length + length))
        return SMS365_PAIR_NO_CRYPTO;
    if (!sms365_equal(sum, piece + AT_CHECKSUM, sizeof sum))
        return SMS365_PAIR_DAMAGED;
    out->sequence = take(piece + AT_SEQUENCE, 8);
    if (piece[AT_CLASS] != id->class || (out->sequence & 1) != index)
        return SMS365_PAIR_FOREIGN;
    if (id->name != NULL &&
        (name_length != id->name_length || memcmp(piece + HEADER_BYTES, id->name, name_length) != 0))
        return SMS365_PAIR_FOREIGN;
    out->expires_s = (int64_t)take(piece + AT_EXPIRES, 8);
    out->kind = piece[AT_KIND] == SMS365_SLOT_VALUE ? SMS365_SLOT_VALUE : SMS365_SLOT_NONE;
    out->name_length = name_length;
    memcpy(out->name, piece + HEADER_BYTES, name_length);
    out->name[name_length] = '\0';
    out->length = length;
    memcpy(out->value, piece + HEADER_BYTES + name_length, length);
    return SMS365_PAIR_CLEAN;
}

/* Two complete slots: the later one counts. */
static enum sms365_pair choose_later(unsigned *newest, unsigned *next, const struct view view[2], bool unordered)
{
    *newest = view[1].sequence > view[0].sequence;
    *next = !*newest;
    return unordered || view[*newest].sequence == view[*next].sequence + 1 ? SMS365_PAIR_CLEAN : SMS365_PAIR_DAMAGED;
}

/* Which slot counts, going by the tags alone. For a pair that was never written: *newest is 2. */
static enum sms365_pair choose(
    unsigned *newest, unsigned *next, const struct view view[2], const struct sms365_slot_id *id)
{
    const bool may_be_empty = id->class != SMS365_CLASS_USER;
    const enum shape a = view[0].shape;
    const enum shape b = view[1].shape;

    *newest = 2;
    *next = 0;
    if (a == SHAPE_WHOLE && b == SHAPE_WHOLE)
        return choose_later(newest, next, view, id->unordered);
    if (a == SHAPE_WHOLE || b == SHAPE_WHOLE) {
        *newest = a != SHAPE_WHOLE;
        *next = !*newest;
        if (may_be_empty && view[*next].shape == SHAPE_EMPTY)
            return SMS365_PAIR_CLEAN;
        return is_interrupted(&view[*next], view[*newest].sequence, may_be_empty) ? SMS365_PAIR_TORN
                                                                                  : SMS365_PAIR_DAMAGED;
    }
    if (!may_be_empty || (a != SHAPE_EMPTY && b != SHAPE_EMPTY))
        return SMS365_PAIR_DAMAGED;
    if (a == b)
        return SMS365_PAIR_CLEAN;
    /* The first write of all was cut short: start again in the same slot. */
    *next = a == SHAPE_EMPTY;
    const struct view *torn = &view[*next];
    return torn->shape == SHAPE_MIXED && (torn->tags[0] == 0 || torn->tags[1] == 0) ? SMS365_PAIR_TORN
                                                                                    : SMS365_PAIR_DAMAGED;
}

enum sms365_pair sms365_slot_judge(struct sms365_store_slot *newest, bool *newborn, unsigned *next,
    const uint8_t *const pair[2], size_t size, struct sms365_mac *key, const struct sms365_slot_id *id)
{
    const struct view view[2] = {look(pair[0], size), look(pair[1], size)};
    unsigned index;
    const enum sms365_pair found = choose(&index, next, view, id);

    newest->sequence = 0;
    newest->kind = SMS365_SLOT_NONE;
    newest->length = 0;
    *newborn = false;
    if ((found != SMS365_PAIR_CLEAN && found != SMS365_PAIR_TORN) || index > 1)
        return found;
    *newborn = view[*next].shape == SHAPE_WHOLE && pair[*next][TAG_BYTES + AT_KIND] == SMS365_SLOT_NONE;
    const enum sms365_pair read = read_slot(newest, pair[index], size, index, key, id);
    return read == SMS365_PAIR_CLEAN ? found : read;
}

bool sms365_slot_is_live(const struct sms365_store_slot *slot, int64_t wall_s)
{
    return slot->sequence != 0 && slot->kind == SMS365_SLOT_VALUE && (slot->expires_s == 0 || wall_s < slot->expires_s);
}
