/* The blocking driver, with a script in the place of the challenge: what each action comes back as when it fails. */
#include "drive/drive.h"

#include "base/err.h"
#include "edges/process.h"
#include "scratch.h"

#include <syslog.h>

#define ACTIONS_MAX 4

/* What was fed, copied while it was there. */
struct fed {
    struct sms365_event event;
    char answer[600];
    char auth_id[32];
};

static struct script {
    struct sms365_action actions[ACTIONS_MAX];
    size_t count, at;
    struct fed fed[ACTIONS_MAX];
    bool too_large;     /* its value does not fit */
    const char *judged; /* the driver's own copy of the answer that was fed last */
    bool wiped;         /* it was empty when the next action was asked for */
} script;

/* Every other part that the driver uses. */
static struct parts {
    enum sms365_err store_err;
    enum sms365_err call_err[3];
    const char *reply[3];
    unsigned calls, renewals;
    bool renewed, answers, clock_fails, no_memory;
    int64_t paused_ms;
    char log[1024];
    char asked[64], told[64];
} parts;

/* --- The script --- */

void __wrap_sms365_challenge_next(struct sms365_challenge *challenge, struct sms365_action *action);
void __wrap_sms365_challenge_next(struct sms365_challenge *challenge, struct sms365_action *action)
{
    (void)challenge;
    script.wiped = script.judged != NULL && script.judged[0] == '\0';
    if (script.at < script.count)
        *action = script.actions[script.at];
    else
        *action = (struct sms365_action){
            .kind = SMS365_ACTION_DONE, .outcome = {.verdict = SMS365_DENY, .reason = SMS365_REASON_WRONG_CODE}};
}

void __wrap_sms365_challenge_feed(struct sms365_challenge *challenge, const struct sms365_event *event);
void __wrap_sms365_challenge_feed(struct sms365_challenge *challenge, const struct sms365_event *event)
{
    struct fed *fed = &script.fed[script.at++];

    (void)challenge;
    fed->event = *event;
    if (event->answer != NULL) {
        script.judged = event->answer;
        assert_true(sms365_str_copy(fed->answer, sizeof fed->answer, event->answer));
    }
    if (event->fields[SMS365_FIELD_AUTH_ID] != NULL)
        assert_true(sms365_str_copy(fed->auth_id, sizeof fed->auth_id, event->fields[SMS365_FIELD_AUTH_ID]));
}

bool __wrap_sms365_challenge_value(
    const struct sms365_challenge *challenge, uint8_t value[SMS365_RECORD_MAX], size_t *length);
bool __wrap_sms365_challenge_value(
    const struct sms365_challenge *challenge, uint8_t value[SMS365_RECORD_MAX], size_t *length)
{
    (void)challenge;
    memset(value, 1, SMS365_RECORD_MAX);
    *length = SMS365_RECORD_MAX;
    return !script.too_large;
}

/* --- The parts --- */

void *__real_sms365_secret_new(size_t size_bytes);
void *__wrap_sms365_secret_new(size_t size_bytes);
void *__wrap_sms365_secret_new(size_t size_bytes)
{
    return parts.no_memory ? NULL : __real_sms365_secret_new(size_bytes);
}

enum sms365_err __wrap_sms365_now_read(struct sms365_now *now, struct sms365_error *err);
enum sms365_err __wrap_sms365_now_read(struct sms365_now *now, struct sms365_error *err)
{
    *now = (struct sms365_now){.boot_ms = 0};
    if (parts.clock_fails)
        return sms365_error_set(err, SMS365_IO, "the clock stands still");
    now->boot_ms = 1000;
    return SMS365_OK;
}

void __wrap_sms365_pause(int64_t ms);
void __wrap_sms365_pause(int64_t ms)
{
    parts.paused_ms += ms;
}

enum sms365_err __wrap_sms365_provider_call(struct sms365_provider *provider,
    const struct sms365_provider_request *request, struct sms365_reply **reply, struct sms365_error *err);
