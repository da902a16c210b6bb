/* The world that fuzz_pam's logins take place in: time, state store and provider as the input has them. */
#ifndef PAM_WORLD_H
#define PAM_WORLD_H

#include "base/err.h"
#include "edges/http_curl.h"
#include "edges/process.h"
#include "edges/spool.h"
#include "edges/store.h"
#include "heap_secrets.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 64
#define TRIES_MAX 3

static void demand(bool good)
{
    if (!good)
        abort();
}

/* --- The input --- */

static const uint8_t *input;
static size_t input_left;

static uint8_t take(void)
{
    if (input_left == 0)
        return 0;
    input_left--;
    return *input++;
}

/* So many bytes as the next one says, NUL-terminated; to be freed. */
static char *take_text(size_t *length)
{
    *length = take();
    if (*length > input_left)
        *length = input_left;
    char *text = malloc(*length + 1);
    demand(text != NULL);
    memcpy(text, input, *length);
    text[*length] = '\0';
    input += *length;
    input_left -= *length;
    return text;
}

/* --- The world, as the oracle sees it --- */

struct message {
    char code[8], auth_id[16];
    bool local, used;
    int checks;
};

static struct world {
    struct message messages[MESSAGES_MAX];
    size_t message_count;
    struct message *accepted; /* by the provider, or typed, in this login */
    bool said_ok;             /* a reply that the input made up accepted whatever it was */
    bool store_fails;
    bool alice, proved, host, ssh;
    char holder;
    int requests; /* of this login */
    uint64_t random;
    struct sms365_now now;
    struct sms365_store *store;
} world;

static struct message *message_newest(void)
{
    return world.message_count == 0 ? NULL : &world.messages[world.message_count - 1];
}

static struct message *message_add(bool local, const char *code)
{
    demand(world.message_count < MESSAGES_MAX);
    struct message *message = &world.messages[world.message_count++];
    *message = (struct message){.local = local};
    demand(sms365_str_copy(message->code, sizeof message->code, code));
    (void)snprintf(message->auth_id, sizeof message->auth_id, "id-%zu", world.message_count);
    return message;
}

/* --- Time, randomness and the holder --- */

enum sms365_err sms365_now_read(struct sms365_now *now, struct sms365_error *err)
{
    (void)err;
    world.now.boot_ms += 3;
    *now = world.now;
    return SMS365_OK;
}

void sms365_pause(int64_t ms)
{
    world.now.boot_ms += ms;
    world.now.wall_s += ms / 1000;
}

enum sms365_err sms365_random(void *out, size_t length, struct sms365_error *err)
{
    uint8_t *bytes = out;

    (void)err;
    for (size_t i = 0; i < length; i++) {
        world.random = world.random * 6364136223846793005U + 1442695040888963407U;
        bytes[i] = (uint8_t)(world.random >> 56);
    }
    return SMS365_OK;
}

enum sms365_err sms365_holder_self(char out[SMS365_HOLDER_TEXT_SIZE], struct sms365_error *err)
{
    (void)err;
    (void)snprintf(out, SMS365_HOLDER_TEXT_SIZE, "holder %c", world.holder);
    return SMS365_OK;
}

enum sms365_err sms365_holder_once(char out[SMS365_HOLDER_TEXT_SIZE], struct sms365_error *err)
{
    (void)err;
    (void)snprintf(out, SMS365_HOLDER_TEXT_SIZE, "holder once %lld", (long long)world.now.boot_ms);
    return SMS365_OK;
}

bool sms365_host_is_own(const char *host)
{
    (void)host;
    return false;
}

void sms365_environment_hide(void)
{
}

void sms365_environment_restore(void)
{
}

enum sms365_err sms365_spool_wait(const char *dir, const uint8_t id[SMS365_ID_BYTES], bool discard, int64_t timeout_ms,
    char out[SMS365_REPORT_MAX + 1], size_t *length, struct sms365_error *err)
{
    (void)dir;
    (void)id;
    (void)discard;
    (void)err;
    sms365_pause(timeout_ms);
    char *text = take_text(length);
    memcpy(out, text, *length + 1);
    free(text);
    return SMS365_OK;
}

/* --- The state store: one in memory for all logins of an input, which fails when the input says so --- */

static const struct sms365_store_ops *real_ops;

static bool store_fails(void)
{
    return world.store_fails && take() % 8 == 1;
}

static enum sms365_err get(struct sms365_store *store, enum sms365_class class, const char *name,
    struct sms365_record *record, struct sms365_error *err)
{
    return store_fails() ? SMS365_IO : real_ops->get(store, class, name, record, err);
}

static enum sms365_err cas(struct sms365_store *store, enum sms365_class class, const char *name, uint64_t version,
    const void *value, size_t length, int64_t ttl_s, uint64_t *new_version, struct sms365_error *err)
{
    if (store_fails())
        return take() % 2 == 0 ? SMS365_CONFLICT : SMS365_FULL;
    return real_ops->cas(store, class, name, version, value, length, ttl_s, new_version, err);
}

static void keep_open(struct sms365_store *store)
{
    (void)store;
}

enum sms365_err sms365_store_file_open(
    struct sms365_store **store, const struct sms365_store_file_options *options, struct sms365_error *err)
{
    static struct sms365_store_ops ops;

