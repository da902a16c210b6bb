#include "pure/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void ranges_are_read_and_written(void **state)
{
    static const struct {
        const char *text, *written;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1/32", "192.0.2.1"},
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"128.0.0.0/1", "128.0.0.0/1"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"::1", "::1"},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"any", "any"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_cidr cidr;
        char out[64];
        assert_true(sms365_cidr_parse(&cidr, cases[i].text));
        sms365_cidr_format(out, &cidr);
        assert_string_equal(out, cases[i].written);
    }
}

static void bad_ranges_are_refused(void **state)
{
    static const char *const cases[] = {"", " ", "192.0.2", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/24",
        "192.0.2.0/-1", "192.0.2.0/+24", "192.0.2.0/24x", "192.0.2.0/24/24", "2001:db8::1/32", "::/129", "0.0.0.0/0",
        "::/0", "::ffff:0.0.0.0/96", "0x7f.0.0.1", "010.0.0.1", "127.1", "localhost", "ANY", "any/0", "fe80::1%eth0",
        "[::1]", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_cidr cidr;
        if (sms365_cidr_parse(&cidr, cases[i]))
            fail_msg("taken: \"%s\"", cases[i]);
    }
}

static void a_numeric_address_is_told_from_a_name(void **state)
{
    static const char *const addresses[] = {"192.0.2.7", "::1", "2001:DB8::7", "::ffff:192.0.2.7"};
    static const char *const names[] = {"", "abc.de", "bad.cafe", "1.2.3", "192.0.2.256", "192.0.2.7.", "beef", "a:b",
        "fe80::1%eth0", "192.0.2.7/32", "any", " ::1"};

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!sms365_cidr_is_address(addresses[i]))
            fail_msg("a name: \"%s\"", addresses[i]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sms365_cidr_is_address(names[i]))
            fail_msg("an address: \"%s\"", names[i]);
}

static void addresses_match_their_ranges_only(void **state)
{
    static const struct {
        const char *list, *address;
        bool matches;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/25", "192.0.2.127", true},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"fe80::/10", "fe80::1%eth0", true},
        {"fe80::/10", "fe80::1%a-scope-with-a-name-that-is-very-very-long-indeed", true},
        {"::/64", "::1", true},
        {"::/64", "127.0.0.1", false},
        {"::/64", "::ffff:127.0.0.1", false},
        {"128.0.0.0/1", "::1", false},
        {"any", "127.0.0.1", true},
        {"any", "2001:db8::1", true},
        {"any", "", false},
        {"any", "somewhere", false},
        {"any", "%eth0", false},
        {"10.0.0.0/8, 192.0.2.7\t::1", "192.0.2.7", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_cidr_list list;
        assert_true(sms365_cidr_list_parse(&list, cases[i].list, NULL));
        if (sms365_cidr_list_match(&list, cases[i].address, NULL) != cases[i].matches)
            fail_msg("%s against %s", cases[i].address, cases[i].list);
    }
}

static void the_entry_that_matched_is_told(void **state)
{
    struct sms365_cidr_list list;
    size_t index = 9;

    (void)state;
    assert_true(sms365_cidr_list_parse(&list, "10.0.0.0/8,192.0.2.0/24,any", NULL));
    assert_int_equal(list.count, 3);
    assert_true(sms365_cidr_list_match(&list, "192.0.2.9", &index));
    assert_int_equal(index, 1);
    assert_true(sms365_cidr_list_match(&list, "203.0.113.1", &index));
    assert_int_equal(index, 2);
}

static void an_empty_list_matches_nothing(void **state)
{
    const struct sms365_cidr_list list = {.count = 0};

    (void)state;
    assert_false(sms365_cidr_list_match(&list, "127.0.0.1", NULL));
}

static void a_bad_entry_is_pointed_at_and_the_list_left_alone(void **state)
{
    static const struct {
        const char *text, *at;
    } cases[] = {
        {"", ""},
        {" , ", ""},
        {"127.0.0.0/8 nonsense ::1", "nonsense ::1"},
        {"127.0.0.0/8,127.0.0.1/8", "127.0.0.1/8"},
        {"a-word-that-is-longer-than-any-address-or-range-could-ever-be-written-down", "a-word-that-is-longer"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_cidr_list list = {.count = 3};
        const char *bad = NULL;
        assert_false(sms365_cidr_list_parse(&list, cases[i].text, &bad));
        assert_int_equal(strncmp(bad, cases[i].at, strlen(cases[i].at)), 0);
        assert_int_equal(list.count, 3);
    }
}

static void a_list_holds_64_entries_and_not_one_more(void **state)
{
    struct sms365_cidr_list list;
    char text[2048] = "";
    const char *bad = NULL;
    size_t length = 0;

    (void)state;
    for (int i = 0; i < SMS365_CIDR_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "10.0.0.%d ", i);
    assert_true(sms365_cidr_list_parse(&list, text, NULL));
    assert_int_equal(list.count, SMS365_CIDR_MAX);
    (void)snprintf(text + length, sizeof text - length, "10.9.9.9");
    assert_false(sms365_cidr_list_parse(&list, text, &bad));
    assert_string_equal(bad, "10.9.9.9");
}

static void trusted_networks_never_have_loopback_nor_names(void **state)
{
    static const struct {
        const char *networks, *host;
        bool trusted;
    } cases[] = {
        {"192.0.2.0/25 2001:db8::/32", "192.0.2.127", true},
        {"192.0.2.0/25 2001:db8::/32", "192.0.2.128", false},
        {"192.0.2.0/25 2001:db8::/32", "2001:db8::1", true},
        {"any", "198.51.100.7", true},
        {"any", "127.0.0.1", false},
        {"any", "::ffff:127.0.0.1", false},
        {"any", "::1", false},
        {"any", "localhost", false},
        {"any", "unix:", false},
        {"any", "", false},
        {"", "192.0.2.1", false},
        {"nonsense", "192.0.2.1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (sms365_cidr_trusts(cases[i].networks, cases[i].host) != cases[i].trusted)
            fail_msg("%s in \"%s\"", cases[i].host, cases[i].networks);
    }
}

static void an_ipv6_address_counts_as_its_network_and_all_else_as_itself(void **state)
{
    static const struct {
        const char *host, *peer;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:DB8:1:2::", "2001:db8:1:2::/64"},
        {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
        {"fe80::1%eth0", "fe80::/64"},
        {"::1", "::/64"},
        {"host.example.org", "host.example.org"},
        {"192.0.2.7 ", "192.0.2.7 "},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char peer[64];
        sms365_cidr_peer(peer, sizeof peer, cases[i].host);
        assert_string_equal(peer, cases[i].peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read_and_written),
        cmocka_unit_test(bad_ranges_are_refused),
        cmocka_unit_test(a_numeric_address_is_told_from_a_name),
        cmocka_unit_test(addresses_match_their_ranges_only),
        cmocka_unit_test(the_entry_that_matched_is_told),
        cmocka_unit_test(an_empty_list_matches_nothing),
        cmocka_unit_test(a_bad_entry_is_pointed_at_and_the_list_left_alone),
        cmocka_unit_test(a_list_holds_64_entries_and_not_one_more),
        cmocka_unit_test(trusted_networks_never_have_loopback_nor_names),
        cmocka_unit_test(an_ipv6_address_counts_as_its_network_and_all_else_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
