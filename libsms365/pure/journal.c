#include "pure/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 7

struct sms365_revoked_id {
    uint8_t id[SMS365_TICKET_ID_BYTES];
    int64_t expires_s;
};

struct sms365_revoked_user {
    char name[SMS365_RECORD_NAME_MAX + 1];
    int64_t until_s;
};

static const struct {
    const char *word;
    const char *fields; /* i: id, s: service, u: user, a: address, w: when, e: expires */
} forms[] = {
    [SMS365_JOURNAL_ISSUED] = {"issued", "isuawe"},
    [SMS365_JOURNAL_REMEMBERED] = {"remembered", "isuawe"},
    [SMS365_JOURNAL_REVOKED] = {"revoked", "ie"},
    [SMS365_JOURNAL_USER] = {"revoked-user", "uw"},
    [SMS365_JOURNAL_ALL] = {"revoked-all", "w"},
};

bool sms365_journal_is_issue(enum sms365_journal_kind kind)
{
    return kind == SMS365_JOURNAL_ISSUED || kind == SMS365_JOURNAL_REMEMBERED;
}

void sms365_journal_write(struct sms365_buf *out, const struct sms365_journal_line *line)
{
    char id[2 * SMS365_TICKET_ID_BYTES + 1];

    sms365_str_hex(id, line->id, sizeof line->id);
    sms365_buf_puts(out, forms[line->kind].word);
    for (const char *field = forms[line->kind].fields; *field != '\0'; field++) {
        sms365_buf_puts(out, " ");
        if (*field == 'i')
            sms365_buf_puts(out, id);
        else if (*field == 's')
            sms365_buf_add_form(out, line->service, strlen(line->service));
        else if (*field == 'u')
            sms365_buf_add_form(out, line->user, strlen(line->user));
        else if (*field == 'a')
            sms365_buf_add_form(out, line->address, strlen(line->address));
        else
            sms365_buf_printf(out, "%" PRId64, *field == 'w' ? line->when_s : line->expires_s);
    }
    sms365_buf_puts(out, "\n");
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found == NULL ? -1 : (int)(found - digits);
}

/* Percent-encoding back into text. */
static bool decode(char *out, size_t size, const char *text)
{
    size_t used = 0;

    for (; *text != '\0'; text++) {
        char byte = *text;
        if (byte == '%') {
            const int high = hex_digit(text[1]);
            const int low = high < 0 ? -1 : hex_digit(text[2]);
            if (low < 0 || high + low == 0)
                return false;
            byte = (char)(high * 16 + low);
            text += 2;
        }
        if (used + 1 >= size)
            return false;
        out[used++] = byte;
    }
    out[used] = '\0';
    return true;
}

static bool field_read(struct sms365_journal_line *line, char field, const char *text)
{
    switch (field) {
    case 'i':
        return sms365_str_unhex(line->id, sizeof line->id, text);
    case 's':
        return decode(line->service, sizeof line->service, text);
    case 'u':
        return decode(line->user, sizeof line->user, text);
    case 'a':
        return decode(line->address, sizeof line->address, text);
    case 'w':
        return sms365_str_number(text, 0, INT64_MAX, &line->when_s);
    default:
        return sms365_str_number(text, 0, INT64_MAX, &line->expires_s);
    }
}

