/* A PAM module whose pam_sm_authenticate returns the number in /run/fixed-code. */
#include <security/pam_modules.h>
#include <stdio.h>
#include <string.h>

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    int code = PAM_SYSTEM_ERR;
    FILE *file = fopen("/run/fixed-code", "r");

    (void)pamh;
    (void)flags;
    (void)argc;
    (void)argv;
    if (file == NULL)
        return PAM_SYSTEM_ERR;
    if (fscanf(file, "%d", &code) != 1)
        code = PAM_SYSTEM_ERR;
    (void)fclose(file);
    return code;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh;
    (void)flags;
    (void)argc;
    (void)argv;
    return PAM_SUCCESS;
}
