#include "pure/template.h"

#include <stdio.h>
#include <string.h>

#define WHY_SIZE (SMS365_TEMPLATE_NAME_SIZE + 64)

struct renderer {
    struct sms365_buf *out;
    sms365_template_value *value;
    void *context;
    char *why;
    char open[SMS365_TEMPLATE_DEPTH][SMS365_TEMPLATE_NAME_SIZE]; /* sections that have begun */
    size_t depth;
    size_t hidden; /* depth of the outermost section that is left out, 0 for none */
};

void sms365_html_add(struct sms365_buf *out, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    while (*text != '\0') {
        const size_t plain = strcspn(text, special);
        sms365_buf_add(out, text, plain);
        text += plain;
        if (*text != '\0')
            sms365_buf_puts(out, references[strchr(special, *text++) - special]);
    }
}

static bool wrong(struct renderer *renderer, const char *what, const char *name)
{
    (void)snprintf(renderer->why, WHY_SIZE, "%s%s%s%s", what, name == NULL ? "" : " {{", name == NULL ? "" : name,
        name == NULL ? "" : "}}");
    return false;
}

static bool section_begin(struct renderer *renderer, const char *name, bool shown)
{
    if (renderer->depth == SMS365_TEMPLATE_DEPTH)
        return wrong(renderer, "too many sections in each other at", name);
    (void)sms365_str_copy(renderer->open[renderer->depth++], SMS365_TEMPLATE_NAME_SIZE, name);
    if (renderer->hidden == 0 && !shown)
        renderer->hidden = renderer->depth;
    return true;
}

static bool section_end(struct renderer *renderer, const char *name)
{
    if (renderer->depth == 0 || strcmp(renderer->open[renderer->depth - 1], name) != 0)
        return wrong(renderer, "nothing that is open here is ended by /", name);
    if (renderer->hidden == renderer->depth)
        renderer->hidden = 0;
    renderer->depth--;
    return true;
}

/* What stands between two pairs of braces. */
static bool tag_render(struct renderer *renderer, const char *text, size_t length)
{
    char name[SMS365_TEMPLATE_NAME_SIZE];
    const char kind = length > 0 && strchr("?!/", text[0]) != NULL ? text[0] : '\0';
    const size_t skip = kind != '\0';

    if (length - skip == 0 || length - skip >= sizeof name || memchr(text, '\0', length) != NULL)
        return wrong(renderer, "there is no name, or a very long one, in {{ }}", NULL);
    memcpy(name, text + skip, length - skip);
    name[length - skip] = '\0';
    if (kind == '/')
        return section_end(renderer, name);
    const char *value = renderer->value(renderer->context, name);
    if (value == NULL)
        return wrong(renderer, "there is no", name);
    if (kind != '\0')
        return section_begin(renderer, name, (kind == '?') == (value[0] != '\0'));
    if (renderer->hidden == 0)
        sms365_html_add(renderer->out, value);
    return true;
}

static const char *find(const char *text, size_t length, const char *pair)
{
    for (size_t i = 0; i + 1 < length; i++)
        if (text[i] == pair[0] && text[i + 1] == pair[1])
            return text + i;
    return NULL;
}

bool sms365_template_render(struct sms365_buf *out, const char *text, size_t length, sms365_template_value *value,
    void *context, char why[SMS365_TEMPLATE_NAME_SIZE + 64], int *line)
{
    struct renderer renderer = {.out = out, .value = value, .context = context, .why = why};
    const char *const end = text + length;
    const char *const start = text;
    bool good = true;

    while (good && text < end) {
        const char *tag = find(text, (size_t)(end - text), "{{");
        const char *stop = tag == NULL ? end : tag;
        if (renderer.hidden == 0)
            sms365_buf_add(out, text, (size_t)(stop - text));
        text = stop;
        if (tag == NULL)
            break;
        const char *close = find(tag + 2, (size_t)(end - tag - 2), "}}");
        if (close == NULL) {
            good = wrong(&renderer, "{{ is not closed", NULL);
            break;
        }
        good = tag_render(&renderer, tag + 2, (size_t)(close - tag - 2));
        if (good)
            text = close + 2;
    }
    if (good && renderer.depth > 0)
        good = wrong(&renderer, "not ended at the end of the file:", renderer.open[renderer.depth - 1]);
    if (good && out->failed)
        good = wrong(&renderer, "the page becomes too long", NULL);
    *line = 1;
    for (const char *c = start; c < text; c++)
        *line += *c == '\n';
    return good;
}