bool sms365_journal_read(struct sms365_journal_line *line, const char *text, size_t length)
{
    char copy[SMS365_JOURNAL_LINE_MAX];
    char *fields[FIELDS_MAX];
    size_t count = 0;

    *line = (struct sms365_journal_line){.kind = SMS365_JOURNAL_ISSUED};
    if (length >= sizeof copy || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    for (char *c = copy; c != NULL; count++) {
        if (count == FIELDS_MAX)
            return false;
        fields[count] = c;
        c = strchr(c, ' ');
        if (c != NULL)
            *c++ = '\0';
    }
    for (size_t kind = 0; kind < sizeof forms / sizeof *forms; kind++) {
        if (strcmp(fields[0], forms[kind].word) != 0 || strlen(forms[kind].fields) + 1 != count)
            continue;
        line->kind = (enum sms365_journal_kind)kind;
        for (size_t i = 1; i < count; i++)
            if (!field_read(line, forms[kind].fields[i - 1], fields[i]))
                return false;
        return true;
    }
    return false;
}

/* The first of count ordered elements that is not less than key; *same: it is equal. */
static size_t find(const void *elements, size_t count, size_t size, const void *key,
    int (*compare)(const void *key, const void *element), bool *same)
{
    size_t low = 0, high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare(key, (const char *)elements + middle * size) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    *same = low < count && compare(key, (const char *)elements + low * size) == 0;
    return low;
}

/* Room for one more at index; NULL when there is no memory. */
static void *insert(void **elements, size_t *count, size_t *room, size_t size, size_t index)
{
    if (*count == *room) {
        const size_t more = *room == 0 ? 16 : 2 * *room;
        void *moved = reallocarray(*elements, more, size);
        if (moved == NULL)
            return NULL;
        *elements = moved;
        *room = more;
    }
    char *place = (char *)*elements + index * size;
    memmove(place + size, place, (*count - index) * size);
    memset(place, 0, size);
    (*count)++;
    return place;
}

static int compare_ids(const void *key, const void *element)
{
    return memcmp(key, ((const struct sms365_revoked_id *)element)->id, SMS365_TICKET_ID_BYTES);
}

static int compare_users(const void *key, const void *element)
{
    const struct sms365_span *user = key;
    const char *name = ((const struct sms365_revoked_user *)element)->name;
    const size_t length = strlen(name);
    const int order = memcmp(user->data, name, user->length < length ? user->length : length);

    return order != 0 ? order : (user->length > length) - (user->length < length);
}

/* A session that has expired needs no revocation. */
static void ids_expire(struct sms365_revoked *revoked, int64_t now_s)
{
    size_t kept = 0;

    for (size_t i = 0; i < revoked->id_count; i++)
        if (revoked->ids[i].expires_s >= now_s)
            revoked->ids[kept++] = revoked->ids[i];
    revoked->id_count = kept;
}

static bool id_add(struct sms365_revoked *revoked, const struct sms365_journal_line *line, int64_t now_s)
{
    bool same;

    if (revoked->id_count == revoked->id_room)
        ids_expire(revoked, now_s);
    void *elements = revoked->ids;
    const size_t index = find(elements, revoked->id_count, sizeof *revoked->ids, line->id, compare_ids, &same);

    if (same)
        return true;
    struct sms365_revoked_id *fresh =
        insert(&elements, &revoked->id_count, &revoked->id_room, sizeof *revoked->ids, index);
    revoked->ids = elements;
    if (fresh == NULL)
        return false;
    memcpy(fresh->id, line->id, sizeof fresh->id);
    fresh->expires_s = line->expires_s;
    return true;
}

static bool user_add(struct sms365_revoked *revoked, const char *name, int64_t until_s)
{
    const struct sms365_span key = {name, strlen(name)};
    bool same;
    void *elements = revoked->users;
    const size_t index = find(elements, revoked->user_count, sizeof *revoked->users, &key, compare_users, &same);

    struct sms365_revoked_user *user =
        same ? &revoked->users[index]
             : insert(&elements, &revoked->user_count, &revoked->user_room, sizeof *revoked->users, index);
    revoked->users = elements;
    if (user == NULL)
        return false;
    if (!same)
        (void)sms365_str_copy(user->name, sizeof user->name, name);
    if (until_s > user->until_s)
        user->until_s = until_s;
    return true;
}

bool sms365_revoked_add(struct sms365_revoked *revoked, const struct sms365_journal_line *line, int64_t now_s)
{
    switch (line->kind) {
    case SMS365_JOURNAL_REVOKED:
        return id_add(revoked, line, now_s);
    case SMS365_JOURNAL_USER:
        return user_add(revoked, line->user, line->when_s);
    case SMS365_JOURNAL_ALL:
        if (line->when_s > revoked->all_s)
            revoked->all_s = line->when_s;
        return true;
    case SMS365_JOURNAL_ISSUED:
    case SMS365_JOURNAL_REMEMBERED:
        break;
    }
    return true;
}

bool sms365_revoked_has(const struct sms365_revoked *revoked, const uint8_t id[SMS365_TICKET_ID_BYTES],
    struct sms365_span user, int64_t issued_s)
{
    bool same;

    if (issued_s <= revoked->all_s)
        return true;
    if (revoked->user_count > 0) {
        const size_t index =
            find(revoked->users, revoked->user_count, sizeof *revoked->users, &user, compare_users, &same);
        if (same && issued_s <= revoked->users[index].until_s)
            return true;
    }
    if (revoked->id_count == 0)
        return false;
    (void)find(revoked->ids, revoked->id_count, sizeof *revoked->ids, id, compare_ids, &same);
    return same;
}

void sms365_revoked_free(struct sms365_revoked *revoked)
{
    free(revoked->ids);
    free(revoked->users);
    *revoked = (struct sms365_revoked){.ids = NULL};
}
