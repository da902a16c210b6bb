#include "edges/keys.h"

#include "base/str.h"
#include "scratch.h"

#define API_KEY "an-API-key-of-the-provider"

/* A master key and an empty key store in the scratch directory. */
struct place {
    struct sms365_secret master;
    const char *dir;
};

static struct place place_make(struct scratch *scratch)
{
    struct place place = {.dir = scratch_path(scratch, "keys.d")};
    const char *path = scratch_path(scratch, "master.key");
    struct sms365_error err = {0};

    assert_int_equal(mkdir(place.dir, 0700), 0);
    assert_int_equal(sms365_master_create(path, &err), SMS365_OK);
    assert_int_equal(sms365_master_load(&place.master, path, &err), SMS365_OK);
    return place;
}

static struct sms365_key key_make(const char *name, const char *url, const char *whitelist, const char *secret)
{
    struct sms365_key key = {.url_count = 1};

    assert_true(sms365_str_copy(key.name, sizeof key.name, name));
    assert_true(sms365_str_copy(key.urls[0], sizeof key.urls[0], url));
    if (whitelist[0] != '\0')
        assert_true(sms365_cidr_list_parse(&key.whitelist, whitelist, NULL));
    assert_true(sms365_secret_set(&key.secret, secret, strlen(secret)));
    return key;
}

static enum sms365_err save(const struct place *place, const char *name, const char *url, const char *whitelist,
    const char *secret, bool sandbox, struct sms365_error *err)
{
    struct sms365_key key = key_make(name, url, whitelist, secret);
    const enum sms365_err code = sms365_key_save(&key, place->dir, &place->master, sandbox, false, err);

    sms365_key_free(&key);
    return code;
}

static void save_good(const struct place *place, const char *name)
{
    struct sms365_error err = {0};

    if (save(place, name, "https://sms.example/api", "192.0.2.0/24", API_KEY, false, &err) != SMS365_OK)
        fail_msg("%s", err.text);
}

static enum sms365_err load(const struct place *place, bool sandbox, struct sms365_error *err)
{
    struct sms365_keys keys = {0};
    const enum sms365_err code = sms365_keys_load(&keys, place->dir, &place->master, sandbox, err);

    if (code != SMS365_OK)
        assert_null(keys.entries);
    sms365_keys_free(&keys);
    return code;
}

static void the_master_key_is_made_once_and_only_when_asked(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_path(scratch, "master.key");
    struct sms365_secret master = {0};
    struct sms365_error err = {0};
    struct stat st;

    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_NOT_FOUND);
    assert_contains(err.text, "sms365 key init");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(sms365_master_create(path, &err), SMS365_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, SMS365_KEY_BYTES);
    char *before = scratch_read(path, NULL);
    assert_int_equal(sms365_master_create(path, &err), SMS365_EXISTS);
    char *after = scratch_read(path, NULL);
    assert_memory_equal(before, after, SMS365_KEY_BYTES);
    free(before);
    free(after);
}

static void a_master_key_that_is_none_is_refused(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_path(scratch, "master.key");
    struct sms365_secret master = {0};
    struct sms365_error err = {0};
    char bytes[33] = {0};

    (void)scratch_write_bytes(scratch, "master.key", 0600, bytes, 32);
    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_CORRUPT);
    assert_contains(err.text, "backup");
    memset(bytes, 7, sizeof bytes);
    (void)scratch_write_bytes(scratch, "master.key", 0600, bytes, 31);
    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_CORRUPT);
    (void)scratch_write_bytes(scratch, "master.key", 0600, bytes, 33);
    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_CORRUPT);
    (void)scratch_write_bytes(scratch, "master.key", 0600, bytes, 0);
    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_CORRUPT);
    (void)scratch_write_bytes(scratch, "master.key", 0640, bytes, 32);
    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_BAD_OWNER);
    assert_contains(err.text, "chmod 0600");
    assert_null(master.data);
    (void)scratch_write_bytes(scratch, "master.key", 0400, bytes, 32);
    assert_int_equal(sms365_master_load(&master, path, &err), SMS365_OK);
    sms365_secret_free(&master);
}

