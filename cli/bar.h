/* How far a long command is: a bar on a terminal, a line at each tenth elsewhere, nothing with --json. */
#ifndef SMS365_CLI_BAR_H
#define SMS365_CLI_BAR_H

#include "cli.h"

struct cli_bar {
    const struct cli *cli;
    const char *what; /* "numbers checked" */
    size_t total, done;
    size_t tenths; /* that were told */
    int64_t start_ms, shown_ms;
    bool terminal;
    bool drawn; /* the cursor stands behind it */
};

void cli_bar_begin(struct cli_bar *bar, const struct cli *cli, const char *what, size_t total);
void cli_bar_step(struct cli_bar *bar, size_t more);
/* Take it off the terminal: a line is to be written. The next step draws it again. */
void cli_bar_clear(struct cli_bar *bar);

#endif
