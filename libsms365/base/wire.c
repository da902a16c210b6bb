#include "base/wire.h"

#include <string.h>

void sms365_put_bytes(struct sms365_writer *writer, const void *data, size_t length)
{
    if (writer->failed || length > writer->size - writer->used) {
        writer->failed = true;
        return;
    }
    memcpy(writer->data + writer->used, data, length);
    writer->used += length;
}

void sms365_put_u8(struct sms365_writer *writer, uint8_t value)
{
    sms365_put_bytes(writer, &value, 1);
}

void sms365_put_i64(struct sms365_writer *writer, int64_t value)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((uint64_t)value >> (8 * i));
    sms365_put_bytes(writer, bytes, sizeof bytes);
}

void sms365_take_bytes(struct sms365_reader *reader, void *data, size_t length)
{
    if (reader->failed || length > reader->length - reader->used) {
        reader->failed = true;
        memset(data, 0, length);
        return;
    }
    memcpy(data, reader->data + reader->used, length);
    reader->used += length;
}

uint8_t sms365_take_u8(struct sms365_reader *reader)
{
    uint8_t value;

    sms365_take_bytes(reader, &value, 1);
    return value;
}

int64_t sms365_take_i64(struct sms365_reader *reader)
{
    uint8_t bytes[8];
    uint64_t value = 0;

    sms365_take_bytes(reader, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return (int64_t)value;
}

void sms365_put_text(struct sms365_writer *writer, const char *text)
{
    const size_t length = strlen(text);

    if (length > UINT8_MAX) {
        writer->failed = true;
        return;
    }
    sms365_put_u8(writer, (uint8_t)length);
    sms365_put_bytes(writer, text, length);
}

void sms365_take_text(struct sms365_reader *reader, char *out, size_t size)
{
    const size_t length = sms365_take_u8(reader);

    memset(out, 0, size);
    if (length >= size) {
        reader->failed = true;
        return;
    }
    sms365_take_bytes(reader, out, length);
    if (strlen(out) != length)
        reader->failed = true;
}
