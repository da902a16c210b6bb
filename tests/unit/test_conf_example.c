/* The shipped example is read without a single problem, as it is and with every default written out. */
#include "pure/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[SMS365_CONF_FILE_MAX + 1];

static int read_example(void **state)
{
    const char *source = getenv("srcdir");
    char path[4096];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/examples/sms365.conf", source == NULL ? "." : source);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return fclose(file);
}

static void assert_no_problem(const char *what, const char *service, struct sms365_conf *conf)
{
    struct sms365_problems problems;

    sms365_problems_init(&problems);
    const enum sms365_err err =
        sms365_conf_parse(conf, what, text, strlen(text), service, NULL, SMS365_FRONT_CLI, &problems);
    if (err != SMS365_OK || problems.text.length > 0)
        fail_msg("%s", sms365_buf_text(&problems.text));
    sms365_problems_free(&problems);
}

static void the_example_has_no_problem(void **state)
{
    struct sms365_conf conf;

    (void)state;
    assert_true(strlen(text) > 1000);
    assert_no_problem("example", "sudo", &conf);
    assert_int_equal(conf.wait_s, 2);
}

/* Lines like "#wait = 5" show a default; in those that explain, a blank follows the #. */
static void its_defaults_can_be_uncommented(void **state)
{
    struct sms365_conf conf;
    size_t count;
    int set = 0;

    (void)state;
    for (char *line = strstr(text, "\n#"); line != NULL; line = strstr(line + 1, "\n#"))
        if (line[2] != ' ' && line[2] != '\n')
            line[1] = ' ';
    assert_no_problem("example with its defaults", NULL, &conf);
    (void)sms365_conf_table(&count);
    for (size_t i = 0; i < count; i++)
        set += conf.origins[i].line > 0;
    assert_int_equal(set, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_has_no_problem),
        cmocka_unit_test(its_defaults_can_be_uncommented),
    };
    return cmocka_run_group_tests(tests, read_example, NULL);
}