static void of_all_keys_one_can_be_kept(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};

    save_good(&place, "a");
    save_good(&place, "ssh");
    save_good(&place, "web");
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"a", "ssh", "web", "none"};
        struct sms365_keys keys = {0};
        assert_int_equal(sms365_keys_load(&keys, place.dir, &place.master, false, &err), SMS365_OK);
        sms365_keys_keep(&keys, names[i]);
        assert_int_equal(keys.count, i < 3);
        if (i < 3)
            assert_true(sms365_keys_find(&keys, names[i])->secret.length > 0);
        sms365_keys_free(&keys);
    }
}

static void keys_come_back_as_they_were_saved(void **state)
{
    struct place place = place_make(*state);
    struct sms365_keys keys = {0};
    struct sms365_error err = {0};
    struct sms365_key key = key_make("web_2-b", "https://one.example/api/", "10.0.0.0/8 2001:db8::/32", API_KEY);

    (void)sms365_str_copy(key.urls[1], sizeof key.urls[1], "https://[2001:db8::1]:8443/x");
    key.url_count = 2;
    assert_int_equal(sms365_key_save(&key, place.dir, &place.master, false, false, &err), SMS365_OK);
    sms365_key_free(&key);
    save_good(&place, "ssh");
    assert_int_equal(sms365_keys_load(&keys, place.dir, &place.master, false, &err), SMS365_OK);
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.entries[0].name, "ssh");
    const struct sms365_key *found = sms365_keys_find(&keys, "web_2-b");
    assert_non_null(found);
    assert_int_equal(found->url_count, 2);
    assert_string_equal(found->urls[0], "https://one.example/api");
    assert_string_equal(found->urls[1], "https://[2001:db8::1]:8443/x");
    assert_int_equal(found->whitelist.count, 2);
    assert_true(sms365_cidr_list_match(&found->whitelist, "2001:db8::7", NULL));
    assert_int_equal(strlen(found->added), strlen("2026-01-31T10:00:00Z"));
    assert_int_equal(found->secret.length, strlen(API_KEY));
    assert_string_equal((const char *)found->secret.data, API_KEY);
    assert_null(sms365_keys_find(&keys, "web"));
    sms365_keys_free(&keys);
    sms365_secret_free(&place.master);
}

