#include "pure/groups.h"

#include "base/str.h"

#include <string.h>

bool sms365_groups_next(const char **text, char name[SMS365_GROUP_NAME_SIZE], bool *exempt)
{
    size_t length;
    const char *word = sms365_str_word(text, &length);

    if (word == NULL)
        return false;
    *exempt = word[0] == '!';
    word += *exempt;
    length -= *exempt;
    if (length >= SMS365_GROUP_NAME_SIZE)
        length = SMS365_GROUP_NAME_SIZE - 1;
    memcpy(name, word, length);
    name[length] = '\0';
    return true;
}

const char *sms365_groups_check(const char *text)
{
    char name[SMS365_GROUP_NAME_SIZE];
    bool exempt;

    while (sms365_groups_next(&text, name, &exempt)) {
        if (name[0] == '\0')
            return "has a ! without a group's name behind it";
        if (strlen(name) == SMS365_GROUP_NAME_SIZE - 1)
            return "has a name that is too long for a group";
        if (strpbrk(name, "!:") != NULL)
            return "must be names of groups, as in `wheel sudo` or `!backup`";
    }
    return NULL;
}
