/* The reader of comma-separated values: one text, fed whole and byte by byte, and what was read written and read again.
 */
#include "pure/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

/* What a row was read as: its line, what is wrong with it or its fields; and, of a good one, the row written anew. */
static void row_note(
    struct sms365_buf *seen, struct sms365_buf *anew, const struct sms365_csv *csv, enum sms365_csv_result result)
{
    demand(csv->line > 0);
    sms365_buf_printf(seen, "%zu %s", anew == NULL ? 0 : csv->line, result == SMS365_CSV_BAD ? csv->wrong : "");
    if (result == SMS365_CSV_ROW) {
        demand(csv->count >= 1 && csv->count <= SMS365_CSV_FIELDS_MAX);
        for (size_t i = 0; i < csv->count; i++)
            sms365_buf_add(seen, csv->field[i], strlen(csv->field[i]) + 1);
        if (anew != NULL)
            sms365_csv_write(anew, csv->field, csv->count);
    }
    sms365_buf_add(seen, "\n", 1);
}

/* anew NULL: lines are not noted, and there are no bad rows. */
static void read_all(struct sms365_buf *seen, struct sms365_buf *anew, const char *text, size_t length, size_t piece)
{
    static struct sms365_csv csv;
    enum sms365_csv_result result;
    size_t used;

    sms365_csv_init(&csv);
    for (size_t at = 0; at < length; at += used) {
        const size_t left = length - at;
        result = sms365_csv_feed(&csv, text + at, left < piece ? left : piece, &used);
        demand(used > 0 && used <= left);
        demand(result != SMS365_CSV_BAD || anew != NULL);
        if (result != SMS365_CSV_MORE)
            row_note(seen, anew, &csv, result);
    }
    result = sms365_csv_end(&csv);
    if (result != SMS365_CSV_MORE)
        row_note(seen, anew, &csv, result);
    demand(sms365_csv_end(&csv) == SMS365_CSV_MORE);
}

static bool same(const struct sms365_buf *a, const struct sms365_buf *b)
{
    return a->length == b->length && memcmp(sms365_buf_text(a), sms365_buf_text(b), a->length) == 0;
}

/* The good rows alone, as row_note() has them without lines. */
static void good_note(struct sms365_buf *out, const char *text, size_t length)
{
    static struct sms365_csv csv;
    size_t used;

    sms365_csv_init(&csv);
    for (size_t at = 0; at < length; at += used)
        if (sms365_csv_feed(&csv, text + at, length - at, &used) == SMS365_CSV_ROW)
            row_note(out, NULL, &csv, SMS365_CSV_ROW);
    if (sms365_csv_end(&csv) == SMS365_CSV_ROW)
        row_note(out, NULL, &csv, SMS365_CSV_ROW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = "x\r\n"; /* only at the very beginning is a byte order mark passed over */
    const char *text = (const char *)data;
    struct sms365_buf whole, bytes, anew, again, good, back;

    struct sms365_buf *const all[] = {&whole, &bytes, &anew, &again, &good, &back};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sms365_buf_init(all[i], 1 << 22);
    sms365_buf_puts(&anew, head);
    sms365_buf_puts(&again, head);
    read_all(&whole, &anew, text, size, size);
    read_all(&bytes, &again, text, size, 1);
    demand(same(&whole, &bytes) && same(&anew, &again));
    good_note(&good, head, strlen(head));
    good_note(&good, text, size);
    read_all(&back, NULL, sms365_buf_text(&anew), anew.length, anew.length);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        demand(!all[i]->failed);
    demand(same(&good, &back));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sms365_buf_free(all[i]);
    return 0;
}