    (void)options;
    if (world.store == NULL) {
        demand(sms365_store_mem_open(&world.store, err) == SMS365_OK);
        real_ops = world.store->ops;
        ops = *real_ops;
        ops.get = get;
        ops.cas = cas;
        ops.close = keep_open;
        world.store->ops = &ops;
    }
    *store = world.store;
    return SMS365_OK;
}

/* --- The provider --- */

struct sms365_http {
    int unused;
};

enum sms365_err sms365_http_new(
    struct sms365_http **http, const struct sms365_http_options *options, struct sms365_error *err)
{
    static struct sms365_http only;

    (void)options;
    (void)err;
    *http = &only;
    return SMS365_OK;
}

void sms365_http_free(struct sms365_http *http)
{
    (void)http;
}

/* A parameter of a form, decoded. */
static void form_get(char *out, size_t size, const char *body, const char *name)
{
    size_t used = 0;

    for (const char *at = body; at != NULL; at = strchr(at, '&')) {
        at += *at == '&';
        if (strncmp(at, name, strlen(name)) != 0 || at[strlen(name)] != '=')
            continue;
        for (at += strlen(name) + 1; *at != '\0' && *at != '&' && used + 1 < size; at++) {
            unsigned byte = (unsigned char)*at;
            if (*at == '%' && sscanf(at + 1, "%2x", &byte) == 1)
                at += 2;
            out[used++] = (char)byte;
        }
        break;
    }
    out[used] = '\0';
}

/* What an honest provider answers; *right: it accepts a code. */
static void provider_act(struct sms365_buf *reply, const char *path, const char *body, struct message **right)
{
    char text[600], code[32], auth_id[128];
    static const char head[] = "{\"status\":\"1\",\"remarks\":\"Success\",\"error\":\"0\"";

    form_get(text, sizeof text, body, "text");
    form_get(code, sizeof code, body, "code");
    form_get(auth_id, sizeof auth_id, body, "authId");
    sms365_buf_puts(reply, head);
    if (strcmp(path, "2fa/send") == 0) {
        (void)snprintf(code, sizeof code, "%04zu", (world.message_count * 2741 + 1365) % 10000);
        sms365_buf_printf(reply, ",\"authId\":\"%s\",\"authStatus\":\"d\"", message_add(false, code)->auth_id);
    } else if (strcmp(path, "2fa/check") == 0) {
        for (size_t i = 0; i < world.message_count; i++) {
            struct message *message = &world.messages[i];
            if (message->local || strcmp(message->auth_id, auth_id) != 0)
                continue;
            demand(++message->checks <= TRIES_MAX);
            *right = strcmp(message->code, code) == 0 ? message : *right;
        }
        sms365_buf_printf(reply, ",\"auth\":\"%s\"", *right == NULL ? "nok" : "ok");
    } else if (strcmp(path, "sms/send") == 0) {
        const char *digits = text + strcspn(text, "0123456789");
        demand(strspn(digits, "0123456789") == 6);
        (void)snprintf(code, sizeof code, "%.6s", digits);
        sms365_buf_printf(reply, ",\"smsId\":\"%s\",\"cost\":1,\"balance\":100", message_add(true, code)->auth_id);
    } else {
        sms365_buf_puts(reply, ",\"balance\":100");
    }
    sms365_buf_puts(reply, "}");
}

/* Bytes of the input as the reply; if it can be read as one that accepts, the oracle lets it. */
static void reply_make_up(struct sms365_buf *reply)
{
    size_t length;
    char *text = take_text(&length);
    cJSON *json = cJSON_ParseWithLength(text, length);
    const cJSON *auth = cJSON_GetObjectItemCaseSensitive(json, "auth");

    world.said_ok = world.said_ok || (cJSON_IsString(auth) && strcmp(auth->valuestring, "ok") == 0);
    cJSON_Delete(json);
    sms365_buf_free(reply);
    sms365_buf_add(reply, text, length);
    free(text);
}

enum sms365_err sms365_http_post(struct sms365_http *http, const struct sms365_http_request *request,
    struct sms365_buf *reply, char local[INET6_ADDRSTRLEN], struct sms365_error *err)
{
    static const int errors[] = {101, 105, 103, 106, 302, 301, 999, 0};
    struct message *right = NULL;
    const uint8_t way = take();

    (void)http;
    (void)err;
    demand(world.alice && world.proved);
    demand(++world.requests < 32);
    (void)sms365_str_copy(local, INET6_ADDRSTRLEN, "127.0.0.1");
    sms365_pause(way);
    if (way % 8 == 4)
        return SMS365_UNREACHABLE;
    if (way % 8 == 5) {
        sms365_buf_printf(reply, "{\"status\":\"0\",\"error\":\"%d\",\"remarks\":\"\\u001b[2Jno\"}", errors[way / 32]);
        return SMS365_OK;
    }
    provider_act(reply, request->path, request->body, &right);
    if (way % 8 == 6) {
        sms365_buf_free(reply);
        return SMS365_REPLY_LOST;
    }
    if (way % 8 == 7)
        reply_make_up(reply);
    else if (right != NULL)
        world.accepted = right;
    return SMS365_OK;
}

#endif
