#include "pure/text.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LANGUAGES 2

static const char *const texts[SMS365_TEXT_COUNT][LANGUAGES] = {
    [SMS365_TEXT_GENERIC] = {"Verification code: ", "Κωδικός επαλήθευσης: "},
    [SMS365_TEXT_CODE] = {"Code sent to %1 (%2). Enter it, or %3: ",
        "Στάλθηκε κωδικός στο %1 (%2). Πληκτρολογήστε τον, ή %3: "},
    [SMS365_TEXT_CODE_AGAIN] = {"Code sent to %1 %2 ago (%3), %4. Enter it, or %5: ",
        "Στάλθηκε κωδικός στο %1 πριν από %2 (%3), %4. Πληκτρολογήστε τον, ή %5: "},
    [SMS365_TEXT_LOST] = {"The provider did not answer: a code may have been sent to %1, but it cannot be used. "
                          "r = send a new one%2: ",
        "Ο πάροχος δεν απάντησε: ίσως στάλθηκε κωδικός στο %1, αλλά δεν μπορεί να χρησιμοποιηθεί. r = νέος "
        "κωδικός%2: "},
    [SMS365_TEXT_AGAIN] = {"r = again", "r = ξανά"},
    [SMS365_TEXT_OTHER_NUMBER] = {", o = other number", ", o = άλλος αριθμός"},
    [SMS365_TEXT_OTHER_CHANNEL] = {", o = by %1", ", o = με %1"},
    [SMS365_TEXT_BACKUP] = {", b = backup code", ", b = εφεδρικός κωδικός"},
    [SMS365_TEXT_BY_VIBER] = {"%1 by Viber", "%1 με Viber"},
    [SMS365_TEXT_DELIVERED] = {"delivered", "παραδόθηκε"},
    [SMS365_TEXT_PENDING] = {"pending", "εκκρεμεί"},
    [SMS365_TEXT_SENT] = {"sent", "στάλθηκε"},
    [SMS365_TEXT_FAILED] = {"not delivered", "δεν παραδόθηκε"},
    [SMS365_TEXT_UNKNOWN] = {"delivery unknown", "άγνωστο αν παραδόθηκε"},
    [SMS365_TEXT_NOT_DELIVERED] = {"Not delivered to %1. ", "Δεν παραδόθηκε στο %1. "},
    [SMS365_TEXT_NO_REPORT] = {"No report from %1. ", "Χωρίς αναφορά από το %1. "},
    [SMS365_TEXT_NEWEST] = {"Only the newest code counts. ", "Ισχύει μόνο ο νεότερος κωδικός. "},
    [SMS365_TEXT_BACKUP_PROMPT] = {"Backup code (%1 left): ", "Εφεδρικός κωδικός (απομένουν %1): "},
    [SMS365_TEXT_OFFER_BACKUP] = {" Backup code (%1 left), or Enter: ", " Εφεδρικός κωδικός (απομένουν %1), ή Enter: "},
    [SMS365_TEXT_NO_BACKUP] = {"You have no backup codes. ", "Δεν έχετε εφεδρικούς κωδικούς. "},
    [SMS365_TEXT_SECONDS] = {"%1 s", "%1 δ."},
    [SMS365_TEXT_MINUTES] = {"%1 min", "%1 λ."},
    [SMS365_TEXT_AGO] = {"%1 ago", "πριν από %1"},
    [SMS365_TEXT_ONE_TRY] = {"1 try left", "απομένει 1 προσπάθεια"},
    [SMS365_TEXT_TRIES] = {"%1 tries left", "απομένουν %1 προσπάθειες"},
    [SMS365_TEXT_TOO_SOON] = {"Too soon: r works again in %1. ", "Πολύ νωρίς: το r ισχύει ξανά σε %1 "},
    [SMS365_TEXT_NO_OTHER] = {"There is no other way. ", "Δεν υπάρχει άλλος τρόπος. "},
    [SMS365_TEXT_NO_MORE_SENDS] = {"No more messages can be sent for %1. ", "Δεν στέλνονται άλλα μηνύματα για %1 "},
    [SMS365_TEXT_STILL_GOOD] = {"%1 The code you have still counts. ", "%1 Ο κωδικός που έχετε ισχύει ακόμη. "},
    [SMS365_TEXT_WRONG] = {"Wrong code; %1.", "Λάθος κωδικός: %1."},
    [SMS365_TEXT_NOT_ENROLLED] = {"You have no phone number here for the code that is needed. Ask %1.",
        "Δεν έχετε δηλωμένο κινητό για τον κωδικό που απαιτείται. Επικοινωνήστε με: %1."},
    [SMS365_TEXT_ADMINISTRATOR] = {"your administrator", "τον διαχειριστή σας"},
    [SMS365_TEXT_LATER] = {" Try again in %1.", " Δοκιμάστε ξανά σε %1"},
    [SMS365_TEXT_NUMBER_CHANGED] = {"Login codes for %1 on %2 now go to %3. If you did not ask for that, tell your "
                                    "administrator at once.",
        "Οι κωδικοί σύνδεσης του %1 στο %2 πάνε πλέον στο %3. Αν δεν το ζητήσατε, ενημερώστε αμέσως τον διαχειριστή."},
    [SMS365_TEXT_PRESS_ENTER] = {" Press Enter: ", " Πατήστε Enter: "},
};

