#include "edges/key_rotation.h"

#include "base/str.h"
#include "scratch.h"

#define OLD "the-old-API-key"
#define NEW "the-new-API-key"

/* A key store with one key, and a rotation of it that has begun. */
struct place {
    struct sms365_secret master;
    const char *dir;
    struct sms365_key key;
    struct sms365_rotation rotation;
};

static struct place place_make(struct scratch *scratch)
{
    struct place place = {.dir = scratch_path(scratch, "keys.d"),
        .key = {.name = "main", .urls = {"https://sms.example/api"}, .url_count = 1}};
    const char *path = scratch_path(scratch, "master.key");
    struct sms365_error err = {0};

    assert_int_equal(mkdir(place.dir, 0700), 0);
    assert_int_equal(sms365_master_create(path, &err), SMS365_OK);
    assert_int_equal(sms365_master_load(&place.master, path, &err), SMS365_OK);
    assert_true(sms365_cidr_list_parse(&place.key.whitelist, "any", NULL));
    assert_true(sms365_secret_set(&place.key.secret, OLD, strlen(OLD)));
    assert_int_equal(sms365_key_save(&place.key, place.dir, &place.master, false, false, &err), SMS365_OK);
    assert_int_equal(sms365_rotation_open(&place.rotation, place.dir, "main", &err), SMS365_OK);
    assert_false(place.rotation.found);
    assert_int_equal(sms365_rotation_begin(&place.rotation, &err), SMS365_OK);
    return place;
}

static void place_free(struct place *place)
{
    sms365_rotation_close(&place->rotation);
    sms365_secret_free(&place->master);
    sms365_key_free(&place->key);
}

static void keep(struct place *place)
{
    struct sms365_error err = {0};

    assert_true(sms365_secret_set(&place->key.secret, NEW, strlen(NEW)));
    assert_int_equal(sms365_rotation_keep(&place->rotation, &place->key, &place->master, false, &err), SMS365_OK);
}

/* Every program that loads the key store gets this key. */
static void expect(const struct place *place, const char *secret)
{
    struct sms365_keys keys = {0};
    struct sms365_error err = {0};

    assert_int_equal(sms365_keys_load(&keys, place->dir, &place->master, false, &err), SMS365_OK);
    assert_int_equal(keys.count, 1);
    assert_string_equal((const char *)keys.entries[0].secret.data, secret);
    sms365_keys_free(&keys);
}

static void a_note_changes_nothing_and_a_kept_key_counts_at_once(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};

    expect(&place, OLD);
    keep(&place);
    expect(&place, NEW);
    assert_int_equal(sms365_rotation_finish(&place.rotation, &err), SMS365_OK);
    expect(&place, NEW);
    assert_int_equal(access(place.rotation.next, F_OK), -1);
    place_free(&place);
}

static void a_rotation_that_was_cut_short_is_found(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};

    sms365_rotation_close(&place.rotation);
    assert_int_equal(sms365_rotation_open(&place.rotation, place.dir, "main", &err), SMS365_OK);
    assert_true(place.rotation.found);
    keep(&place);
    assert_int_equal(sms365_rotation_cancel(&place.rotation, &err), SMS365_OK);
    assert_false(place.rotation.found);
    expect(&place, OLD);
    place_free(&place);
}

static void of_a_new_key_that_was_torn_the_old_one_counts(void **state)
{
    struct place place = place_make(*state);
    char content[8192];

    keep(&place);
    FILE *file = fopen(place.rotation.next, "r+e");
    assert_non_null(file);
    assert_int_equal(fread(content, 1, sizeof content, file), sizeof content);
    for (size_t cut = 0; cut < strlen(content); cut++) {
        rewind(file);
        assert_int_equal(fwrite(content, 1, cut, file), cut);
        for (size_t i = cut; i < sizeof content; i++)
            assert_int_equal(fputc('\0', file), '\0');
        assert_int_equal(fflush(file), 0);
        expect(&place, OLD);
    }
    assert_int_equal(fclose(file), 0);
    place_free(&place);
}

static void a_key_that_cannot_be_one_is_not_kept(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};

    assert_true(sms365_secret_set(&place.key.secret, "two words", strlen("two words")));
    assert_int_equal(
        sms365_rotation_keep(&place.rotation, &place.key, &place.master, false, &err), SMS365_BAD_ARGUMENT);
    expect(&place, OLD);
    place_free(&place);
}

static void what_is_saved_or_removed_by_hand_ends_a_rotation(void **state)
{
    struct place place = place_make(*state);
    struct sms365_error err = {0};

    keep(&place);
    sms365_rotation_close(&place.rotation);
    assert_true(sms365_secret_set(&place.key.secret, "by-hand", strlen("by-hand")));
    assert_int_equal(sms365_key_save(&place.key, place.dir, &place.master, false, true, &err), SMS365_OK);
    expect(&place, "by-hand");
    assert_int_equal(sms365_key_remove(place.dir, "main", &err), SMS365_OK);
    assert_int_equal(sms365_key_save(&place.key, place.dir, &place.master, false, false, &err), SMS365_OK);
    expect(&place, "by-hand");
    place_free(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_note_changes_nothing_and_a_kept_key_counts_at_once),
        scratch_test(a_rotation_that_was_cut_short_is_found),
        scratch_test(of_a_new_key_that_was_torn_the_old_one_counts),
        scratch_test(a_key_that_cannot_be_one_is_not_kept),
        scratch_test(what_is_saved_or_removed_by_hand_ends_a_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
