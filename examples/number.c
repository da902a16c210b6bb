/*
 * What the provider knows of a phone number, and how many messages to it the account can pay for.
 *   cc number.c $(pkg-config --cflags --libs sms365) -o number && ./number /etc/sms365/sms365.conf "+30 697 123 4567"
 */
#include <sms365.h>

#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct sms365 *sms365;
    struct sms365_mobile mobile;
    struct sms365_error err;
    double balance;

    if (argc != 3)
        return 2;
    if (sms365_open(&sms365, &(struct sms365_options){.conf = argv[1], .service = "example"}, &err) != SMS365_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    const enum sms365_err code = sms365_mobile_check(sms365, argv[2], &mobile, &err) == SMS365_OK
                                     ? sms365_me_balance(sms365, &balance, &err)
                                     : err.code;
    if (code != SMS365_OK)
        fprintf(stderr, "%s\n", err.text); /* err.provider_error is the provider's own code, if it refused */
    else if (isnan(mobile.cost) || mobile.cost <= 0)
        printf("+%s (%s): the cost of a message is not told\n", mobile.msisdn, mobile.country);
    else
        printf("+%s (%s): %g a message, enough for %ld\n", mobile.msisdn, mobile.country, mobile.cost,
            (long)(balance / mobile.cost));
    sms365_close(sms365);
    return code == SMS365_OK ? 0 : 1;
}
