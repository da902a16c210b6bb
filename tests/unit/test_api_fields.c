/* The reply of every endpoint, made from the table, and then spoilt. */
#include "pure/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX 16384
#define NESTING_BYTES (10u << 20)

/* A field that is not as the table has it, and what is there instead. */
struct odd {
    const struct sms365_api_field *field;
    const char *instead;
};

static bool is_within(const struct sms365_api_field *field, const char *path)
{
    return strcmp(field->object == NULL ? "" : field->object, path) == 0;
}

static void put_object(
    struct sms365_buf *out, const struct sms365_endpoint *endpoint, const char *path, const struct odd *odd);

static void put_value(struct sms365_buf *out, const struct sms365_endpoint *endpoint,
    const struct sms365_api_field *field, const struct odd *odd)
{
    char path[64];

    sms365_buf_printf(out, "\"%s\":", field->name);
    if (field == odd->field) {
        sms365_buf_puts(out, odd->instead);
        return;
    }
    (void)snprintf(path, sizeof path, "%s%s%s", field->object == NULL ? "" : field->object,
        field->object == NULL ? "" : ".", field->name);
    switch (field->type) {
    case SMS365_TYPE_OBJECT:
        put_object(out, endpoint, path, odd);
        break;
    case SMS365_TYPE_LIST:
        sms365_buf_puts(out, "[");
        put_object(out, endpoint, path, odd);
        sms365_buf_puts(out, ",");
        put_object(out, endpoint, path, odd);
        sms365_buf_puts(out, "]");
        break;
    case SMS365_TYPE_VALUES:
        sms365_buf_puts(out, "[\"1\",2]");
        break;
    case SMS365_TYPE_NUMBER:
        sms365_buf_puts(out, "-1.5");
        break;
    default:
        sms365_buf_puts(out, "\"d\"");
    }
}

static void put_object(
    struct sms365_buf *out, const struct sms365_endpoint *endpoint, const char *path, const struct odd *odd)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);
    const char *separator = "";

    sms365_buf_puts(out, "{");
    if (*path == '\0') {
        sms365_buf_puts(out, "\"status\":\"1\",\"error\":0,\"remarks\":\"Success\"");
        separator = ",";
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].endpoint != endpoint->id || !is_within(&fields[i], path))
            continue;
        sms365_buf_puts(out, separator);
        put_value(out, endpoint, &fields[i], odd);
        separator = ",";
    }
    sms365_buf_puts(out, "}");
}

static void make(struct sms365_buf *out, const struct sms365_endpoint *endpoint, struct odd odd)
{
    sms365_buf_init(out, REPLY_MAX);
    put_object(out, endpoint, "", &odd);
    assert_false(out->failed);
}

/* text in memory of its exact size, so that a sanitizer sees reads beyond. */
static void expect(
    const struct sms365_endpoint *endpoint, const char *text, size_t length, enum sms365_err wanted, const char *what)
{
    struct sms365_reply *reply;
    char *exact = malloc(length + (length == 0 ? 1 : 0));

    assert_non_null(exact);
    memcpy(exact, text, length);
    const enum sms365_err result = sms365_api_decode(&reply, endpoint, exact, length, NULL);
    free(exact);
    assert_true((reply != NULL) == (wanted == SMS365_OK));
    sms365_reply_free(reply);
    if (result != wanted)
        fail_msg("%s, %s: %.*s", endpoint->path, what, (int)length, text);
}

#define FOR_EACH_ENDPOINT(endpoint)                                                                                    \
    for (int id_ = 0; id_ < SMS365_EP_COUNT; id_++)                                                                    \
        for (const struct sms365_endpoint *endpoint = sms365_endpoint_get((enum sms365_endpoint_id)id_);               \
             endpoint != NULL; endpoint = NULL)

static void a_reply_as_the_table_has_it_is_a_success(void **state)
{
    (void)state;
    FOR_EACH_ENDPOINT(endpoint)
    {
        struct sms365_buf reply;
        make(&reply, endpoint, (struct odd){NULL, NULL});
        expect(endpoint, reply.data, reply.length, SMS365_OK, "whole");
        sms365_buf_free(&reply);
    }
}

static void cut_at_any_byte_it_is_a_bad_reply(void **state)
{
    (void)state;
    FOR_EACH_ENDPOINT(endpoint)
    {
        struct sms365_buf reply;
        make(&reply, endpoint, (struct odd){NULL, NULL});
        for (size_t cut = 0; cut < reply.length; cut++)
            expect(endpoint, reply.data, cut, SMS365_BAD_REPLY, "cut");
        sms365_buf_free(&reply);
    }
}

static void bytes_that_do_not_belong_there_make_it_a_bad_reply(void **state)
{
    static const char bytes[] = {'\0', '\xff', '\xc3', '\x01', '}'};

    (void)state;
    FOR_EACH_ENDPOINT(endpoint)
    {
        struct sms365_buf reply;
        make(&reply, endpoint, (struct odd){NULL, NULL});
        for (size_t at = 0; at <= reply.length; at++) {
            char *spoilt = malloc(reply.length + 1);
            assert_non_null(spoilt);
            memcpy(spoilt, reply.data, at);
            memcpy(spoilt + at + 1, reply.data + at, reply.length - at);
            for (size_t i = 0; i < sizeof bytes; i++) {
                const bool inside = at > 0 && at < reply.length && bytes[i] == '}';
                spoilt[at] = bytes[i];
                if (!inside) /* in a text a brace is as good as a letter */
                    expect(endpoint, spoilt, reply.length + 1, SMS365_BAD_REPLY, "spoilt");
            }
            free(spoilt);
        }
        sms365_buf_free(&reply);
    }
}

