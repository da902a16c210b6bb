/* The audit line: one a decision, the same from every front end. Its fields are a contract: see sms365-audit(5). */
#ifndef SMS365_AUDIT_H
#define SMS365_AUDIT_H

#include "pure/challenge_state.h"

/* Write the line of a challenge that is decided into ch->audit. */
void challenge_audit(struct sms365_challenge *ch);

#endif
