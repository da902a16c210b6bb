/*
 * Lists of the provider, for people and for spreadsheets. Their columns are in the table of endpoints. In a row there
 * may be a list once more: the row then makes a line for each row of that.
 */
#include "family.h"

#include "pure/csv.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define COLUMNS_MAX 32
#define LINE_BYTES_MAX (1 << 20)
#define CODE_POINT_BYTES 4

struct column {
    const struct sms365_api_field *field;
    bool inner; /* of the list in the row */
    size_t width;
};

struct table {
    const struct sms365_api_field *list;
    const struct sms365_api_field *inner; /* NULL: rows have none */
    struct column columns[COLUMNS_MAX];
    size_t count;
};

/* A line of the table: a row, or a row with one of the rows within it. */
struct line {
    const cJSON *row;
    const cJSON *inner;
    bool again; /* the row was shown before */
};

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* --- Text on a terminal --- */

/* Columns that clean text takes on a terminal. */
static size_t text_width(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0;
    size_t left = strlen(text);

    while (left > 0) {
        wchar_t character;
        const size_t length = mbrtowc(&character, text, left, &state);
        if (length == 0 || length > CODE_POINT_BYTES)
            return width + left;
        const int columns = wcwidth(character);
        width += columns > 0 ? (size_t)columns : 0;
        text += length;
        left -= length;
    }
    return width;
}

/* Widths are those of UTF-8, whatever the environment says; without it, a byte is a column. It is loaded once: a list
 * of users asks for it with each of them. */
static void utf8_begin(void)
{
    static locale_t utf8;

    if (utf8 == (locale_t)0)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8 != (locale_t)0)
        (void)uselocale(utf8);
}

static void utf8_end(void)
{
    (void)uselocale(LC_GLOBAL_LOCALE);
}

size_t cli_text_width(const char *text)
{
    utf8_begin();
    const size_t width = text_width(text);

    utf8_end();
    return width;
}

static void pad(struct sms365_buf *text, size_t width)
{
    sms365_buf_printf(text, "%*s", (int)width, "");
}

/* --- Tables --- */

void cli_field_path(char path[CLI_PATH_SIZE], const struct sms365_api_field *field)
{
    (void)snprintf(path, CLI_PATH_SIZE, "%s%s%s", field->object == NULL ? "" : field->object,
        field->object == NULL ? "" : ".", field->name);
}

static bool is_within(const struct sms365_api_field *field, const struct sms365_api_field *of)
{
    char path[CLI_PATH_SIZE];

    cli_field_path(path, of);
    return field->endpoint == of->endpoint && field->object != NULL && strcmp(field->object, path) == 0;
}

static void columns_add(struct table *table, const struct sms365_api_field *of, bool inner)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    for (size_t i = 0; i < count && table->count < COLUMNS_MAX; i++) {
        if (!is_within(&fields[i], of))
            continue;
        if (fields[i].item != NULL && !inner)
            table->inner = &fields[i];
        else if (fields[i].item == NULL)
            table->columns[table->count++] = (struct column){&fields[i], inner, 0};
    }
}

/* The columns of a list; of one of texts, its name. */
static void table_make(struct table *table, const struct sms365_api_field *list)
{
    *table = (struct table){.list = list};
    columns_add(table, list, false);
    if (table->inner != NULL)
        columns_add(table, table->inner, true);
    if (list->type == SMS365_TYPE_VALUES)
        table->columns[table->count++] = (struct column){list, false, 0};
}

