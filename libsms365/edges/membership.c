#include "edges/membership.h"

#include "edges/file_safe.h"
#include "pure/groups.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define SWITCH "/etc/nsswitch.conf"
#define SWITCH_MAX 65536

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

/* Is this a source of groups that is there whenever the machine is? */
static bool is_local(const char *source, size_t length)
{
    static const char *const local[] = {"files", "systemd", "db"};

    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strlen(local[i]) == length && memcmp(source, local[i], length) == 0)
            return true;
    return false;
}

/* What the C library takes for blanks within a line. */
#define BLANKS " \t\r\v\f"

/* A line's sources, without what stands in brackets: what to do when one of them does not answer. */
static bool sources_are_local(const char *line)
{
    for (line += strspn(line, BLANKS); *line != '\0' && *line != '\n' && *line != '#'; line += strspn(line, BLANKS)) {
        const size_t length = *line == '[' ? strcspn(line, "]\n") : strcspn(line, BLANKS "\n#[");
        if (*line != '[' && !is_local(line, length))
            return false;
        line += length + (line[length] == ']');
    }
    return true;
}

/* Do all groups come from this machine? No where that cannot be told. */
static bool groups_are_local(void)
{
    struct sms365_buf text;
    struct sms365_error err;
    const enum sms365_err code = sms365_file_read(&text, SWITCH, SMS365_FILE_PUBLIC, SWITCH_MAX, &err);
    bool local = code == SMS365_OK || code == SMS365_NOT_FOUND; /* without the file, files are the source */

    for (const char *line = sms365_buf_text(&text); local && *line != '\0';) {
        line += strspn(line, BLANKS);
        const size_t name = strcspn(line, BLANKS ":\n");
        const char *sources = line + name + strspn(line + name, BLANKS ":"); /* the C library asks for no colon */
        if ((name == strlen("group") && sms365_str_starts(line, "group")) ||
            (name == strlen("initgroups") && sms365_str_starts(line, "initgroups")))
            local = sources_are_local(sources);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    sms365_buf_free(&text);
    return local;
}

/* In none of the groups that need a code, as far as could be seen: was all of it seen? */
static bool is_surely_in_none(const char *user, const struct sms365_log *log)
{
    const bool sure = groups_are_local();

    if (!sure)
        sms365_log_line(log, LOG_NOTICE,
            "a code is needed: that %s is in none of the groups cannot be told, since " SWITCH
            " has groups come from elsewhere, too, or cannot be read. Exempt members of a group with !NAME instead",
            user);
    return sure;
}

bool sms365_group_exempt(const char *groups, const char *user, const struct sms365_log *log)
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
    return certain && (exempted || (listed && !needed && is_surely_in_none(user, log)));
}
