#include "pure/msisdn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void usual_notations_become_digits(void **state)
{
    static const struct {
        const char *text, *msisdn;
    } cases[] = {
        {"306971234567", "306971234567"},
        {"+306971234567", "306971234567"},
        {"+30 697 123-4567", "306971234567"},
        {"00306971234567", "306971234567"},
        {"0030 (697) 123.4567", "306971234567"},
        {" (+30) 6971234567\t", "306971234567"},
        {"12345678", "12345678"},
        {"123456789012345", "123456789012345"},
        {"00123456789012345", "123456789012345"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[SMS365_MSISDN_SIZE];
        assert_true(sms365_msisdn_parse(out, cases[i].text));
        assert_string_equal(out, cases[i].msisdn);
    }
}

static void what_is_no_international_number_is_refused(void **state)
{
    static const char *const cases[] = {"", "+", "00", "1234567", "1234567890123456", "0012345678901234567",
        "06971234567", "+00306971234567", "++306971234567", "30+6971234567", "306971234567x", "306971234567;mcc=202",
        "30697\n1234567", "+44 (0)20 7946 0958", "\xd9\xa3\xd9\xa0 6971234567", "000030697123456"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[SMS365_MSISDN_SIZE] = "before";
        if (sms365_msisdn_parse(out, cases[i]))
            fail_msg("taken: \"%s\" as %s", cases[i], out);
        assert_string_equal(out, "before");
    }
}

static void a_masked_number_shows_country_two_and_four_digits(void **state)
{
    static const struct {
        const char *msisdn, *masked;
    } cases[] = {
        {"306971234567", "+30 69****4567"},
        {"15551234567", "+1 55****4567"},
        {"79161234567", "+7 91****4567"},
        {"35799123456", "+357 ****3456"},
        {"4915112345678", "+49 15*****5678"},
        {"123456789012345", "+1 23********2345"},
        {"12345678", "+1 *****78"},
        {"35512345", "+355 *****"},
        {"", "****"},
        {"12", "****"},
        {"3069712345678901", "****"},
        {"30697123456x", "****"},
        {"\033[31m697123", "****"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        sms365_msisdn_mask(out, cases[i].msisdn);
        assert_string_equal(out, cases[i].masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_notations_become_digits),
        cmocka_unit_test(what_is_no_international_number_is_refused),
        cmocka_unit_test(a_masked_number_shows_country_two_and_four_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
