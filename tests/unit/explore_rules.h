/* The rules, and what they are made of. Part of explore.h. */
#ifndef EXPLORE_RULES_H
#define EXPLORE_RULES_H

#define RULES                                                                                                          \
    RULE(starts_with_deny)                                                                                             \
    RULE(allow_needs_an_accepted_code)                                                                                 \
    RULE(allow_needs_the_slot_consumed)                                                                                \
    RULE(allow_needs_a_proved_known_enrolled_subject)                                                                  \
    RULE(one_allow_per_message)                                                                                        \
    RULE(message_needs_a_proved_known_enrolled_subject)                                                                \
    RULE(message_goes_to_the_own_number)                                                                               \
    RULE(message_is_charged_first)                                                                                     \
    RULE(charges_cover_messages)                                                                                       \
    RULE(messages_per_hour)                                                                                            \
    RULE(message_has_a_cause)                                                                                          \
    RULE(wrong_code_sends_nothing)                                                                                     \
    RULE(resend_waits)                                                                                                 \
    RULE(message_can_be_answered)                                                                                      \
    RULE(message_is_written_once)                                                                                      \
    RULE(message_is_as_configured)                                                                                     \
    RULE(check_is_charged_first)                                                                                       \
    RULE(tries_per_message)                                                                                            \
    RULE(check_only_by_the_holder)                                                                                     \
    RULE(check_only_the_newest)                                                                                        \
    RULE(check_only_in_life)                                                                                           \
    RULE(check_uses_the_key_of_the_send)                                                                               \
    RULE(failed_tries_are_limited)                                                                                     \
    RULE(lockout_waits)                                                                                                \
    RULE(check_only_what_was_typed)                                                                                    \
    RULE(answers_stay_secret)                                                                                          \
    RULE(numbers_are_masked)                                                                                           \
    RULE(texts_are_clean)                                                                                              \
    RULE(audit_line_is_well_formed)                                                                                    \
    RULE(unexpected_event_denies)                                                                                      \
    RULE(clock_going_back_denies)                                                                                      \
    RULE(store_failure_denies)                                                                                         \
    RULE(answer_that_is_no_code_denies)                                                                                \
    RULE(only_an_exact_ok_is_accepted)                                                                                 \
    RULE(failed_send_opens_nothing)                                                                                    \
    RULE(settled_is_final)                                                                                             \
    RULE(done_is_final)                                                                                                \
    RULE(five_questions)                                                                                               \
    RULE(it_ends)                                                                                                      \
    RULE(conflicts_are_bounded)                                                                                        \
    RULE(strangers_learn_nothing)                                                                                      \
    RULE(strangers_are_counted)                                                                                        \
    RULE(only_own_records)                                                                                             \
    RULE(only_own_report_counts)                                                                                       \
    RULE(outcome_is_true)                                                                                              \
    RULE(every_ledger_is_charged_first)                                                                                \
    RULE(charge_comes_back_only_if_not_sent)                                                                           \
    RULE(ledgers_cover_messages)                                                                                       \
    RULE(caps_hold)                                                                                                    \
    RULE(share_is_the_place_s)                                                                                         \
    RULE(no_balance_pauses)                                                                                            \
    RULE(costs_are_counted)                                                                                            \
    RULE(bypass_only_as_configured)                                                                                    \
    RULE(bypass_leaves_no_trace)                                                                                       \
    RULE(grace_ends)                                                                                                   \
    RULE(backup_code_is_charged_first)                                                                                 \
    RULE(backup_code_is_used_once)                                                                                     \
    RULE(backup_budget_holds)                                                                                          \
    RULE(backup_code_unlocks)                                                                                          \
    RULE(backup_code_refills_nothing)                                                                                  \
    RULE(code_stands_only_in_the_message)                                                                              \
    RULE(fallback_takes_an_untried_way)                                                                                \
    RULE(country_is_allowed)                                                                                           \
    RULE(sim_is_looked_at)                                                                                             \
    RULE(changed_sim_denies)                                                                                           \
    RULE(changed_sim_is_refused)

enum rule {
#define RULE(name) RULE_##name,
    RULES
#undef RULE
        RULE_COUNT
};

