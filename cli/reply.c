/* Replies of the provider, for people, spreadsheets and programs. What is in them is in the table of endpoints. */
#include "family.h"

#include <string.h>

static const char *text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *cli_field_word(const struct sms365_api_field *field, const char *text, char room[CLI_MOMENT_SIZE])
{
    static const struct {
        const char *letter, *word;
    } words[] = {{"s", "sent"}, {"d", "delivered"}, {"f", "failed"}};
    int64_t when_s;

    for (size_t i = 0; field->type == SMS365_TYPE_STATUS && i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i].letter) == 0)
            return words[i].word;
    if (field->type == SMS365_TYPE_TIME && sms365_str_number(text, 0, INT64_MAX, &when_s) && cli_moment(room, when_s))
        return room;
    return text;
}

/* Fields of the reply, or of an object in it. */
struct showing {
    const struct cli *cli;
    const struct sms365_api_field *fields; /* of the endpoint */
    size_t count;
    bool said; /* something was */
};

static void showing_begin(struct showing *showing, const struct cli *cli, const struct sms365_endpoint *endpoint)
{
    size_t left;

    *showing = (struct showing){.cli = cli, .fields = sms365_api_fields(&left)};
    for (; left > 0 && showing->fields->endpoint != endpoint->id; left--)
        showing->fields++;
    while (showing->count < left && showing->fields[showing->count].endpoint == endpoint->id)
        showing->count++;
}

static bool is_in(const struct sms365_api_field *field, const char *path)
{
    return strcmp(field->object == NULL ? "" : field->object, path) == 0;
}

static void scalars_show(struct showing *showing, const cJSON *object, const char *path)
{
    char room[CLI_MOMENT_SIZE];
    size_t width = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < showing->count; i++) {
            const struct sms365_api_field *field = &showing->fields[i];
            const char *text = is_in(field, path) ? text_of(member(object, field->name)) : NULL;
            if (text == NULL || field->item != NULL)
                continue;
            const size_t length = strlen(field->name);
            if (pass == 0)
                width = length > width ? length : width;
            else
                cli_say(showing->cli, "%s:%*s %s", field->name, (int)(width - length), "",
                    cli_field_word(field, text, room));
            showing->said = true;
        }
}

/* Ids alone say nothing that the rows beside them do not. */
static bool is_told_by_another(const struct showing *showing, const struct sms365_api_field *field, const cJSON *object)
{
    for (size_t i = 0; field->type == SMS365_TYPE_VALUES && i < showing->count; i++) {
        const cJSON *rows = member(object, showing->fields[i].name);
        if (showing->fields[i].type == SMS365_TYPE_LIST && showing->fields[i].object == NULL && rows != NULL &&
            rows->child != NULL)
            return true;
    }
    return false;
}

static void list_show(struct showing *showing, const struct sms365_api_field *field, const cJSON *object)
{
    const cJSON *rows = member(object, field->name);

    if (is_told_by_another(showing, field, object))
        return;
    if (rows != NULL && rows->child != NULL) {
        if (showing->said)
            cli_say(showing->cli, "%s", "");
        cli_table_show(showing->cli, field, rows);
        showing->said = true;
    } else if (field->type == SMS365_TYPE_LIST) {
        cli_say(showing->cli, "%s: none", field->name);
        showing->said = true;
    }
}

static void object_show(struct showing *showing, const cJSON *object, const char *path)
{
    char within[CLI_PATH_SIZE];

    scalars_show(showing, object, path);
    for (size_t i = 0; i < showing->count; i++) {
        const struct sms365_api_field *field = &showing->fields[i];
        const cJSON *found = is_in(field, path) ? member(object, field->name) : NULL;
        cli_field_path(within, field);
        if (found != NULL && field->type == SMS365_TYPE_OBJECT) {
            const cJSON *first = cJSON_IsArray(found) ? found->child : found;
            for (; first != NULL; first = cJSON_IsArray(found) ? first->next : NULL)
                object_show(showing, first, within);
        } else if (is_in(field, path) && field->item != NULL) {
            list_show(showing, field, object);
        }
    }
}