static void a_file_never_holds_the_key_in_clear_and_seals_differ(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct stat st;

    save_good(&place, "a");
    save_good(&place, "b");
    assert_int_equal(stat(scratch_path(scratch, "keys.d/a.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    char *a = scratch_read(scratch_path(scratch, "keys.d/a.key"), NULL);
    char *b = scratch_read(scratch_path(scratch, "keys.d/b.key"), NULL);
    assert_null(strstr(a, API_KEY));
    assert_string_not_equal(strstr(a, "sealed "), strstr(b, "sealed "));
    free(a);
    free(b);
    sms365_secret_free(&place.master);
}

static void every_altered_byte_is_refused(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    const char *path = scratch_path(scratch, "keys.d/a.key");
    struct sms365_error err = {0};
    size_t length = 0;

    save_good(&place, "a");
    char *text = scratch_read(path, &length);
    for (size_t i = 0; i < length; i++) {
        static const char others[] = {1, 2, 32, 64};
        for (size_t j = 0; j < sizeof others; j++) {
            text[i] ^= others[j];
            (void)scratch_write_bytes(scratch, "keys.d/a.key", 0600, text, length);
            if (load(&place, true, &err) != SMS365_CORRUPT)
                fail_msg("byte %zu altered: %s", i, err.text);
            assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
            text[i] ^= others[j];
        }
    }
    (void)scratch_write_bytes(scratch, "keys.d/a.key", 0600, text, length);
    assert_int_equal(load(&place, true, &err), SMS365_OK);
    free(text);
    sms365_secret_free(&place.master);
}

/* Swap the first old for new in the file of key a, and load. */
static void expect_edit_refused(
    struct scratch *scratch, const struct place *place, const char *text, const char *old, const char *fresh)
{
    struct sms365_buf edited;
    struct sms365_error err = {0};
    const char *at = strstr(text, old);

    assert_non_null(at);
    sms365_buf_init(&edited, 16384);
    sms365_buf_add(&edited, text, (size_t)(at - text));
    sms365_buf_puts(&edited, fresh);
    sms365_buf_puts(&edited, at + strlen(old));
    (void)scratch_write(scratch, "keys.d/a.key", 0600, sms365_buf_text(&edited));
    if (load(place, true, &err) != SMS365_CORRUPT)
        fail_msg("\"%s\" made \"%s\" was taken", old, fresh);
    assert_contains(err.text, "sms365 key add --replace a");
    sms365_buf_free(&edited);
}

static void every_header_line_is_bound_to_the_key(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);

    save_good(&place, "a");
    char *text = scratch_read(scratch_path(scratch, "keys.d/a.key"), NULL);
    expect_edit_refused(scratch, &place, text, "sms365-key 1", "sms365-key 2");
    expect_edit_refused(scratch, &place, text, "name a\n", "name b\n");
    expect_edit_refused(scratch, &place, text, "sms.example", "evil.example");
    expect_edit_refused(scratch, &place, text, "api\n", "api https://evil.example\n");
    expect_edit_refused(scratch, &place, text, "192.0.2.0/24", "any");
    expect_edit_refused(scratch, &place, text, "192.0.2.0/24", "192.0.2.0/24 10.0.0.0/8");
    expect_edit_refused(scratch, &place, text, "added 2", "added 3");
    expect_edit_refused(scratch, &place, text, "added ", "\nadded ");
    expect_edit_refused(scratch, &place, text, "name a\n", "name a\r\n");
    expect_edit_refused(scratch, &place, text, "name a\n", "");
    expect_edit_refused(scratch, &place, text, "name a\n", "name a\nname a\n");
    free(text);
    sms365_secret_free(&place.master);
}

static void a_file_cut_short_or_made_longer_is_refused(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct sms365_error err = {0};
    char much[9000];
    size_t length = 0;

    save_good(&place, "a");
    char *text = scratch_read(scratch_path(scratch, "keys.d/a.key"), &length);
    for (size_t i = 0; i < length; i++) {
        (void)scratch_write_bytes(scratch, "keys.d/a.key", 0600, text, i);
        if (load(&place, true, &err) != SMS365_CORRUPT)
            fail_msg("%zu of %zu bytes were taken", i, length);
    }
    /* One byte more, the NUL. */
    (void)scratch_write_bytes(scratch, "keys.d/a.key", 0600, text, length + 1);
    assert_int_equal(load(&place, true, &err), SMS365_CORRUPT);
    assert_contains(err.text, "NUL");
    memset(much, 'x', sizeof much);
    (void)scratch_write_bytes(scratch, "keys.d/a.key", 0600, much, sizeof much);
    assert_int_equal(load(&place, true, &err), SMS365_FULL);
    free(text);
    sms365_secret_free(&place.master);
}

static void swapped_or_copied_files_are_refused(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct sms365_error err = {0};

    save_good(&place, "a");
    save_good(&place, "b");
    assert_int_equal(rename(scratch_path(scratch, "keys.d/a.key"), scratch_path(scratch, "keys.d/t")), 0);
    assert_int_equal(rename(scratch_path(scratch, "keys.d/b.key"), scratch_path(scratch, "keys.d/a.key")), 0);
    assert_int_equal(load(&place, false, &err), SMS365_CORRUPT);
    assert_contains(err.text, "it is the file of key b");
    assert_int_equal(rename(scratch_path(scratch, "keys.d/t"), scratch_path(scratch, "keys.d/b.key")), 0);
    assert_int_equal(load(&place, false, &err), SMS365_CORRUPT);
    sms365_secret_free(&place.master);
}

static void another_master_key_opens_nothing(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct sms365_error err = {0};

    save_good(&place, "a");
    place.master.data[31] ^= 1;
    assert_int_equal(load(&place, false, &err), SMS365_CORRUPT);
    assert_contains(err.text, "another master key");
    sms365_secret_free(&place.master);
}

static void one_bad_file_spoils_the_store(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    const char *b = scratch_path(scratch, "keys.d/b.key");
    struct sms365_error err = {0};

    save_good(&place, "a");
    save_good(&place, "b");
    assert_int_equal(chmod(b, 0644), 0);
    assert_int_equal(load(&place, false, &err), SMS365_BAD_OWNER);
    assert_int_equal(chmod(b, 0600), 0);
    assert_int_equal(chown(b, SCRATCH_STRANGER, 0), 0);
    assert_int_equal(load(&place, false, &err), SMS365_BAD_OWNER);
    assert_int_equal(unlink(b), 0);
    assert_int_equal(symlink("a.key", b), 0);
    assert_int_equal(load(&place, false, &err), SMS365_BAD_OWNER);
    assert_int_equal(unlink(b), 0);
    assert_int_equal(load(&place, false, &err), SMS365_OK);
    assert_int_equal(chmod(place.dir, 0770), 0);
    assert_int_equal(load(&place, false, &err), SMS365_BAD_OWNER);
    assert_int_equal(chmod(place.dir, 0700), 0);
    (void)scratch_write(scratch, "keys.d/no name.key", 0600, "");
    assert_int_equal(load(&place, false, &err), SMS365_CORRUPT);
    sms365_secret_free(&place.master);
}

static void other_files_in_the_store_do_not_count(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct sms365_error err = {0};

    (void)scratch_write(scratch, "keys.d/README", 0644, "text");
    (void)scratch_write(scratch, "keys.d/.a.key.swp", 0600, "text");
    (void)scratch_write(scratch, "keys.d/a.key~", 0600, "text");
    assert_int_equal(load(&place, false, &err), SMS365_NO_KEY);
    assert_contains(err.text, "sms365 key add");
    save_good(&place, "a");
    assert_int_equal(load(&place, false, &err), SMS365_OK);
    place.dir = scratch_path(scratch, "nowhere");
    assert_int_equal(load(&place, false, &err), SMS365_NOT_FOUND);
    assert_contains(err.text, "sms365 key init");
    sms365_secret_free(&place.master);
}

static void what_is_for_the_sandbox_works_nowhere_else(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct sms365_error err = {0};

    assert_int_equal(save(&place, "a", "https://sms.example/api", "any", "DEMO-KEY", false, &err), SMS365_BAD_CONFIG);
    assert_contains(err.text, "sandbox = yes");
    assert_int_not_equal(save(&place, "a", "http://127.0.0.1:1/api", "any", API_KEY, false, &err), SMS365_OK);
    assert_int_not_equal(save(&place, "a", "http://192.0.2.1/api", "any", API_KEY, true, &err), SMS365_OK);
    assert_int_equal(save(&place, "a", "https://sms.example/api", "any", "DEMO-KEY", true, &err), SMS365_OK);
    assert_int_equal(load(&place, true, &err), SMS365_OK);
    assert_int_equal(load(&place, false, &err), SMS365_BAD_CONFIG);
    assert_int_equal(sms365_key_remove(place.dir, "a", &err), SMS365_OK);
    assert_int_equal(save(&place, "a", "http://127.0.0.1:1/api", "any", API_KEY, true, &err), SMS365_OK);
    assert_int_equal(load(&place, true, &err), SMS365_OK);
    assert_int_equal(load(&place, false, &err), SMS365_BAD_CONFIG);
    assert_contains(err.text, "keys.d/a.key");
    sms365_secret_free(&place.master);
}

static void what_breaks_the_rules_is_not_saved(void **state)
{
    static const struct {
        const char *name, *url, *whitelist, *secret;
    } cases[] = {
        {"", "https://sms.example", "any", API_KEY},
        {"../a", "https://sms.example", "any", API_KEY},
        {"a.b", "https://sms.example", "any", API_KEY},
        {"-a", "https://sms.example", "any", API_KEY},
        {"a", "", "any", API_KEY},
        {"a", "sms.example", "any", API_KEY},
        {"a", "https://user@sms.example", "any", API_KEY},
        {"a", "https://sms.example/a b", "any", API_KEY},
        {"a", "https://sms.example", "", API_KEY},
        {"a", "https://sms.example", "any", ""},
        {"a", "https://sms.example", "any", "a key"},
        {"a", "https://sms.example", "any", "key\n"},
        {"a", "https://sms.example", "any", "\xce\xba"},
    };
    struct place place = place_make(*state);
    struct sms365_error err = {0};
    char longest[258];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (save(&place, cases[i].name, cases[i].url, cases[i].whitelist, cases[i].secret, false, &err) !=
            SMS365_BAD_ARGUMENT)
            fail_msg("case %zu: %s", i, err.text);
    memset(longest, 'k', sizeof longest);
    longest[257] = '\0';
    assert_int_equal(save(&place, "a", "https://sms.example", "any", longest, false, &err), SMS365_BAD_ARGUMENT);
    assert_int_equal(load(&place, false, &err), SMS365_NO_KEY);
    longest[256] = '\0';
    assert_int_equal(save(&place, "a", "https://sms.example", "any", longest, false, &err), SMS365_OK);
    assert_int_equal(load(&place, false, &err), SMS365_OK);
    sms365_secret_free(&place.master);
}

static void a_key_is_replaced_only_when_told_to(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};
    struct sms365_keys keys = {0};
    struct sms365_key key = key_make("a", "https://new.example/api", "any", "new");

    save_good(&place, "a");
    assert_int_equal(sms365_key_save(&key, place.dir, &place.master, false, false, &err), SMS365_EXISTS);
    assert_contains(err.text, "--replace");
    assert_int_equal(sms365_key_save(&key, place.dir, &place.master, false, true, &err), SMS365_OK);
    sms365_key_free(&key);
    assert_int_equal(sms365_keys_load(&keys, place.dir, &place.master, false, &err), SMS365_OK);
    assert_string_equal((const char *)keys.entries[0].secret.data, "new");
    sms365_keys_free(&keys);
    sms365_secret_free(&place.master);
}

static void there_is_room_for_16_keys(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};
    char name[8];

    for (int i = 0; i < SMS365_KEYS_MAX; i++) {
        (void)snprintf(name, sizeof name, "k%d", i);
        save_good(&place, name);
    }
    assert_int_equal(save(&place, "more", "https://sms.example", "any", API_KEY, false, &err), SMS365_FULL);
    assert_int_equal(load(&place, false, &err), SMS365_OK);
    sms365_secret_free(&place.master);
}

