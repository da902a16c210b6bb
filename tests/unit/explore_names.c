/* Words for traces. */
#include "explore.h"

#include <stdio.h>

static const char *const actions[] = {"GET", "CAS", "SUM", "CALL", "TELL", "ASK", "WAIT", "LOG", "DONE"};

static const char *const choices[] = {
    [CHOICE_NONE] = "nothing",
    [WRONG_KIND] = "an event of another kind",
    [CLOCK_BACK] = "the boot clock goes back",
    [OTHER_BOOT] = "another boot",
    [GET_OK] = "read",
    [GET_ERR] = "error",
    [GET_NOTHING] = "no record",
    [GET_CUT] = "a record cut short",
    [GET_ALTERED] = "an altered record",
    [GET_LONGER] = "a record with a byte too many",
    [CAS_OK] = "written, or lost to another process",
    [CAS_CONFLICT] = "lost to a stranger",
    [CAS_ERR] = "error, not written",
    [CAS_ERR_WRITTEN] = "error, yet written",
    [SEND_OK] = "sent, delivery",
    [SEND_BAD_ID] = "reply with a bad authId",
    [SEND_REFUSED] = "send refused",
    [SEND_ERR] = "send error",
    [CHECK_TRUE] = "the provider's verdict",
    [CHECK_ODD] = "an odd verdict",
    [CHECK_REFUSED] = "check refused",
    [CHECK_ERR] = "check error",
    [SUM_OK] = "summed",
    [SUM_ERR] = "error",
    [STATUS_OK] = "status",
    [STATUS_ERR] = "status error",
    [HLR_SAME] = "the same network",
    [HLR_CHANGED] = "another network",
    [HLR_ODD] = "an odd look",
    [HLR_ERR] = "look error",
    [ANSWER] = "answer",
    [REPORT] = "report",
    [CARRY_ON] = "on",
};

static const char *const answer_names[ANSWER_COUNT] = {"right", "right with blanks", "wrong", "another message's", "r",
    " R", "o", " O", "none", "empty", "blanks", "three digits", "five digits", "a sign", "digits apart", "wide digits",
    "a password", "100 kB", "b", "a backup code", "a used backup code", "a wrong backup code"};

static const char *const report_names[REPORT_COUNT] = {"none", "delivered", "failed", "delivered (2)", "pending",
    "another message's", "forged", "empty", "too long", "with a NUL"};

static const char *const clock_names[] = {"1 ms goes by", "the cool-down but 1 ms goes by",
    "a code's life but 1 ms goes by", "an hour but 1 ms goes by", "a day but 1 ms goes by"};
static const char *const reboot_names[] = {
    "reboot", "reboot, off for a code's life", "reboot, and the wall clock goes back a day"};

void move_describe(char *out, size_t size, struct move move, enum sms365_action_kind kind)
{
    const char *extra = "";
    char number[16] = "";

    switch ((enum move_kind)move.kind) {
    case MOVE_CLOCK:
        (void)snprintf(out, size, "%s", clock_names[move.choice]);
        return;
    case MOVE_REBOOT:
        (void)snprintf(out, size, "%s", reboot_names[move.choice]);
        return;
    case MOVE_LOGIN:
        (void)snprintf(out, size, "login: %s", subjects[move.choice].name);
        return;
    case MOVE_CRASH:
        (void)snprintf(
            out, size, "process %d crashes at %s%s", move.proc, actions[kind], move.choice != 0 ? ", written" : "");
        return;
    case MOVE_STEP:
        break;
    }
    if (move.choice == ANSWER)
        extra = answer_names[move.arg];
    else if (move.choice == REPORT)
        extra = report_names[move.arg];
    else
        (void)snprintf(number, sizeof number, "%d", move.arg);
    (void)snprintf(out, size, "process %d: %s: %s %s%s", move.proc, actions[kind], choices[move.choice], extra, number);
}
