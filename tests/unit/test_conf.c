#include "pure/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define VALUE_SIZE 1024

static struct sms365_problems problems;

static int fresh_problems(void **state)
{
    (void)state;
    sms365_problems_init(&problems);
    return 0;
}

static int free_problems(void **state)
{
    (void)state;
    sms365_problems_free(&problems);
    return 0;
}

static enum sms365_err parse_for(struct sms365_conf *conf, const char *text, const char *service,
    const char *const *overrides, enum sms365_front_end front_end)
{
    sms365_problems_free(&problems);
    sms365_problems_init(&problems);
    return sms365_conf_parse(conf, "t.conf", text, strlen(text), service, overrides, front_end, &problems);
}

static enum sms365_err parse(struct sms365_conf *conf, const char *text)
{
    return parse_for(conf, text, "sshd", NULL, SMS365_FRONT_PAM);
}

static const char *report(void)
{
    return sms365_buf_text(&problems.text);
}

static size_t option_at(const char *name)
{
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    fail_msg("no option %s", name);
    return 0;
}

static void an_empty_file_means_every_default(void **state)
{
    struct sms365_conf conf, defaults;
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);
    char value[VALUE_SIZE];

    (void)state;
    assert_int_equal(parse(&conf, ""), SMS365_OK);
    sms365_conf_defaults(&defaults);
    assert_memory_equal(&conf, &defaults, sizeof conf);
    for (size_t i = 0; i < count; i++) {
        sms365_conf_value(value, &conf, i);
        assert_string_equal(value, table[i].fallback);
    }
    assert_int_equal(conf.tries, 3);
    assert_int_equal(conf.first_factor, SMS365_FIRST_PROVEN);
    assert_false(conf.sandbox);
}

static void sections_are_read_and_a_service_section_overrides_them(void **state)
{
    static const char text[] = "# comment\n"
                               "; comment\n"
                               "[challenge]\r\n"
                               "wait = 7\r\n"
                               "  text\t=  Code: %%CODE%% = yours \n"
                               "\n"
                               "[ limits ]\n"
                               "sends_per_hour=4\n"
                               "[service sudo]\n"
                               "wait = 1\n"
                               "subject = caller\n"
                               "[service\tsshd]\n"
                               "wait=2\n"
                               "[challenge]\n"
                               "life = 60";
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, text), SMS365_OK);
    assert_string_equal(report(), "");
    assert_int_equal(conf.wait_s, 2);
    assert_int_equal(conf.life_s, 60);
    assert_int_equal(conf.sends_per_hour, 4);
    assert_int_equal(conf.subject, SMS365_SUBJECT_USER);
    assert_string_equal(conf.text, "Code: %%CODE%% = yours");
    assert_int_equal(conf.origins[option_at("wait")].line, 13);
    assert_int_equal(conf.origins[option_at("life")].line, 15);
    assert_int_equal(conf.origins[option_at("tries")].line, 0);

    assert_int_equal(parse_for(&conf, text, "sudo", NULL, SMS365_FRONT_PAM), SMS365_OK);
    assert_int_equal(conf.wait_s, 1);
    assert_int_equal(conf.subject, SMS365_SUBJECT_CALLER);
    assert_int_equal(parse_for(&conf, text, NULL, NULL, SMS365_FRONT_CLI), SMS365_OK);
    assert_int_equal(conf.wait_s, 7);
}

static void services_are_named_once_each(void **state)
{
    static const char text[] =
        "[challenge]\nwait = 7\n[service sudo]\nwait = 1\ntries = 2\nwhat\n[service vpn]\n"
        "dir = /somewhere\n[service sudo]\nlife = 60\n[service empty]\n[service a b]\nwait = 1\n";
    struct sms365_buf names;

    (void)state;
    sms365_buf_init(&names, SMS365_CONF_FILE_MAX);
    assert_int_equal(sms365_conf_services(&names, text, sizeof text - 1), SMS365_OK);
    assert_string_equal(sms365_buf_text(&names), "sudo\nvpn\n");
    sms365_buf_free(&names);
}

