#include "edges/membership.h"

#include "pure/groups.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOKUP_MAX 1048576 /* bytes of one entry: a group's holds all its members */
#define GROUPS_MAX 65536   /* of one user (NGROUPS_MAX) */

struct membership {
    gid_t *gids;
    int count;
};

/* The groups of a user; count is 0 when they cannot be told. */
static struct membership find_groups(const char *user)
{
    struct membership found = {NULL, 64};
    struct passwd entry;
    struct passwd *result = NULL;
    char buffer[16384];

    if (getpwnam_r(user, &entry, buffer, sizeof buffer, &result) != 0 || result == NULL)
        return (struct membership){NULL, 0};
    for (;;) {
        const int room = found.count;
        gid_t *more = room > GROUPS_MAX ? NULL : realloc(found.gids, (size_t)room * sizeof *more);
        if (more == NULL)
            break;
        found.gids = more;
        if (getgrouplist(user, entry.pw_gid, found.gids, &found.count) >= 0)
            return found;
        if (found.count <= room)
            found.count = 2 * room;
    }
    free(found.gids);
    return (struct membership){NULL, 0};
}

static bool find_gid(const char *name, gid_t *gid)
{
    struct group entry;
    struct group *result = NULL;
    char *buffer = NULL;
    int failed = ERANGE;

    for (size_t size = 4096; failed == ERANGE && size <= LOOKUP_MAX; size *= 4) {
        char *more = realloc(buffer, size);
        if (more == NULL)
            break;
        buffer = more;
        failed = getgrnam_r(name, &entry, buffer, size, &result);
    }
    const bool found = failed == 0 && result != NULL;
    if (found)
        *gid = entry.gr_gid;
    free(buffer);
    return found;
}

static bool is_member(const struct membership *membership, gid_t gid)
{
    for (int i = 0; i < membership->count; i++)
        if (membership->gids[i] == gid)
            return true;
    return false;
}

bool sms365_group_exempt(const char *groups, const char *user)
{
    char name[SMS365_GROUP_NAME_SIZE];
    bool exempting;
    bool listed = false;   /* some groups are listed as needing a code */
    bool needed = false;   /* the user is in one of them */
    bool exempted = false; /* the user is in one that is exempt */
    bool certain = true;

    if (groups[0] == '\0')
        return false;
    const struct membership membership = find_groups(user);
    certain = membership.count > 0;
    while (certain && sms365_groups_next(&groups, name, &exempting)) {
        gid_t gid;
        certain = find_gid(name, &gid);
        const bool member = certain && is_member(&membership, gid);
        listed = listed || !exempting;
        needed = needed || (member && !exempting);
        exempted = exempted || (member && exempting);
    }
    free(membership.gids);
    return certain && (exempted || (listed && !needed));
}
