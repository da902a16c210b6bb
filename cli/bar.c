#include "bar.h"

#include "edges/monotonic.h"

#include <stdio.h>
#include <unistd.h>

#define WIDTH 30
#define REDRAW_MS 100
#define SETTLED_MS 2000 /* from when on a rate says something */

void cli_bar_begin(struct cli_bar *bar, const struct cli *cli, const char *what, size_t total)
{
    *bar = (struct cli_bar){.cli = cli, .what = what, .total = total, .start_ms = sms365_monotonic_ms()};
    bar->terminal = isatty(STDERR_FILENO) == 1;
}

void cli_bar_clear(struct cli_bar *bar)
{
    if (bar->drawn)
        (void)fputs("\r\033[K", stderr);
    bar->drawn = false;
}

static void draw(struct cli_bar *bar, int64_t now_ms)
{
    const int filled = (int)(bar->done * WIDTH / bar->total);
    const int64_t spent_ms = now_ms - bar->start_ms;
    char left[48] = "";

    if (spent_ms >= SETTLED_MS && bar->done > 0)
        (void)snprintf(left, sizeof left, ", %lld s left",
            (long long)(spent_ms * (int64_t)(bar->total - bar->done) / (int64_t)bar->done / 1000));
    (void)fprintf(stderr, "\r[%.*s%*s] %zu of %zu %s%s\033[K", filled, "##############################", WIDTH - filled,
        "", bar->done, bar->total, bar->what, left);
    (void)fflush(stderr);
    bar->drawn = true;
    bar->shown_ms = now_ms;
}

void cli_bar_step(struct cli_bar *bar, size_t more)
{
    bar->done += more;
    if (bar->done > bar->total)
        bar->total = bar->done;
    if (bar->cli->json || more == 0)
        return;
    const size_t tenths = bar->done * 10 / bar->total;
    if (bar->terminal) {
        const int64_t now_ms = sms365_monotonic_ms();
        if (now_ms - bar->shown_ms >= REDRAW_MS || bar->done == bar->total)
            draw(bar, now_ms);
    } else if (tenths > bar->tenths) {
        (void)fprintf(stderr, "sms365: %zu of %zu %s\n", bar->done, bar->total, bar->what);
    }
    bar->tenths = tenths;
}