enum sms365_err __wrap_sms365_provider_call(struct sms365_provider *provider,
    const struct sms365_provider_request *request, struct sms365_reply **reply, struct sms365_error *err)
{
    const unsigned call = parts.calls++;

    (void)provider;
    assert_true(call < 3);
    *reply = NULL;
    if (parts.reply[call] == NULL)
        return sms365_error_set(err, parts.call_err[call], "the network is gone");
    return sms365_api_decode(
        reply, sms365_endpoint_get(request->endpoint), parts.reply[call], strlen(parts.reply[call]), err);
}

static enum sms365_err store_get(struct sms365_store *store, enum sms365_class class, const char *name,
    struct sms365_record *record, struct sms365_error *err)
{
    (void)store;
    (void)class;
    (void)name;
    (void)record;
    return sms365_error_set(err, parts.store_err, "the disk is gone");
}

static enum sms365_err store_cas(struct sms365_store *store, enum sms365_class class, const char *name,
    uint64_t version, const void *value, size_t length, int64_t ttl_s, uint64_t *new_version, struct sms365_error *err)
{
    (void)store;
    (void)class;
    (void)name;
    (void)version;
    (void)value;
    (void)length;
    (void)ttl_s;
    (void)new_version;
    return sms365_error_set(err, parts.store_err, "the disk is gone");
}

static enum sms365_err store_scan(struct sms365_store *store, enum sms365_class class,
    bool (*each)(void *context, const char *name, const struct sms365_record *record), void *context,
    struct sms365_error *err)
{
    (void)store;
    (void)class;
    (void)each;
    (void)context;
    return sms365_error_set(err, parts.store_err, "the disk is gone");
}

static bool ask(void *context, const char *prompt, bool secret, char *answer, size_t size)
{
    (void)context;
    assert_true(secret && sms365_str_copy(parts.asked, sizeof parts.asked, prompt));
    memset(answer, '7', size); /* to the very end, and no NUL */
    return parts.answers;
}

static void tell(void *context, const char *text)
{
    (void)context;
    assert_true(sms365_str_copy(parts.told, sizeof parts.told, text));
}

static bool renew(void *context)
{
    (void)context;
    parts.renewals++;
    return parts.renewed;
}

static void log_write(void *context, int priority, const char *text)
{
    const size_t length = strlen(parts.log);

    (void)context;
    assert_true(priority <= LOG_INFO);
    (void)snprintf(parts.log + length, sizeof parts.log - length, "%s\n", text);
}

static struct sms365_outcome run(const char *spool, bool may_renew, bool may_tell)
{
    static const struct sms365_store_ops ops = {.get = store_get, .cas = store_cas, .scan = store_scan};
    struct sms365_store store = {&ops};
    struct sms365_provider provider = {.keys = NULL};
    const struct sms365_dialogue dialogue = {ask, may_tell ? tell : NULL, NULL};
    const struct sms365_log log = {log_write, NULL};
    const struct sms365_drive drive = {&store, &provider, spool, &dialogue, &log, may_renew ? renew : NULL, NULL};
    struct sms365_outcome outcome = {.verdict = SMS365_ALLOW};

    const enum sms365_err code = sms365_drive_run(&drive, NULL, &outcome, &(struct sms365_error){0});
    assert_int_equal(code, parts.no_memory ? SMS365_NO_MEMORY : SMS365_OK);
    assert_int_equal(outcome.verdict, SMS365_DENY);
    return outcome;
}

static int fresh(void **state)
{
    (void)state;
    memset(&script, 0, sizeof script);
    memset(&parts, 0, sizeof parts);
    return 0;
}

static void expect_event(size_t at, enum sms365_event_kind kind, enum sms365_err err)
{
    assert_true(at < script.at);
    assert_int_equal(script.fed[at].event.kind, kind);
    assert_int_equal(script.fed[at].event.err, err);
}

/* --- Tests --- */

static void a_store_that_fails_is_told_to_the_challenge_and_the_log(void **state)
{
    (void)state;
    script.count = 3;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_GET, .name = "alice"};
    script.actions[1] = (struct sms365_action){.kind = SMS365_ACTION_CAS, .name = "alice"};
    script.actions[2] = (struct sms365_action){.kind = SMS365_ACTION_SUM, .class = SMS365_CLASS_SHARD};
    parts.store_err = SMS365_IO;
    assert_int_equal(run("", false, false).reason, SMS365_REASON_WRONG_CODE);
    expect_event(0, SMS365_EVENT_RECORD, SMS365_IO);
    expect_event(1, SMS365_EVENT_WRITTEN, SMS365_IO);
    expect_event(2, SMS365_EVENT_SUM, SMS365_IO);
    assert_string_equal(parts.log, "state store: the disk is gone\nstate store: the disk is gone\n"
                                   "state store: the disk is gone\n");
}

