/*
 * Putting a new API key in the place of one that the provider forgets at that moment. Beside NAME.key stands NAME.next
 * (0600) from before the new key is asked for until it is in its place:
 *
 *   whatever is no whole key file   the new key was asked for, and may or may not have been made
 *   a whole key file                the new key; it counts, and no longer NAME.key
 *
 * A new key is written over NAME.next, whose room on the disk was taken before, and then renamed: from the write on
 * every load of the key store finds it, and a process that is killed loses it only before.
 */
#ifndef SMS365_KEY_ROTATION_H
#define SMS365_KEY_ROTATION_H

#include "edges/keys.h"

#include <limits.h>

/* One at a time in a key store: begins with open, ends with close. */
struct sms365_rotation {
    int lock;
    bool found; /* an earlier one was cut short */
    const char *dir;
    char path[PATH_MAX], next[PATH_MAX]; /* of NAME.key and NAME.next */
};

/* Lock the key store and look. Errors: BUSY (held by another process for 10 s), those of sms365_file_lock(). */
enum sms365_err sms365_rotation_open(
    struct sms365_rotation *rotation, const char *dir, const char *name, struct sms365_error *err);
void sms365_rotation_close(struct sms365_rotation *rotation);

/* Note, durably, that a new key will be asked for, and take room for it; one that was found is kept. Errors: IO, FULL.
 */
enum sms365_err sms365_rotation_begin(struct sms365_rotation *rotation, struct sms365_error *err);

/* Keep the new key. Errors: those of sms365_key_check(), CRYPTO, NO_MEMORY, IO. */
enum sms365_err sms365_rotation_keep(struct sms365_rotation *rotation, const struct sms365_key *key,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err);

/* The kept key becomes NAME.key. Errors: IO. */
enum sms365_err sms365_rotation_finish(struct sms365_rotation *rotation, struct sms365_error *err);

/* NAME.key still counts: nothing of the rotation is left. Errors: IO. */
enum sms365_err sms365_rotation_cancel(struct sms365_rotation *rotation, struct sms365_error *err);

#endif
