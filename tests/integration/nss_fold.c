/*
 * A name service as directories and domains bring it: it knows every account of /etc/passwd whatever its spelling, in
 * capitals or not, with a domain in front (DOM\alice) or without, and answers with the name that stands there. While
 * the file TROUBLE is there, it is out of order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TROUBLE "/run/nss-trouble"

enum nss_status _nss_fold_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, int *error)
{
    const char *domain = strchr(name, '\\');
    const char *account = domain == NULL ? name : domain + 1;
    struct passwd *found = NULL;

    if (access(TROUBLE, F_OK) == 0) {
        *error = EAGAIN;
        return NSS_STATUS_TRYAGAIN;
    }
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL) {
        *error = errno;
        return NSS_STATUS_UNAVAIL;
    }
    int status = 0;
    while ((status = fgetpwent_r(file, entry, buffer, size, &found)) == 0 && strcasecmp(entry->pw_name, account) != 0)
        ;
    (void)fclose(file);
    *error = status;
    if (status == 0)
        return NSS_STATUS_SUCCESS;
    return status == ERANGE ? NSS_STATUS_TRYAGAIN : NSS_STATUS_NOTFOUND;
}