static void a_value_that_does_not_fit_is_not_written(void **state)
{
    (void)state;
    script.count = 1;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_CAS, .name = "alice"};
    script.too_large = true;
    (void)run("", false, false);
    expect_event(0, SMS365_EVENT_WRITTEN, SMS365_BAD_ARGUMENT);
    assert_string_equal(parts.log, "state store: alice: the record does not fit\n");
}

static void a_write_that_came_second_is_no_trouble_to_log(void **state)
{
    (void)state;
    script.count = 1;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_CAS, .name = "alice"};
    parts.store_err = SMS365_CONFLICT;
    (void)run("", false, false);
    expect_event(0, SMS365_EVENT_WRITTEN, SMS365_CONFLICT);
    assert_string_equal(parts.log, "");
}

#define GOOD "{\"status\":1,\"error\":0,\"authId\":\"77\",\"authStatus\":\"d\"}"
#define KEY_REFUSED "{\"status\":0,\"error\":101}"

static void call(void)
{
    script.count = 1;
    script.actions[0] =
        (struct sms365_action){.kind = SMS365_ACTION_CALL, .endpoint = SMS365_EP_2FA_SEND, .once = true};
}

static void a_call_that_fails_has_no_fields_and_is_logged_with_its_endpoint(void **state)
{
    (void)state;
    call();
    parts.call_err[0] = SMS365_REPLY_LOST;
    (void)run("", true, false);
    expect_event(0, SMS365_EVENT_REPLY, SMS365_REPLY_LOST);
    assert_int_equal(parts.calls, 1);
    assert_int_equal(parts.renewals, 0);
    for (size_t i = 0; i < SMS365_REPLY_FIELDS; i++)
        assert_null(script.fed[0].event.fields[i]);
    assert_null(script.fed[0].event.key);
    assert_string_equal(parts.log, "2fa/send: the network is gone\n");
}

/* What the provider refuses for its key was not done: with another key it is asked once more, and never a third time.
 */
static void a_key_that_was_replaced_meanwhile_is_loaded_anew_once(void **state)
{
    static const struct {
        const char *reply[2];
        bool may_renew, renewed;
        unsigned calls;
        enum sms365_err err;
        int provider_error;
    } cases[] = {
        {{KEY_REFUSED, GOOD}, true, true, 2, SMS365_OK, 0},
        {{KEY_REFUSED, KEY_REFUSED}, true, true, 2, SMS365_REFUSED, 101},
        {{KEY_REFUSED, NULL}, true, true, 2, SMS365_UNREACHABLE, 0},
        {{KEY_REFUSED, GOOD}, true, false, 1, SMS365_REFUSED, 101},
        {{KEY_REFUSED, GOOD}, false, true, 1, SMS365_REFUSED, 101},
        {{"{\"status\":0,\"error\":105}", GOOD}, true, true, 1, SMS365_REFUSED, 105},
        {{GOOD, GOOD}, true, true, 1, SMS365_OK, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)fresh(state);
        call();
        parts.reply[0] = cases[i].reply[0];
        parts.reply[1] = cases[i].reply[1];
        parts.call_err[1] = SMS365_UNREACHABLE;
        parts.renewed = cases[i].renewed;
        (void)run("", cases[i].may_renew, false);
        expect_event(0, SMS365_EVENT_REPLY, cases[i].err);
        assert_int_equal(parts.calls, cases[i].calls);
        assert_int_equal(script.fed[0].event.provider_error, cases[i].provider_error);
        assert_string_equal(script.fed[0].auth_id, cases[i].err == SMS365_OK ? "77" : "");
        assert_true((parts.log[0] == '\0') == (cases[i].err == SMS365_OK));
    }
}