static void every_field_of_a_wrong_kind_makes_it_a_bad_reply(void **state)
{
    static const char *const of_texts[] = {"true", "false", "null", "[]", "[\"d\"]", "{}", "{\"0\":\"d\"}", NULL};
    static const char *const of_numbers[] = {
        "true", "null", "[]", "{}", "\"\"", "\"many\"", "\"1.\"", "\".5\"", "\"+1\"", "\"1 \"", "\"0x1\"", NULL};
    static const char *const of_objects[] = {"true", "null", "1", "\"d\"", "[1]", "[null]", "[[]]", NULL};
    static const char *const of_values[] = {"true", "null", "[true]", "[null]", "[[1]]", "[{}]", "[{\"a\":1}]", NULL};
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct sms365_endpoint *endpoint = sms365_endpoint_get(fields[i].endpoint);
        const char *const *wrong = of_texts;
        if (fields[i].type == SMS365_TYPE_NUMBER)
            wrong = of_numbers;
        else if (fields[i].type == SMS365_TYPE_OBJECT || fields[i].type == SMS365_TYPE_LIST)
            wrong = of_objects;
        else if (fields[i].type == SMS365_TYPE_VALUES)
            wrong = of_values;
        for (; *wrong != NULL; wrong++) {
            struct sms365_buf reply;
            make(&reply, endpoint, (struct odd){&fields[i], *wrong});
            expect(endpoint, reply.data, reply.length, SMS365_BAD_REPLY, fields[i].name);
            sms365_buf_free(&reply);
        }
    }
}

static void a_field_that_comes_twice_makes_it_a_bad_reply(void **state)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct sms365_endpoint *endpoint = sms365_endpoint_get(fields[i].endpoint);
        const bool holds_more = fields[i].item != NULL || fields[i].type == SMS365_TYPE_OBJECT;
        const char *value = holds_more ? "[]" : "\"1\"";
        char twice[128];
        struct sms365_buf reply;
        (void)snprintf(twice, sizeof twice, "%s,\"%s\":%s", value, fields[i].name, value);
        make(&reply, endpoint, (struct odd){&fields[i], twice});
        expect(endpoint, reply.data, reply.length, SMS365_BAD_REPLY, fields[i].name);
        sms365_buf_free(&reply);
    }
}

static void megabytes_of_nesting_are_refused(void **state)
{
    static const char *const starts[] = {
        "", "{\"status\":1,\"contacts\":", "{\"status\":1,\"contacts\":[{\"contact\":"};
    static const char *const levels[] = {"[", "{\"0\":", "{\"contact\":", "[{\"a\":"};
    const struct sms365_endpoint *endpoint = sms365_endpoint_find("contact/list");

    (void)state;
    for (size_t start = 0; start < sizeof starts / sizeof *starts; start++)
        for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
            struct sms365_buf text;
            struct sms365_reply *reply;
            sms365_buf_init(&text, NESTING_BYTES + 64);
            sms365_buf_puts(&text, starts[start]);
            while (text.length < NESTING_BYTES)
                sms365_buf_puts(&text, levels[level]);
            assert_int_equal(sms365_api_decode(&reply, endpoint, text.data, text.length, NULL), SMS365_BAD_REPLY);
            assert_null(reply);
            sms365_buf_free(&text);
        }
}

static size_t allocations_left;

static void *rationed(size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(bytes);
}

static void memory_that_runs_out_is_never_a_success(void **state)
{
    static const char text[] =
        "{\"status\":1,\"0\":{\"text\":\"a\",\"sms\":{\"smsId\":1}},\"1\":{\"sms\":{\"0\":{\"id\":2}}},\"total\":2}";
    const struct sms365_endpoint *endpoint = sms365_endpoint_find("history/group/list");
    size_t needed = 0;

    (void)state;
    cJSON_InitHooks(&(cJSON_Hooks){rationed, free});
    for (enum sms365_err result = SMS365_NO_MEMORY; result != SMS365_OK; needed++) {
        struct sms365_reply *reply;
        allocations_left = needed;
        result = sms365_api_decode(&reply, endpoint, text, sizeof text - 1, NULL);
        assert_true((reply != NULL) == (result == SMS365_OK));
        if (result == SMS365_OK) {
            struct sms365_row row = {NULL};
            assert_int_equal(allocations_left, 0);
            assert_true(sms365_reply_next(reply, "historyGroup", &row));
            assert_true(sms365_reply_next(reply, "historyGroup", &row));
        }
        sms365_reply_free(reply);
    }
    cJSON_InitHooks(NULL);
    assert_true(needed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_as_the_table_has_it_is_a_success),
        cmocka_unit_test(cut_at_any_byte_it_is_a_bad_reply),
        cmocka_unit_test(bytes_that_do_not_belong_there_make_it_a_bad_reply),
        cmocka_unit_test(every_field_of_a_wrong_kind_makes_it_a_bad_reply),
        cmocka_unit_test(a_field_that_comes_twice_makes_it_a_bad_reply),
        cmocka_unit_test(memory_that_runs_out_is_never_a_success),
        cmocka_unit_test(megabytes_of_nesting_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