static void a_removed_key_is_gone(void **state)
{
    struct scratch *scratch = *state;
    struct place place = place_make(scratch);
    struct sms365_error err = {0};

    save_good(&place, "a");
    assert_int_equal(sms365_key_remove(place.dir, "../master", &err), SMS365_BAD_ARGUMENT);
    assert_int_equal(sms365_key_remove(place.dir, "b", &err), SMS365_NOT_FOUND);
    assert_int_equal(sms365_key_remove(place.dir, "a", &err), SMS365_OK);
    assert_int_equal(load(&place, false, &err), SMS365_NO_KEY);
    sms365_secret_free(&place.master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(the_master_key_is_made_once_and_only_when_asked),
        scratch_test(a_master_key_that_is_none_is_refused),
        scratch_test(of_all_keys_one_can_be_kept),
        scratch_test(keys_come_back_as_they_were_saved),
        scratch_test(a_file_never_holds_the_key_in_clear_and_seals_differ),
        scratch_test(every_altered_byte_is_refused),
        scratch_test(every_header_line_is_bound_to_the_key),
        scratch_test(a_file_cut_short_or_made_longer_is_refused),
        scratch_test(swapped_or_copied_files_are_refused),
        scratch_test(another_master_key_opens_nothing),
        scratch_test(one_bad_file_spoils_the_store),
        scratch_test(other_files_in_the_store_do_not_count),
        scratch_test(what_is_for_the_sandbox_works_nowhere_else),
        scratch_test(what_breaks_the_rules_is_not_saved),
        scratch_test(a_key_is_replaced_only_when_told_to),
        scratch_test(there_is_room_for_16_keys),
        scratch_test(a_removed_key_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