static void an_answer_is_ended_and_forgotten_once_it_was_judged(void **state)
{
    (void)state;
    script.count = 1;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_ASK, .text = "Code: "};
    parts.answers = true;
    (void)run("", false, false);
    expect_event(0, SMS365_EVENT_ANSWER, SMS365_OK);
    assert_string_equal(parts.asked, "Code: ");
    const size_t length = strlen(script.fed[0].answer);
    assert_true(length > 64 && strspn(script.fed[0].answer, "7") == length);
    assert_true(script.wiped);
}

static void nobody_who_answers_is_no_answer(void **state)
{
    (void)state;
    script.count = 1;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_ASK, .text = "Code: "};
    (void)run("", false, false);
    expect_event(0, SMS365_EVENT_ANSWER, SMS365_OK);
    assert_null(script.fed[0].event.answer);
}

static void a_wait_for_nothing_is_a_pause_and_a_spool_that_is_gone_no_report(void **state)
{
    static const uint8_t id[SMS365_ID_BYTES] = {1};
    struct scratch *scratch = *state;

    (void)fresh(NULL);
    script.count = 2;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_WAIT, .timeout_ms = 250};
    script.actions[1] = (struct sms365_action){.kind = SMS365_ACTION_WAIT, .id = id};
    (void)run(scratch_path(scratch, "gone"), false, false);
    assert_int_equal(parts.paused_ms, 250);
    for (size_t i = 0; i < 2; i++) {
        expect_event(i, SMS365_EVENT_REPORT, SMS365_OK);
        assert_null(script.fed[i].event.query);
    }
    assert_contains(parts.log, "gone");
}

static void who_cannot_be_told_is_not_told(void **state)
{
    (void)state;
    for (int may_tell = 0; may_tell < 2; may_tell++) {
        (void)fresh(NULL);
        script.count = 2;
        script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_TELL, .text = "Locked."};
        script.actions[1] = (struct sms365_action){.kind = SMS365_ACTION_LOG, .text = "event=x", .priority = LOG_INFO};
        (void)run("", false, may_tell);
        expect_event(0, SMS365_EVENT_TOLD, SMS365_OK);
        expect_event(1, SMS365_EVENT_LOGGED, SMS365_OK);
        assert_string_equal(parts.told, may_tell ? "Locked." : "");
        assert_string_equal(parts.log, "event=x\n");
    }
}

static void a_clock_that_cannot_be_read_is_a_time_of_zero(void **state)
{
    (void)state;
    script.count = 1;
    script.actions[0] = (struct sms365_action){.kind = SMS365_ACTION_TELL, .text = "x"};
    parts.clock_fails = true;
    (void)run("", false, true);
    assert_int_equal(script.fed[0].event.now.boot_ms, 0);
    assert_string_equal(parts.log, "the clock stands still\n");
}

static void without_memory_it_is_denied_and_nothing_is_done(void **state)
{
    (void)state;
    call();
    parts.no_memory = true;
    assert_int_equal(run("", true, true).reason, SMS365_REASON_INTERNAL);
    assert_int_equal(script.at, 0);
    assert_int_equal(parts.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_store_that_fails_is_told_to_the_challenge_and_the_log, fresh),
        cmocka_unit_test_setup(a_value_that_does_not_fit_is_not_written, fresh),
        cmocka_unit_test_setup(a_write_that_came_second_is_no_trouble_to_log, fresh),
        cmocka_unit_test_setup(a_call_that_fails_has_no_fields_and_is_logged_with_its_endpoint, fresh),
        cmocka_unit_test_setup(a_key_that_was_replaced_meanwhile_is_loaded_anew_once, fresh),
        cmocka_unit_test_setup(an_answer_is_ended_and_forgotten_once_it_was_judged, fresh),
        cmocka_unit_test_setup(nobody_who_answers_is_no_answer, fresh),
        scratch_test(a_wait_for_nothing_is_a_pause_and_a_spool_that_is_gone_no_report),
        cmocka_unit_test_setup(who_cannot_be_told_is_not_told, fresh),
        cmocka_unit_test_setup(a_clock_that_cannot_be_read_is_a_time_of_zero, fresh),
        cmocka_unit_test_setup(without_memory_it_is_denied_and_nothing_is_done, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