static void arguments_override_the_file(void **state)
{
    static const char *const arguments[] = {"wait=9", "first_factor = stacked", NULL};
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse_for(&conf, "[service sshd]\nwait=2\n", "sshd", arguments, SMS365_FRONT_PAM), SMS365_OK);
    assert_int_equal(conf.wait_s, 9);
    assert_int_equal(conf.first_factor, SMS365_FIRST_STACKED);
    assert_true(conf.origins[option_at("wait")].override);
    assert_int_equal(conf.origins[option_at("wait")].line, 0);
}

static void every_mistake_is_told_with_its_line(void **state)
{
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, "wait = 3\n"
                                  "[chalenge]\n"
                                  "wait = 31\n"
                                  "tires = 2\n"
                                  "[limits\n"
                                  "sends_per_hour = 0\n"
                                  "resend_after = ten\n"
                                  "[nothing like it]\n"
                                  "whatever\n"
                                  "[users] # who\n"
                                  "just words\n"
                                  "= 3\n"
                                  "contact = \xff\n"
                                  "contact = me\n"
                                  "file =\n"
                                  "wait = 4\n"
                                  "subject = callers\n"
                                  "[store]\n"
                                  "dir = var/lib\n"
                                  "lock_timeout = 5 # seconds\n"
                                  "[service]\n"
                                  "[provider]\n"
                                  "sandbox = true\n"),
        SMS365_BAD_CONFIG);
    assert_string_equal(report(),
        "t.conf:1: \"wait\" stands before any section; it belongs in [challenge]\n"
        "t.conf:2: there is no section [chalenge]; did you mean [challenge]?\n"
        "t.conf:3: \"wait\" must be a number from 0 to 30, not \"31\"\n"
        "t.conf:4: there is no option \"tires\"; did you mean \"tries\" of [challenge]?\n"
        "t.conf:5: \"]\" is missing at the end of the section's name\n"
        "t.conf:6: \"sends_per_hour\" must be a number from 1 to 30, not \"0\"\n"
        "t.conf:7: \"resend_after\" must be a number from 0 to 600, not \"ten\"\n"
        "t.conf:8: there is no section [nothing like it]; its options were not looked at\n"
        "t.conf:10: nothing may follow the \"]\"; comments stand on lines of their own\n"
        "t.conf:11: this is not \"name = value\", nor a [section], nor a # comment\n"
        "t.conf:12: there is no name before the \"=\"\n"
        "t.conf:13: \"contact\" must be UTF-8 without control characters\n"
        "t.conf:14: \"contact\" is set twice; the first time on line 13\n"
        "t.conf:15: \"file\" must not be empty\n"
        "t.conf:16: \"wait\" belongs in [challenge], not in [users]\n"
        "t.conf:17: \"subject\" must be user or caller, not \"callers\"\n"
        "t.conf:19: \"dir\" must be an absolute path, beginning with /\n"
        "t.conf:20: \"lock_timeout\" must be a number from 1 to 60, not \"5 # seconds\"; comments stand on lines of "
        "their own\n"
        "t.conf:21: [service NAME] takes the name of one service; its options were not looked at\n"
        "t.conf:23: \"sandbox\" must be yes or no, not \"true\"\n");
    assert_int_equal(problems.errors, 20);
    assert_int_equal(problems.warnings, 0);
}

