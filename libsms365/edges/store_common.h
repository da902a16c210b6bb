/* What all implementations of the state store share: bounds of their arguments, and the clock that expiry goes by. */
#ifndef SMS365_STORE_COMMON_H
#define SMS365_STORE_COMMON_H

#include "edges/store.h"

/* BAD_ARGUMENT for an unknown class, and for a name that is empty or too long. */
enum sms365_err sms365_store_check_name(enum sms365_class class, const char *name, struct sms365_error *err);

/* The same, and for a value that is too long and a ttl_s that is negative. */
enum sms365_err sms365_store_check_value(
    enum sms365_class class, const char *name, size_t length, int64_t ttl_s, struct sms365_error *err);

/* Seconds since 1970. Expiry goes by the wall clock, since records outlive a boot. */
int64_t sms365_store_wall_s(void);

/* When something written now expires; 0: never. */
int64_t sms365_store_expiry_s(int64_t ttl_s);

#endif
