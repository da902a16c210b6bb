/*
 * sms365 listen: receives delivery reports and keeps them in the spool. One thread; whatever the network sends is read
 * after the process has given up its privileges for good.
 */
#ifndef SMS365_CLI_LISTEN_H
#define SMS365_CLI_LISTEN_H

#include "base/log.h"
#include "cli.h"
#include "pure/cidr.h"
#include "pure/crypto.h"

#include <sys/socket.h>
#include <sys/types.h>

#define LISTEN_CONNECTIONS_MAX 64     /* at a time */
#define LISTEN_PEER_CONNECTIONS_MAX 8 /* of these, from one address (IPv6: one /64); loopback may have them all */
#define LISTEN_CONNECTION_MS 10000    /* life of a connection, from its first packet to the reply */
#define LISTEN_REQUEST_MAX 8192       /* bytes of a request: its first line, and its header */
#define LISTEN_TOLD_PER_MINUTE 10     /* log lines about requests that are refused, or change nothing */
#define LISTEN_ADDRESS_SIZE 64        /* "[2001:db8::1]:8365" */

/* --- listen_socket.c --- */

/* Bind and listen. fd is the caller's; name becomes the address that the kernel chose. Errors: BAD_ARGUMENT, IO. */
enum sms365_err listen_socket_open(
    int *fd, char name[LISTEN_ADDRESS_SIZE], const char *address, struct sms365_error *err);

/* The numeric address alone; an IPv4-mapped one as IPv4. */
void listen_address_format(char out[LISTEN_ADDRESS_SIZE], const struct sockaddr *address);
bool listen_address_is_loopback(const struct sockaddr *address);
/* Whether name, from listen_socket_open(), is reached from this machine alone. */
bool listen_name_is_loopback(const char *name);

/* The service manager's socket (sd_notify(3)); fd is -1 where there is none. Taken before privileges are given up. */
int listen_notify_open(void);
/* A datagram to it, "READY=1". Nothing where fd is -1; what cannot be told is not missed. */
void listen_notify(int fd, const char *state);

/* --- listen_confine.c --- */

struct listen_account {
    char name[64];
    uid_t uid;
    gid_t gid;
};

/*
 * As whom to go on: the account of that name (root must name one other than root's), or whoever runs this. Errors:
 * BAD_ARGUMENT, NOT_FOUND, with what to do.
 */
enum sms365_err listen_account_find(struct listen_account *account, const char *name, struct sms365_error *err);

/*
 * Become that account, for good: no group but its own, no capability, no new privileges, no trace and no core; and, as
 * far as the kernel has Landlock, nothing can be written but what lies in the directory spool (an open descriptor), and
 * no program be started. *walled: it has. Errors: DENIED; the process must end then.
 */
enum sms365_err listen_confine(const struct listen_account *account, int spool, bool *walled, struct sms365_error *err);

/* --- listen_http.c --- */

struct listen_setup {
    const char *path; /* of the callback: what a request's path must end with */
    struct sms365_mac_key callback_key;
    int socket, spool;                   /* open descriptors; the server takes the socket over */
    const struct sms365_cidr_list *from; /* NULL: from everywhere */
    const char *certificate, *key;       /* PEM texts; NULL: plain HTTP */
    const struct sms365_log *log;
};

struct listen_server; /* keeps setup, which must outlive it */

/* NULL, with the socket closed, when it cannot be started. */
struct listen_server *listen_server_start(const struct listen_setup *setup);
/*
 * Serve until `ends`, a descriptor, can be read (DONE), or the spool is gone (FAILED: it has to be opened anew, which
 * this process may not).
 */
enum cli_exit listen_server_run(struct listen_server *server, int ends);
/* How many reports were kept. */
uint64_t listen_server_stop(struct listen_server *server);

/* --- listen_peers.c --- */

/* The connections that are open, oldest first. {0} is an empty list. */
struct listen_peers {
    struct listen_peer *first, *last;
};

struct listen_peer; /* one connection */

/* Whether one more from that address may come in. */
bool listen_peer_may_enter(const struct listen_peers *peers, const struct sockaddr *address);
/* NULL when out of memory. fd stays the caller's, and open until the peer is removed. */
struct listen_peer *listen_peer_add(struct listen_peers *peers, const struct sockaddr *address, int fd);
void listen_peer_remove(struct listen_peers *peers, struct listen_peer *peer);
/* Shut down what has been open too long. Returns the milliseconds until the next will have been, -1: there is none. */
int listen_peers_expire(struct listen_peers *peers);

#endif
