/* Giving up privileges: see listen.h. */
#include "base/err.h"
#include "listen.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What may be done to files, by the Landlock version that knows it; names that older headers lack are written out. */
#define WRITES_1                                                                                                       \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                  \
        LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                     \
        LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                  \
        LANDLOCK_ACCESS_FS_MAKE_SYM)
#define REFER_2 (1ULL << 13)
#define TRUNCATE_3 (1ULL << 14)
#define WRITES_IN_SPOOL (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)

enum sms365_err listen_account_find(struct listen_account *account, const char *name, struct sms365_error *err)
{
    const uid_t self = geteuid();

    errno = 0;
    const struct passwd *entry = name != NULL ? getpwnam(name) : getpwuid(self);
    if (entry == NULL && errno != 0 && errno != ENOENT)
        return sms365_error_set(
            err, SMS365_IO, "the user %s cannot be looked up: %s", name != NULL ? name : "(own)", strerror(errno));
    if (entry == NULL && name != NULL)
        return sms365_error_set(err, SMS365_NOT_FOUND,
            "there is no user %s; make one that can do nothing else: useradd --system --user-group --no-create-home "
            "--shell /usr/sbin/nologin %s",
            name, name);
    if (entry != NULL && self == 0 && (entry->pw_uid == 0 || entry->pw_gid == 0))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT,
            "%s has root's user or group id: name a user that can do nothing else", entry->pw_name);
    if (entry != NULL && self != 0 && entry->pw_uid != self)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "only root can become the user %s", name);
    account->uid = entry != NULL ? entry->pw_uid : self;
    account->gid = entry != NULL && self == 0 ? entry->pw_gid : getegid();
    if (!sms365_str_copy(account->name, sizeof account->name, entry != NULL ? entry->pw_name : "(without a name)"))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "the name of that user is too long");
    return SMS365_OK;
}

static bool become(const struct listen_account *account)
{
    return geteuid() != 0 ||
           (setgroups(1, &account->gid) == 0 && setresgid(account->gid, account->gid, account->gid) == 0 &&
               setresuid(account->uid, account->uid, account->uid) == 0);
}

static bool is_for_good(const struct listen_account *account)
{
    uid_t real_uid, uid, saved_uid;
    gid_t real_gid, gid, saved_gid;

    errno = EPERM; /* where a call that succeeds is the failure */
    return getresuid(&real_uid, &uid, &saved_uid) == 0 && getresgid(&real_gid, &gid, &saved_gid) == 0 &&
           real_uid == account->uid && uid == account->uid && saved_uid == account->uid && real_gid == account->gid &&
           gid == account->gid && saved_gid == account->gid && setuid(0) != 0;
}

/* Whoever started this may have given capabilities that outlive a change of the user id. */
static bool capabilities_drop(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || syscall(SYS_capset, &header, data) != 0 ||
        syscall(SYS_capget, &header, data) != 0)
        return false;
    errno = EPERM;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if ((data[i].effective | data[i].permitted | data[i].inheritable) != 0)
            return false;
    return true;
}

/* False when the kernel has no Landlock, or has it switched off. */
static bool wall_up(int spool)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr rules = {.handled_access_fs = WRITES_1 | LANDLOCK_ACCESS_FS_EXECUTE};
    const struct landlock_path_beneath_attr here = {.allowed_access = WRITES_IN_SPOOL, .parent_fd = spool};

    if (version < 1)
        return false;
    rules.handled_access_fs |= (version >= 2 ? REFER_2 : 0) | (version >= 3 ? TRUNCATE_3 : 0);
    const long set = syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (set < 0)
        return false;
    const bool good = syscall(SYS_landlock_add_rule, (int)set, LANDLOCK_RULE_PATH_BENEATH, &here, 0) == 0 &&
                      syscall(SYS_landlock_restrict_self, (int)set, 0) == 0;
    (void)close((int)set);
    return good;
}

enum sms365_err listen_confine(const struct listen_account *account, int spool, bool *walled, struct sms365_error *err)
{
    if (!become(account) || !capabilities_drop() || !is_for_good(account))
        return sms365_error_set(err, SMS365_DENIED, "privileges cannot be given up: %s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return sms365_error_set(err, SMS365_DENIED, "prctl: %s", strerror(errno));
    *walled = wall_up(spool);
    return SMS365_OK;
}
