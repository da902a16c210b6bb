/* Lists in replies: one shape, whichever they came in. */
#include "pure/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum sms365_err decode(struct sms365_reply **reply, const char *path, const char *text)
{
    struct sms365_error err = {0};

    return sms365_api_decode(reply, sms365_endpoint_find(path), text, strlen(text), &err);
}

static void expect(const char *path, const char *text, const char *list, const char *field, const char *values)
{
    struct sms365_reply *reply;
    struct sms365_row row = {NULL};
    char found[256] = "";

    if (decode(&reply, path, text) != SMS365_OK)
        fail_msg("%s", text);
    while (sms365_reply_next(reply, list, &row)) {
        const size_t used = strlen(found);
        const char *value = sms365_row_get(&row, field);
        (void)snprintf(found + used, sizeof found - used, "%s,", value == NULL ? "NULL" : value);
    }
    if (strcmp(found, values) != 0)
        fail_msg("%s: %s", text, found);
    sms365_reply_free(reply);
}

static void rows_come_in_every_shape_of_the_wire(void **state)
{
    static const struct {
        const char *text, *values;
    } cases[] = {
        {"{\"status\":1,\"0\":{\"contactId\":1},\"1\":{\"contactId\":\"2\"},\"total\":2}", "1,2,"},
        {"{\"status\":1,\"contacts\":[{\"contactId\":1},{\"contactId\":2}]}", "1,2,"},
        {"{\"status\":1,\"contacts\":{\"0\":{\"contactId\":1},\"1\":{\"contactId\":2}}}", "1,2,"},
        {"{\"status\":1,\"contacts\":{\"contact\":[{\"contactId\":1},{\"contactId\":2}]}}", "1,2,"},
        {"{\"status\":1,\"contacts\":{\"contact\":{\"0\":{\"contactId\":1},\"1\":{\"contactId\":2}}}}", "1,2,"},
        {"{\"status\":1,\"contacts\":{\"contact\":{\"contactId\":1}}}", "1,"},
        {"{\"status\":1,\"contacts\":[{\"contact\":{\"contactId\":1}},{\"contact\":{\"contactId\":2}}]}", "1,2,"},
        {"{\"status\":1,\"contact\":[{\"contactId\":1},{\"contactId\":2}]}", "1,2,"},
        {"{\"status\":1,\"contacts\":{\"contactId\":1}}", "1,"},
        {"{\"status\":1,\"contacts\":[]}", ""},
        {"{\"status\":1,\"contacts\":{}}", ""},
        {"{\"status\":1,\"contacts\":{\"contact\":[]}}", ""},
        {"{\"status\":1,\"total\":0}", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect("contact/list", cases[i].text, "contacts", "contactId", cases[i].values);
    /* A row may have a field with the name of a row. */
    expect("user/comment/list", "{\"status\":1,\"comments\":{\"comment\":\"only\",\"commentId\":7}}", "comments",
        "comment", "only,");
    expect("user/comment/list", "{\"status\":1,\"comments\":[{\"comment\":\"only\"}]}", "comments", "comment", "only,");
    expect("user/comment/list", "{\"status\":1,\"comments\":{\"comment\":[{\"comment\":\"a\"},{\"comment\":\"b\"}]}}",
        "comments", "comment", "a,b,");
}

static void texts_come_in_every_shape_of_the_wire(void **state)
{
    (void)state;
    expect("sms/bulk", "{\"status\":1,\"id\":[\"1\",2]}", "id", NULL, "1,2,");
    expect("sms/bulk", "{\"status\":1,\"id\":{\"0\":1,\"1\":2}}", "id", NULL, "1,2,");
    expect("sms/bulk", "{\"status\":1,\"id\":{\"value\":[1,2]}}", "id", NULL, "1,2,");
    expect("sms/bulk", "{\"status\":1,\"id\":{\"value\":1}}", "id", NULL, "1,");
    expect("sms/bulk", "{\"status\":1,\"id\":1}", "id", NULL, "1,");
    expect("sms/bulk", "{\"status\":1}", "id", NULL, "");
    expect("sms/bulk", "{\"status\":1,\"id\":[1],\"0\":{\"smsId\":5},\"1\":{\"smsId\":6}}", "sms", "smsId", "5,6,");
}

static void lists_within_rows_and_objects(void **state)
{
    static const char *const cases[] = {
        "{\"status\":1,\"0\":{\"text\":\"a\",\"sms\":{\"0\":{\"smsId\":1},\"1\":{\"smsId\":2}}},"
        "\"1\":{\"text\":\"b\",\"sms\":[{\"smsId\":3}]}}",
        "{\"status\":1,\"historyGroup\":[{\"text\":\"a\",\"sms\":[{\"smsId\":1},{\"smsId\":2}]},"
        "{\"text\":\"b\",\"sms\":{\"smsId\":3}}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_reply *reply;
        struct sms365_row group = {NULL};
        char found[64] = "";
        assert_int_equal(decode(&reply, "history/group/list", cases[i]), SMS365_OK);
        while (sms365_reply_next(reply, "historyGroup", &group)) {
            struct sms365_row sms = {NULL};
            (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%s:", sms365_row_get(&group, "text"));
            while (sms365_row_next(&group, "sms", &sms))
                (void)snprintf(
                    found + strlen(found), sizeof found - strlen(found), "%s,", sms365_row_get(&sms, "smsId"));
        }
        assert_string_equal(found, "a:1,2,b:3,");
        assert_string_equal(sms365_reply_get(reply, "historyGroup.sms.smsId"), "1");
        sms365_reply_free(reply);
    }
    expect("contact/get", "{\"status\":1,\"contact\":{\"groups\":{\"group\":[{\"name\":\"x\"},{\"name\":\"y\"}]}}}",
        "contact.groups", "name", "x,y,");
    expect("group/get", "{\"status\":1,\"group\":{\"total\":0,\"contacts\":[]}}", "group.contacts", "mobile", "");
}

static void what_is_no_list_has_no_rows(void **state)
{
    struct sms365_reply *reply;
    struct sms365_row row = {NULL};

    (void)state;
    assert_int_equal(decode(&reply, "contact/list", "{\"status\":1,\"contacts\":[{\"mobile\":\"1\"}]}"), SMS365_OK);
    assert_false(sms365_reply_next(reply, "nothing", &row));
    assert_false(sms365_reply_next(reply, "status", &row));
    assert_false(sms365_reply_next(reply, "contacts.mobile", &row));
    assert_false(sms365_reply_next(reply, "", &row));
    assert_null(sms365_row_get(&row, "mobile"));
    assert_true(sms365_reply_next(reply, "contacts", &row));
    assert_null(sms365_row_get(&row, "nothing"));
    assert_null(sms365_row_get(&row, NULL));
    assert_false(sms365_reply_next(reply, "contacts", &row));
    sms365_reply_free(reply);
}

static void rows_of_the_wrong_kind_make_a_success_a_bad_reply(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"contact/list", "{\"status\":1,\"contacts\":\"none\"}"},
        {"contact/list", "{\"status\":1,\"contacts\":null}"},
        {"contact/list", "{\"status\":1,\"contacts\":true}"},
        {"contact/list", "{\"status\":1,\"contacts\":[1]}"},
        {"contact/list", "{\"status\":1,\"contacts\":[{\"mobile\":\"1\"},null]}"},
        {"contact/list", "{\"status\":1,\"contacts\":[[{\"mobile\":\"1\"}]]}"},
        {"contact/list", "{\"status\":1,\"contacts\":[{\"mobile\":[]}]}"},
        {"contact/list", "{\"status\":1,\"contacts\":{\"contact\":\"x\"}}"},
        {"contact/list", "{\"status\":1,\"contacts\":[{\"cost\":\"dear\"}]}"},
        {"contact/list", "{\"status\":1,\"0\":{\"mobile\":\"1\"},\"1\":2}"},
        {"sms/bulk", "{\"status\":1,\"id\":[{}]}"},
        {"sms/bulk", "{\"status\":1,\"id\":[null]}"},
        {"sms/bulk", "{\"status\":1,\"id\":{\"value\":[[1]]}}"},
        {"history/group/list", "{\"status\":1,\"historyGroup\":[{\"sms\":[1]}]}"},
        {"history/group/list", "{\"status\":1,\"historyGroup\":[{\"sms\":[{\"status\":[]}]}]}"},
        {"contact/get", "{\"status\":1,\"contact\":[1]}"},
        {"contact/get", "{\"status\":1,\"contact\":{\"groups\":1}}"},
        {"user/add", "{\"status\":1,\"user\":{\"balance\":\"\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_reply *reply;
        if (decode(&reply, cases[i].path, cases[i].text) != SMS365_BAD_REPLY)
            fail_msg("%s", cases[i].text);
        assert_null(reply);
    }
}

static void a_status_is_a_letter_and_an_id_has_one_name(void **state)
{
    struct sms365_reply *reply;
    char *text;

    (void)state;
    expect("status/get", "{\"status\":1,\"0\":{\"id\":5,\"status\":1},\"1\":{\"id\":6,\"status\":\"2\"}}", "sms",
        "smsId", "5,6,");
    expect("status/get", "{\"status\":1,\"sms\":[{\"status\":1},{\"status\":2},{\"status\":\"3\"},{\"status\":\"d\"}]}",
        "sms", "status", "s,d,f,d,");
    expect("status/get", "{\"status\":1,\"sms\":[{\"status\":4},{\"status\":\"12\"},{\"status\":\"\"}]}", "sms",
        "status", "4,12,,");
    expect("viber/bulk", "{\"status\":1,\"messages\":[{\"id\":5}]}", "messages", "id", "5,");
    assert_int_equal(decode(&reply, "sms/send", "{\"status\":1,\"id\":7}"), SMS365_OK);
    text = sms365_reply_json(reply, false);
    assert_non_null(strstr(text, "\"smsId\":\t\"7\""));
    assert_null(strstr(text, "\"id\""));
    free(text);
    sms365_reply_free(reply);
}

static void what_is_done_already_is_a_success_of_that_endpoint_only(void **state)
{
    static const char text[] = "{\"status\":0,\"error\":218,\"remarks\":\"contactId already in groupId\"}";
    struct sms365_reply *reply;

    (void)state;
    assert_int_equal(decode(&reply, "group/addContact", text), SMS365_OK);
    assert_int_equal(sms365_reply_error(reply), 218);
    sms365_reply_free(reply);
    assert_int_equal(decode(&reply, "group/add", text), SMS365_REFUSED);
    sms365_reply_free(reply);
}

static void a_list_cut_at_any_byte_is_a_bad_reply(void **state)
{
    static const char whole[] = "{\"status\":\"1\",\"groups\":{\"group\":[{\"groupId\":1,\"name\":\"\\u0391\"},"
                                "{\"groupId\":\"2\",\"name\":\"b\"}]},\"total\":2}";

    (void)state;
    for (size_t cut = 0; cut < sizeof whole - 1; cut++) {
        struct sms365_reply *reply;
        char *text = malloc(cut + 1); /* of the exact size, so that a sanitizer sees reads beyond */
        assert_non_null(text);
        memcpy(text, whole, cut);
        assert_int_equal(
            sms365_api_decode(&reply, sms365_endpoint_find("group/list"), text, cut, NULL), SMS365_BAD_REPLY);
        free(text);
    }
    expect("group/list", whole, "groups", "groupId", "1,2,");
}

static void many_rows_are_read_in_one_go(void **state)
{
    static const struct {
        const char *begin, *end;
    } shapes[] = {{"{\"status\":1", "}"}, {"{\"status\":1,\"contacts\":{\"contact\":[{\"contactId\":0}", "]}}"}};
    const size_t rows = 50000;

    (void)state;
    for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
        struct sms365_buf text;
        struct sms365_reply *reply;
        struct sms365_row row = {NULL};
        size_t count = 0;
        sms365_buf_init(&text, 4u << 20);
        sms365_buf_puts(&text, shapes[shape].begin);
        for (size_t i = 0; i < rows; i++)
            if (shape == 0)
                sms365_buf_printf(&text, ",\"%zu\":{\"contactId\":%zu}", i, i);
            else
                sms365_buf_printf(&text, ",{\"contactId\":%zu}", i);
        sms365_buf_puts(&text, shapes[shape].end);
        assert_int_equal(decode(&reply, "contact/list", sms365_buf_text(&text)), SMS365_OK);
        while (sms365_reply_next(reply, "contacts", &row))
            count += sms365_row_get(&row, "contactId") != NULL ? 1 : 0;
        assert_int_equal(count, rows + shape);
        sms365_reply_free(reply);
        sms365_buf_free(&text);
    }
}

static void amounts_are_numbers_too(void **state)
{
    static const char text[] = "{\"status\":1,\"total\":\"2\",\"user\":[{\"balance\":\"12.345\",\"email\":\"a@b\"},"
                               "{\"balance\":-0.5}]}";
    struct sms365_reply *reply;
    struct sms365_row row = {NULL};
    double value = 7;

    (void)state;
    assert_int_equal(decode(&reply, "user/list", text), SMS365_OK);
    assert_true(sms365_reply_number(reply, "total", &value) && value == 2);
    assert_true(sms365_reply_next(reply, "user", &row));
    assert_true(sms365_row_number(&row, "balance", &value) && value == 12.345);
    assert_false(sms365_row_number(&row, "email", &value) || sms365_row_number(&row, "mobile", &value));
    assert_true(value == 12.345);
    assert_true(sms365_reply_next(reply, "user", &row));
    assert_true(sms365_row_number(&row, "balance", &value) && value == -0.5);
    assert_false(sms365_reply_number(reply, "nothing", &value) || sms365_reply_number(reply, "user", &value));
    sms365_reply_free(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_every_shape_of_the_wire),
        cmocka_unit_test(texts_come_in_every_shape_of_the_wire),
        cmocka_unit_test(lists_within_rows_and_objects),
        cmocka_unit_test(what_is_no_list_has_no_rows),
        cmocka_unit_test(rows_of_the_wrong_kind_make_a_success_a_bad_reply),
        cmocka_unit_test(a_status_is_a_letter_and_an_id_has_one_name),
        cmocka_unit_test(what_is_done_already_is_a_success_of_that_endpoint_only),
        cmocka_unit_test(a_list_cut_at_any_byte_is_a_bad_reply),
        cmocka_unit_test(amounts_are_numbers_too),
        cmocka_unit_test(many_rows_are_read_in_one_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