static const char *cell(const struct line *line, const struct column *column)
{
    const cJSON *row = column->inner ? line->inner : line->row;

    const cJSON *item = column->field->type == SMS365_TYPE_VALUES ? row : member(row, column->field->name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

typedef void line_visit(void *context, struct table *table, const struct line *line);

static void lines_visit(struct table *table, const cJSON *rows, line_visit *visit, void *context)
{
    const cJSON *row, *inner;

    cJSON_ArrayForEach(row, rows)
    {
        struct line line = {row, NULL, false};
        const cJSON *within = table->inner == NULL ? NULL : member(row, table->inner->name);
        if (within == NULL || within->child == NULL)
            visit(context, table, &line);
        cJSON_ArrayForEach(inner, within)
        {
            line.inner = inner;
            visit(context, table, &line);
            line.again = true;
        }
    }
}

static const char *shown(const struct line *line, const struct column *column, char room[CLI_MOMENT_SIZE])
{
    const char *text = line->again && !column->inner ? NULL : cell(line, column);

    return text == NULL ? "" : cli_field_word(column->field, text, room);
}

static void line_measure(void *context, struct table *table, const struct line *line)
{
    char room[CLI_MOMENT_SIZE];

    (void)context;
    for (size_t i = 0; i < table->count; i++) {
        const size_t width = text_width(shown(line, &table->columns[i], room));
        if (width > table->columns[i].width)
            table->columns[i].width = width;
    }
}

static void cell_put(struct sms365_buf *text, const struct column *column, const char *value, bool first)
{
    const size_t width = text_width(value);
    const size_t missing = column->width > width ? column->width - width : 0;
    const bool right = column->field->type == SMS365_TYPE_NUMBER;

    sms365_buf_puts(text, first ? "" : "  ");
    pad(text, right ? missing : 0);
    sms365_buf_puts(text, value);
    pad(text, right ? 0 : missing);
}

/* No blanks at the end. */
static void line_print(const struct cli *cli, struct sms365_buf *text)
{
    while (text->length > 0 && text->data[text->length - 1] == ' ')
        text->data[--text->length] = '\0';
    sms365_buf_puts(text, "\n");
    cli_print(cli, sms365_buf_text(text));
}

/* line NULL: the names of the columns. */
static void line_tell(const struct cli *cli, const struct table *table, const struct line *line)
{
    char room[CLI_MOMENT_SIZE];
    struct sms365_buf text;
    bool first = true;

    sms365_buf_init(&text, LINE_BYTES_MAX);
    for (size_t i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        if (column->width == 0)
            continue;
        cell_put(&text, column, line == NULL ? column->field->name : shown(line, column, room), first);
        first = false;
    }
    line_print(cli, &text);
    sms365_buf_free(&text);
}

static void line_show(void *context, struct table *table, const struct line *line)
{
    line_tell(context, table, line);
}

void cli_table_show(const struct cli *cli, const struct sms365_api_field *list, const cJSON *rows)
{
    struct table table;

    utf8_begin();
    table_make(&table, list);
    lines_visit(&table, rows, line_measure, NULL);
    for (size_t i = 0; i < table.count; i++) {
        const size_t width = strlen(table.columns[i].field->name);
        if (table.columns[i].width > 0 && table.columns[i].width < width)
            table.columns[i].width = width;
    }
    line_tell(cli, &table, NULL);
    lines_visit(&table, rows, line_show, (void *)cli);
    utf8_end();
}

/* --- For spreadsheets --- */

/* The names of the columns; those of the list within are told apart by its name. */
static void csv_names(const struct cli *cli, const struct table *table)
{
    const char *fields[COLUMNS_MAX];
    char names[COLUMNS_MAX][CLI_PATH_SIZE];
    struct sms365_buf text;

    for (size_t i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        (void)snprintf(names[i], sizeof names[i], "%s%s%s", column->inner ? table->inner->name : "",
            column->inner ? "." : "", column->field->name);
        fields[i] = names[i];
    }
    sms365_buf_init(&text, LINE_BYTES_MAX);
    sms365_csv_write(&text, fields, table->count);
    cli_print(cli, sms365_buf_text(&text));
    sms365_buf_free(&text);
}

static void csv_line(void *context, struct table *table, const struct line *line)
{
    const char *fields[COLUMNS_MAX];
    struct sms365_buf text;

    for (size_t i = 0; i < table->count; i++) {
        const char *value = cell(line, &table->columns[i]);
        fields[i] = value == NULL ? "" : value;
    }
    sms365_buf_init(&text, LINE_BYTES_MAX);
    sms365_csv_write(&text, fields, table->count);
    cli_print(context, sms365_buf_text(&text));
    sms365_buf_free(&text);
}

void cli_table_csv(const struct cli *cli, const struct sms365_api_field *list, const cJSON *rows)
{
    struct table table;

    table_make(&table, list);
    csv_names(cli, &table);
    lines_visit(&table, rows, csv_line, (void *)cli);
}