static void rules_of_single_options_are_kept(void **state)
{
    static const struct {
        const char *line;
        bool good;
    } cases[] = {
        {"[challenge]\ntext =", true},
        {"[challenge]\ntext = %%CODE%%", true},
        {"[challenge]\ntext = Your code", false},
        {"[challenge]\ntext = %%CODE%", false},
        {"[challenge]\ntext = %%CODE%% and %%CODE%%", false},
        {"[challenge]\ntext = \xce\x9a\xcf\x89\xce\xb4\xce\xb9\xce\xba\xcf\x8c\xcf\x82 %%CODE%%", true},
        {"[challenge]\nfrom = Company2FAx", true},
        {"[challenge]\nfrom = Company2FAxy", false},
        {"[challenge]\nfrom = 306971234567", true},
        {"[challenge]\nfrom = 123456789012345", true},
        {"[challenge]\nfrom = 1234567890123456", false},
        {"[challenge]\nfrom = My Firm", false},
        {"[challenge]\nfrom = +3069712345", false},
        {"[challenge]\ncallback = https://example.com/cb?site=1", true},
        {"[challenge]\ncallback =", true},
        {"[challenge]\ncallback = https://example.com/cb#x", false},
        {"[challenge]\ncallback = /cb", false},
        {"[provider]\nkey = web-2_A", true},
        {"[provider]\nkey = web/2", false},
        {"[provider]\nbind = 192.0.2.1", true},
        {"[provider]\nbind = 2001:db8::1", true},
        {"[provider]\nbind = eth0", true},
        {"[provider]\nbind = if!eth0", false},
        {"[provider]\nbind = fe80::1%eth0", false},
        {"[provider]\nurl = https://sms365.gr/api/", true},
        {"[provider]\nurl = http://127.0.0.1:8080/api", false},
        {"[provider]\nurl = http://127.0.0.1:8080/api\nsandbox = yes", true},
        {"[provider]\nsandbox = yes\nurl = http://127.0.0.1:8080/api", true},
        {"[provider]\nsandbox = yes\nurl = http://192.0.2.1/api", false},
        {"[provider]\nurl = https://user@sms365.gr/api", false},
        {"[provider]\nca = /etc/\033[31m", false},
    };
    struct sms365_conf conf;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((parse(&conf, cases[i].line) == SMS365_OK) != cases[i].good)
            fail_msg("%s: %s", cases[i].line, report());
}

static void options_of_the_web_are_held_to_their_rules(void **state)
{
    static const struct {
        const char *line;
        bool good;
    } cases[] = {
        {"[web]\ncookie = app-2_A", true},
        {"[web]\ncookie = a;b", false},
        {"[web]\ncookie =", false},
        {"[web]\ncallback_from = 192.0.2.0/24, 2001:db8::1", true},
        {"[web]\ncallback_from = everywhere", false},
        {"[web]\ntemplates = /etc/sms365/pages", true},
        {"[web]\ntemplates = pages", false},
        {"[web]\ndomain = example.org", true},
        {"[web]\ndomain =", true},
        {"[web]\ndomain = .example.org", false},
        {"[web]\ndomain = example.org.", false},
        {"[web]\ndomain = org", false},
        {"[web]\ndomain = exa..mple.org", false},
        {"[web]\ndomain = Example.org", false},
        {"[web]\ndomain = example.org; Path=/x", false},
        {"[service web]\nsession_life = 600", true},
        {"[service web]\nsession_life = 59", false},
        {"[service web]\nweb_dir = /var/lib/sms365/web", false},
    };
    struct sms365_conf conf;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((parse_for(&conf, cases[i].line, "web", NULL, SMS365_FRONT_WEB) == SMS365_OK) != cases[i].good)
            fail_msg("%s: %s", cases[i].line, report());
}

static void texts_are_not_repeated_in_reports(void **state)
{
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, "[provider]\nkey = S3CRET/KEY\nS3CRET\n[challenge]\ncallback = http://h/?S3CRET#"),
        SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, 3);
    assert_null(strstr(report(), "S3CRET"));
}

static void http_outside_the_sandbox_is_told_where_it_stands(void **state)
{
    static const char *const arguments[] = {"wait=1", "url=http://127.0.0.1/api", NULL};
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(
        parse(&conf, "[provider]\n\nurl = http://127.0.0.1/api\n[service sshd]\nsandbox = no\n"), SMS365_BAD_CONFIG);
    assert_string_equal(
        report(), "t.conf:3: \"http://127.0.0.1/api\" is no usable base URL: http:// needs sandbox = yes\n");
    assert_int_equal(parse_for(&conf, "", "sshd", arguments, SMS365_FRONT_PAM), SMS365_BAD_CONFIG);
    assert_true(sms365_str_starts(report(), "argument \"url=http://127.0.0.1/api\": "));
}