static const struct {
    enum sms365_reason reason;
    const char *text[LANGUAGES];
} denials[] = {
    {SMS365_REASON_WRONG_CODE, {"Wrong code.", "Λάθος κωδικός."}},
    {SMS365_REASON_WRONG_BACKUP_CODE,
        {"Wrong backup code, or used before.", "Λάθος εφεδρικός κωδικός, ή ήδη χρησιμοποιημένος."}},
    {SMS365_REASON_NOT_A_CODE, {"That is not a code.", "Αυτό δεν είναι κωδικός."}},
    {SMS365_REASON_NO_ANSWER, {"No code was entered.", "Δεν δόθηκε κωδικός."}},
    {SMS365_REASON_TRIES_USED, {"All tries are used up.", "Οι προσπάθειες εξαντλήθηκαν."}},
    {SMS365_REASON_EXPIRED,
        {"The code is too old. Log in again for a new one.", "Ο κωδικός έληξε. Συνδεθείτε ξανά για νέο."}},
    {SMS365_REASON_LOCKED_OUT, {"Too many failed attempts.", "Πάρα πολλές αποτυχημένες προσπάθειες."}},
    {SMS365_REASON_LOCKED,
        {"Too many failed attempts: you are locked out. Ask your administrator.",
            "Πάρα πολλές αποτυχημένες προσπάθειες: έχετε κλειδωθεί. Απευθυνθείτε στον διαχειριστή."}},
    {SMS365_REASON_TOO_MANY_SENDS, {"Too many messages were sent to you.", "Σας στάλθηκαν πάρα πολλά μηνύματα."}},
    {SMS365_REASON_TOO_MANY_FROM_HOST, {"Too many attempts.", "Πάρα πολλές προσπάθειες."}},
    {SMS365_REASON_STORE_SPENT,
        {"No more messages are sent from here today.", "Δεν στέλνονται άλλα μηνύματα από εδώ σήμερα."}},
    {SMS365_REASON_COUNTRY_REFUSED,
        {"No messages are sent to your number's country. Tell your administrator.",
            "Δεν στέλνονται μηνύματα στη χώρα του αριθμού σας. Ενημερώστε τον διαχειριστή."}},
    {SMS365_REASON_SIM_CHANGED, {"Your number has moved to another network. Ask your administrator to confirm it.",
                                    "Ο αριθμός σας άλλαξε δίκτυο. Ζητήστε από τον διαχειριστή να τον επιβεβαιώσει."}},
    {SMS365_REASON_TOO_MANY_OPEN,
        {"Too many of your logins wait for a code.", "Πάρα πολλές συνδέσεις σας περιμένουν κωδικό."}},
    {SMS365_REASON_TOO_MANY_QUESTIONS, {"No code was entered.", "Δεν δόθηκε κωδικός."}},
    {SMS365_REASON_SUPERSEDED, {"This code was used or replaced by another login.",
                                   "Ο κωδικός χρησιμοποιήθηκε ή αντικαταστάθηκε από άλλη σύνδεση."}},
    {SMS365_REASON_KEY_REFUSED, {"The SMS provider does not accept this machine's key or address. "
                                 "Tell your administrator.",
                                    "Ο πάροχος SMS δεν δέχεται το κλειδί ή τη διεύθυνση του συστήματος. "
                                    "Ενημερώστε τον διαχειριστή."}},
    {SMS365_REASON_NO_BALANCE, {"The SMS account is out of credit. Tell your administrator.",
                                   "Ο λογαριασμός SMS δεν έχει υπόλοιπο. Ενημερώστε τον διαχειριστή."}},
    {SMS365_REASON_BAD_NUMBER, {"The SMS provider does not accept your phone number. Tell your administrator.",
                                   "Ο πάροχος SMS δεν δέχεται τον αριθμό σας. Ενημερώστε τον διαχειριστή."}},
    {SMS365_REASON_PROVIDER_REFUSED, {"The SMS provider refused. Try again, or tell your administrator.",
                                         "Ο πάροχος SMS αρνήθηκε. Δοκιμάστε ξανά ή ενημερώστε τον διαχειριστή."}},
    {SMS365_REASON_UNREACHABLE, {"The SMS provider cannot be reached. Try again later.",
                                    "Ο πάροχος SMS δεν είναι προσβάσιμος. Δοκιμάστε αργότερα."}},
    {SMS365_REASON_REPLY_LOST,
        {"The SMS provider did not answer. Try again.", "Ο πάροχος SMS δεν απάντησε. Δοκιμάστε ξανά."}},
    {SMS365_REASON_BAD_REPLY, {"The SMS provider's answer makes no sense. Try again later.",
                                  "Η απάντηση του παρόχου SMS δεν είναι κατανοητή. Δοκιμάστε αργότερα."}},
    {SMS365_REASON_WRONG_ADDRESS, {"This machine may not use its SMS key from its present address. "
                                   "Tell your administrator.",
                                      "Το σύστημα δεν μπορεί να χρησιμοποιήσει το κλειδί SMS από τη διεύθυνσή του. "
                                      "Ενημερώστε τον διαχειριστή."}},
};

