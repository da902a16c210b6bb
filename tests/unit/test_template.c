#include "pure/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static char why[SMS365_TEMPLATE_NAME_SIZE + 64];
static int line;

static const char *value(void *context, const char *name)
{
    static const char *const values[][2] = {
        {"user", "alice"}, {"empty", ""}, {"evil", "<b a=\"1\" c='2'>&amp;</b>{{user}}"}, {"t.send", "Send"}};

    (void)context;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i][0], name) == 0)
            return values[i][1];
    return NULL;
}

/* From memory of exactly its length. The page, or NULL. Freed by the caller. */
static char *render(const char *text, size_t cap)
{
    struct sms365_buf out;
    const size_t length = strlen(text);
    char *exact = malloc(length == 0 ? 1 : length);

    assert_non_null(exact);
    memcpy(exact, text, length);
    sms365_buf_init(&out, cap);
    const bool good = sms365_template_render(&out, exact, length, value, NULL, why, &line);
    char *page = good ? strdup(sms365_buf_text(&out)) : NULL;
    sms365_buf_free(&out);
    free(exact);
    return page;
}

static void values_and_sections_are_put_in(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain { } } {", "plain { } } {"},
        {"Hi {{user}}!", "Hi alice!"},
        {"{{user}}{{user}}", "alicealice"},
        {"{{t.send}}", "Send"},
        {"a{{empty}}b", "ab"},
        {"{{?user}}yes{{/user}}{{!user}}no{{/user}}", "yes"},
        {"{{?empty}}yes{{/empty}}{{!empty}}no{{/empty}}", "no"},
        {"{{?empty}}a{{?user}}b{{/user}}{{user}}c{{/empty}}d", "d"},
        {"{{?user}}a{{?empty}}b{{/empty}}c{{/user}}d", "acd"},
        {"{{!empty}}{{?user}}{{?user}}x{{/user}}{{/user}}{{/empty}}", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *page = render(cases[i][0], 1000);
        if (page == NULL)
            fail_msg("%s: %s", cases[i][0], why);
        assert_string_equal(page, cases[i][1]);
        free(page);
    }
}

static void values_cannot_become_markup(void **state)
{
    char *page = render("<i title='{{evil}}'>", 1000);

    (void)state;
    assert_string_equal(page, "<i title='&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;{{user}}'>");
    free(page);
}

static void mistakes_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text, *why;
        int line;
    } cases[] = {
        {"a\n{{nobody}}", "there is no {{nobody}}", 2},
        {"{{?nobody}}{{/nobody}}", "there is no {{nobody}}", 1},
        {"a\nb\n{{user", "{{ is not closed", 3},
        {"{{}}", "there is no name", 1},
        {"{{?}}", "there is no name", 1},
        {"{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}", "there is no name, or a very long one", 1},
        {"\n\n{{?user}}\n", "not ended at the end of the file: {{user}}", 4},
        {"{{/user}}", "nothing that is open here is ended by / {{user}}", 1},
        {"{{?user}}{{?empty}}{{/user}}{{/empty}}", "nothing that is open here is ended by / {{user}}", 1},
        {"{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}", "too many sections", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(render(cases[i].text, 1000));
        if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0 || line != cases[i].line)
            fail_msg("%s: %d: %s", cases[i].text, line, why);
    }
    assert_null(render("{{user}} {{user}}", 8));
    assert_string_equal(why, "the page becomes too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_sections_are_put_in),
        cmocka_unit_test(values_cannot_become_markup),
        cmocka_unit_test(mistakes_are_told_with_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