static void a_service_keeps_to_the_rules_between_options_too(void **state)
{
    static const char text[] = "[provider]\nsandbox = yes\nurl = http://127.0.0.1/api\n"
                               "[service web]\nwait = 3\nsandbox = no\n"
                               "[service sudo]\nurl = https://sms365.gr/api\nsandbox = no\n";
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, text), SMS365_OK);
    assert_int_equal(parse_for(&conf, text, "sudo", NULL, SMS365_FRONT_PAM), SMS365_OK);
    assert_int_equal(parse_for(&conf, text, "web", NULL, SMS365_FRONT_PAM), SMS365_BAD_CONFIG);
    assert_int_equal(parse_for(&conf, text, NULL, NULL, SMS365_FRONT_CLI), SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, 1);
}

static void bad_arguments_are_told_by_name(void **state)
{
    static const char *const arguments[] = {"wait=99", "debug", "tires=1", "life=60", "life=60", "=1", NULL};
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse_for(&conf, "[limits]\nx=1\n", "sshd", arguments, SMS365_FRONT_PAM), SMS365_BAD_CONFIG);
    assert_string_equal(report(),
        "t.conf:2: there is no option \"x\"\n"
        "argument \"wait=99\": \"wait\" must be a number from 0 to 30, not \"99\"\n"
        "argument \"debug\": this is not \"name=value\"\n"
        "argument \"tires=1\": there is no option \"tires\"; did you mean \"tries\" of [challenge]?\n"
        "argument \"life=60\": \"life\" is set twice\n"
        "argument \"=1\": there is no option \"\"\n");
}

static void mistakes_elsewhere_do_not_shut_this_service(void **state)
{
    static const char text[] = "[web]\nnonsense = 1\n"
                               "[service web]\nwait = 99\nwait = 3\nwhat\n"
                               "[service sshd]\nwait = 6\n";
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, text), SMS365_OK);
    assert_int_equal(problems.errors, 0);
    assert_int_equal(problems.warnings, 4);
    assert_int_equal(conf.wait_s, 6);
    assert_true(sms365_str_starts(report(), "t.conf:2: there is no option \"nonsense\" (not read here)\n"));

    assert_int_equal(parse_for(&conf, text, "web", NULL, SMS365_FRONT_PAM), SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, 3);
    assert_int_equal(problems.warnings, 1);
    assert_int_equal(parse_for(&conf, text, "sshd", NULL, SMS365_FRONT_WEB), SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, 1);
    assert_int_equal(problems.warnings, 3);
    assert_int_equal(parse_for(&conf, text, NULL, NULL, SMS365_FRONT_CLI), SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, 4);
    assert_int_equal(problems.warnings, 0);
}

static void a_warning_leaves_the_default(void **state)
{
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(
        parse_for(&conf, "[service web]\nwait = 99\n[limits]\n", "web", NULL, SMS365_FRONT_PAM), SMS365_BAD_CONFIG);
    assert_int_equal(conf.wait_s, 5);
}

static void binary_files_and_long_lines_are_refused(void **state)
{
    static const char nul[] = "[limits]\nsends_per_hour = 1\0 0\nresend_after = 5\n";
    static char text[SMS365_CONF_FILE_MAX + 2];
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, ""), SMS365_OK);
    assert_int_equal(sms365_conf_parse(&conf, "t.conf", nul, sizeof nul - 1, "sshd", NULL, SMS365_FRONT_PAM, &problems),
        SMS365_BAD_CONFIG);
    assert_string_equal(report(), "t.conf:2: the line holds a NUL byte; this is not a text file\n");
    assert_int_equal(conf.resend_after_s, 5);

    assert_int_equal(parse(&conf, "\xef\xbb\xbf[limits]\nsends_per_hour = 4\n"), SMS365_BAD_CONFIG);
    assert_string_equal(report(), "t.conf:1: the file begins with a byte order mark; save it as UTF-8 without one\n");
    assert_int_equal(conf.sends_per_hour, 4);

    memset(text, 'a', sizeof text);
    memcpy(text, "[challenge]\ntext=", 17);
    text[17 + 1024 - 5] = '\0';
    assert_int_equal(parse(&conf, text), SMS365_BAD_CONFIG);
    assert_string_equal(report(), "t.conf:2: \"text\" must have 0 to 320 bytes; it has 1019\n");
    text[17 + 1024 - 5] = 'a';
    text[17 + 1024 - 4] = '\0';
    assert_int_equal(parse(&conf, text), SMS365_BAD_CONFIG);
    assert_string_equal(report(), "t.conf:2: the line is longer than 1024 bytes\n");

    memset(text, '#', sizeof text);
    text[SMS365_CONF_FILE_MAX] = '\0';
    assert_int_equal(parse(&conf, text), SMS365_OK);
    text[SMS365_CONF_FILE_MAX] = '#';
    text[SMS365_CONF_FILE_MAX + 1] = '\0';
    assert_int_equal(parse(&conf, text), SMS365_BAD_CONFIG);
}