/* A rule is broken: told with the moves that led here, once a rule; the search does not go on from here. */
void violate(enum rule rule, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the rules compare a process with after it was fed. */
struct glimpse {
    struct sms365_outcome outcome;
    enum sms365_action_kind kind;
    bool settled;
    uint8_t delivery;
    bool awaited; /* a report */
    uint8_t id[SMS365_ID_BYTES];
};

/* Before the process is fed: what the choice obliges it to. */
void rules_before(struct proc *proc, struct move move, const struct sms365_event *event, struct glimpse *before);
/* After it: is the action it has now one it may have? */
void rules_after(struct proc *proc, struct move move, const struct glimpse *before);
/* The first action of a login. */
void rules_begin(struct proc *proc);
/* --- explore_denials.c --- */

/* It has denied: does the outcome tell the truth? */
void rules_denied(const struct proc *proc);

/* --- explore_requests.c --- */

/* Its request: may it be made? */
void rules_request(struct proc *proc);
/* Its code is compared with that of a message of ours. */
void rules_compared(struct proc *proc, int index);
/* Is it somebody to whom messages may go? */
bool rules_is_welcome(const struct proc *proc);

/* The texts of its action. */
void rules_texts(const struct proc *proc);
/* A process that is done is fed everything: nothing may change. */
void rules_probe_done(struct proc *proc);
/* A process that wants to write loses for ever: it must give up, and not before its time. */
void rules_probe_conflicts(struct proc *proc);

/* --- The ledger: what writes to the store mean --- */

/* proc has written this record; the cell still has the old one. */
void ledger_written(struct proc *proc, const uint8_t *value, size_t length);
void ledger_host_written(struct proc *proc, const struct record *record, const uint8_t *value, size_t length);
/* Messages made, or that may have been, within the hour. */
int ledger_messages(void);
/* Is this one of them? */
bool ledger_counts(const struct message *message);
/* Sends that the user's record is charged for, within the hour. */
int ledger_charges(void);
/* The index of a message; NOBODY. */
int ledger_find(const uint8_t id[SMS365_ID_BYTES]);
/* Forget messages at the end of the list that were never sent. */
void ledger_tidy(void);
/* Two subjects that are one holder. */
bool ledger_same_holder(uint8_t a, uint8_t b);
/* By how much times across boots may be off. */
int64_t ledger_slack_ms(void);

/* --- explore_guard.c --- */

#define LOCKOUT_MS (30 * 1000) /* as long as the cool-down: the clock's moves reach both ends of it */
#define LOCKOUT_MAX_MS (300 * 1000)

/* A message was reserved, in the place of the holder's message `held`, or of none (NOBODY). */
void guard_reserved(const struct proc *proc, struct message *message, uint8_t share, int held);
/* A try was charged for it. */
void guard_charged(const struct proc *proc, struct message *message);
/* Its code was right, and its slot taken. */
void guard_succeeded(const struct message *message);
/* A backup code of its user was right. */
void guard_unlocked(uint8_t subject);
/* Messages of a share within the hour. */
int guard_messages(uint8_t share);

/* --- explore_spend.c --- */

/* A tally of messages, or the flag, is written; the cell still has the old one. */
void spend_written(struct proc *proc, const struct record *record, const uint8_t *value, size_t length);
/* The message is about to be sent. */
void spend_sending(struct proc *proc, struct message *message);
/* Is what is counted no less than what was sent? */
void spend_covers(void);
/* Is what they cost counted, once no process runs? */
void spend_settled(void);
/* Add up the shards. */
struct sms365_tally spend_sum(int64_t window_ms);
/* What the shard had counted before the model began. */
void spend_begin(void);
/* The present contents of a cell. */
bool spend_read(int cell, struct sms365_tally *tally);

/* --- explore_bypass.c, explore_backup.c --- */

/* Its code was right, and its slot taken by proc. */
void bypass_succeeded(struct proc *proc, const struct message *message);
/* The user's record is written: what else may change in it. */
void bypass_written(struct proc *proc, const struct sms365_state *old, const struct sms365_state *new);
void backup_written(struct proc *proc, const struct sms365_state *old, const struct sms365_state *new);
/* May it decide so? */
void bypass_decided(const struct proc *proc);
void backup_decided(const struct proc *proc);
/* It has denied: is remembered what it learned of the SIM? */
void bypass_denied(const struct proc *proc);
/* Is it asked, or sent a message, who should not be? */
bool bypass_is_due(const struct proc *proc);
/* May a backup code be asked for in the place of a denial for one of these reasons? */
bool backup_may_replace(const struct proc *proc, uint64_t reasons);
/* Which prompt is this? */
enum prompt backup_prompt(const struct proc *proc);

/* --- explore_search.c --- */

struct totals {
    size_t states, transitions, terminals;
    unsigned longest;
    double sequences;
    uint64_t reasons; /* for which processes decided: bits of enum sms365_reason */
};

/* Explore one run to its bounds. */
void search_run(const struct run *run, struct totals *totals);
/* A process decided, for this reason. */
void search_decided(enum sms365_reason reason);

/* Rules broken so far. */
int violations(void);
/* Leave the program as soon as this rule is broken. */
void violation_expected(enum rule rule);
const char *rule_name(enum rule rule);

#endif