void cli_reply_show(const struct cli *cli, const struct sms365_endpoint *endpoint, const cJSON *reply)
{
    struct showing showing;

    showing_begin(&showing, cli, endpoint);
    object_show(&showing, reply, "");
    if (!showing.said)
        cli_say(cli, "Done.");
}

/* --- For spreadsheets --- */

/* The endpoint's list: the one of rows, where there are two. */
static const struct sms365_api_field *list_of(const struct showing *showing)
{
    const struct sms365_api_field *list = NULL;

    for (size_t i = 0; i < showing->count; i++)
        if (showing->fields[i].item != NULL && (list == NULL || list->type == SMS365_TYPE_VALUES))
            list = &showing->fields[i];
    return list;
}

/*
 * A spreadsheet takes what begins so for a formula, wherever the text came from: an apostrophe in front says that it is
 * a text. Numbers stay as they are.
 */
static void formulas_mark(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        const char *text = item->valuestring;
        if (text != NULL && *text != '\0' && strchr("=+-@", *text) != NULL && !cli_is_number(text)) {
            struct sms365_buf marked;
            sms365_buf_init(&marked, strlen(text) + 1);
            sms365_buf_printf(&marked, "'%s", text);
            (void)cJSON_SetValuestring(item, sms365_buf_text(&marked));
            sms365_buf_free(&marked);
        }
        formulas_mark(item->child);
    }
}

void cli_reply_csv(const struct cli *cli, const struct sms365_endpoint *endpoint, cJSON *reply)
{
    struct showing showing;

    showing_begin(&showing, cli, endpoint);
    const struct sms365_api_field *list = list_of(&showing);
    if (list == NULL)
        return;
    formulas_mark(reply->child);
    const cJSON *object = list->object == NULL ? reply : member(reply, list->object);
    cli_table_csv(cli, list, member(object, list->name));
}

/* --- For programs --- */

static void numbers_convert(const struct showing *showing, cJSON *object, const char *path);

/* What is in the field, as often as it is there. */
static void within_convert(const struct showing *showing, cJSON *found, const struct sms365_api_field *field)
{
    char within[CLI_PATH_SIZE];

    cli_field_path(within, field);
    if (cJSON_IsObject(found))
        numbers_convert(showing, found, within);
    for (cJSON *row = cJSON_IsArray(found) ? found->child : NULL; row != NULL; row = row->next)
        numbers_convert(showing, row, within);
}

static void numbers_convert(const struct showing *showing, cJSON *object, const char *path)
{
    for (size_t i = 0; i < showing->count; i++) {
        const struct sms365_api_field *field = &showing->fields[i];
        cJSON *found = is_in(field, path) ? cJSON_GetObjectItemCaseSensitive(object, field->name) : NULL;
        const char *text = text_of(found);
        if (found != NULL && (field->type == SMS365_TYPE_OBJECT || field->type == SMS365_TYPE_LIST))
            within_convert(showing, found, field);
        else if (text != NULL && field->type == SMS365_TYPE_NUMBER && cli_is_number(text))
            (void)cJSON_ReplaceItemInObjectCaseSensitive(object, field->name, cJSON_CreateRaw(text));
    }
}

void cli_reply_put(struct cli *cli, const struct sms365_endpoint *endpoint, cJSON *reply)
{
    static const char *const envelope[] = {"status", "error", "remarks"};
    struct showing showing;

    showing_begin(&showing, cli, endpoint);
    numbers_convert(&showing, reply, "");
    for (size_t i = 0; i < sizeof envelope / sizeof *envelope; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(reply, envelope[i]);
    while (reply->child != NULL) {
        cJSON *item = cJSON_DetachItemViaPointer(reply, reply->child);
        if (cJSON_HasObjectItem(cli->out, item->string))
            cJSON_Delete(item);
        else
            (void)cJSON_AddItemToObject(cli->out, item->string, item);
    }
}