static void a_flood_of_mistakes_is_counted_and_cut(void **state)
{
    static char text[SMS365_CONF_FILE_MAX + 1];
    struct sms365_conf conf;

    (void)state;
    for (size_t i = 0; i < SMS365_CONF_FILE_MAX; i++)
        text[i] = i % 2 == 0 ? 'x' : '\n';
    assert_int_equal(parse(&conf, text), SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, SMS365_CONF_FILE_MAX / 2);
    assert_false(problems.text.failed);
    assert_non_null(strstr(report(), " more mistakes are not listed\n"));
}

static void reports_hold_no_control_characters(void **state)
{
    struct sms365_conf conf;

    (void)state;
    assert_int_equal(parse(&conf, "[\033[31m]\n[limits]\n\033[2J=1\nresend_after=\033\n"), SMS365_BAD_CONFIG);
    assert_int_equal(problems.errors, 3);
    for (const char *c = report(); *c != '\0'; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= ' ');
}

/* A pseudorandom number below n, the same in every run. */
static size_t chance(size_t n)
{
    static uint64_t seed = 365;

    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static void damaged_text_never_breaks_the_reader(void **state)
{
    static const char seed[] = "[challenge]\nwait = 5\ntext = a %%CODE%%\n[service sshd]\ntries = 2\n# c\n[provider]\n"
                               "url = https://sms365.gr/api\nsandbox = no\n";
    struct sms365_conf conf;
    char text[sizeof seed];
    int accepted = 0;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        memcpy(text, seed, sizeof seed);
        for (size_t i = chance(6); i > 0; i--)
            text[chance(sizeof seed - 1)] = (char)chance(256);
        sms365_problems_free(&problems);
        const enum sms365_err err =
            sms365_conf_parse(&conf, "t.conf", text, chance(sizeof seed), "sshd", NULL, SMS365_FRONT_PAM, &problems);
        assert_true(err == SMS365_OK || err == SMS365_BAD_CONFIG);
        assert_true((err == SMS365_OK) == (problems.errors == 0));
        accepted += err == SMS365_OK;
        problems.errors = 0;
    }
    assert_true(accepted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_means_every_default),
        cmocka_unit_test(sections_are_read_and_a_service_section_overrides_them),
        cmocka_unit_test(services_are_named_once_each),
        cmocka_unit_test(arguments_override_the_file),
        cmocka_unit_test(every_mistake_is_told_with_its_line),
        cmocka_unit_test(rules_of_single_options_are_kept),
        cmocka_unit_test(options_of_the_web_are_held_to_their_rules),
        cmocka_unit_test(texts_are_not_repeated_in_reports),
        cmocka_unit_test(http_outside_the_sandbox_is_told_where_it_stands),
        cmocka_unit_test(a_service_keeps_to_the_rules_between_options_too),
        cmocka_unit_test(bad_arguments_are_told_by_name),
        cmocka_unit_test(mistakes_elsewhere_do_not_shut_this_service),
        cmocka_unit_test(a_warning_leaves_the_default),
        cmocka_unit_test(binary_files_and_long_lines_are_refused),
        cmocka_unit_test(a_flood_of_mistakes_is_counted_and_cut),
        cmocka_unit_test(reports_hold_no_control_characters),
        cmocka_unit_test(damaged_text_never_breaks_the_reader),
    };
    return cmocka_run_group_tests(tests, fresh_problems, free_problems);
}