void sms365_text_format(
    char *out, size_t size, enum sms365_language language, enum sms365_text text, const char *const *args)
{
    struct sms365_buf buf;
    size_t count = 0;

    while (args != NULL && args[count] != NULL)
        count++;
    sms365_buf_init(&buf, size - 1);
    for (const char *c = texts[text][language]; *c != '\0'; c++) {
        if (c[0] == '%' && c[1] >= '1' && c[1] <= '5') {
            const size_t which = (size_t)(*++c - '1');
            sms365_buf_puts(&buf, which < count ? args[which] : "");
        } else {
            sms365_buf_add(&buf, c, 1);
        }
    }
    if (!sms365_str_copy(out, size, sms365_buf_text(&buf)))
        out[0] = '\0';
    sms365_buf_free(&buf);
}

const char *sms365_text_message(enum sms365_language language)
{
    return language == SMS365_LANGUAGE_EL ? "Ο κωδικός σας: %%CODE%%" : "Your code: %%CODE%%";
}

void sms365_text_not_enrolled(char *out, size_t size, enum sms365_language language, const char *contact)
{
    const char *whom = contact[0] != '\0' ? contact : texts[SMS365_TEXT_ADMINISTRATOR][language];

    sms365_text_format(out, size, language, SMS365_TEXT_NOT_ENROLLED, (const char *const[]){whom, NULL});
}

const char *sms365_text_denial(enum sms365_language language, enum sms365_reason reason)
{
    for (size_t i = 0; i < sizeof denials / sizeof *denials; i++)
        if (denials[i].reason == reason)
            return denials[i].text[language];
    return language == SMS365_LANGUAGE_EL ? "Δεν είναι δυνατή η σύνδεση τώρα. Ενημερώστε τον διαχειριστή."
                                          : "You cannot be logged in now. Tell your administrator.";
}

void sms365_text_duration(char out[32], enum sms365_language language, int64_t ms)
{
    char number[24];
    const int64_t s = ms <= 0 ? 0 : (ms + 999) / 1000;
    const bool minutes = s >= 120;

    (void)snprintf(number, sizeof number, "%" PRId64, minutes ? (s + 59) / 60 : s);
    sms365_text_format(
        out, 32, language, minutes ? SMS365_TEXT_MINUTES : SMS365_TEXT_SECONDS, (const char *const[]){number, NULL});
}
