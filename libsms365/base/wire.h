/*
 * Reading and writing of binary records: little-endian integers and byte strings over a fixed buffer. A read or write
 * beyond the end sets failed, which stays set; reads give zeros from then on.
 */
#ifndef SMS365_WIRE_H
#define SMS365_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sms365_writer {
    uint8_t *data;
    size_t size;
    size_t used;
    bool failed;
};

struct sms365_reader {
    const uint8_t *data;
    size_t length;
    size_t used;
    bool failed;
};

void sms365_put_bytes(struct sms365_writer *writer, const void *data, size_t length);
void sms365_put_u8(struct sms365_writer *writer, uint8_t value);
void sms365_put_i64(struct sms365_writer *writer, int64_t value);

void sms365_take_bytes(struct sms365_reader *reader, void *data, size_t length);
uint8_t sms365_take_u8(struct sms365_reader *reader);
int64_t sms365_take_i64(struct sms365_reader *reader);

/* A text of at most 255 bytes, with its length before it. take refuses a NUL inside, and what does not fit size. */
void sms365_put_text(struct sms365_writer *writer, const char *text);
void sms365_take_text(struct sms365_reader *reader, char *out, size_t size);

#endif
