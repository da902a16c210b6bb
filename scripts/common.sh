# What scripts/test and scripts/demo share: named steps, and packages that are installed without starting services.
# Sourced by bash; the caller has set -euo pipefail.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages=(gcc libc6-dev make autoconf automake libtool pkg-config libpam0g-dev libcurl4-openssl-dev libssl-dev
    libcjson-dev libmicrohttpd-dev)
login_packages=(openssh-server openssh-client sudo openssl ca-certificates iproute2 procps util-linux python3
    python3-pexpect)
web_packages=(nginx nginx-dev)

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# step NAME COMMAND...: run with the output in a log, show how long it took; on failure show the log's end.
step() {
    local name=$1 log=$logs/${1//[^a-z0-9]/-}.log start=$SECONDS status=0
    shift
    printf '== %-46s ' "$name"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if ((status == 0)); then
        printf 'ok    %4d s\n' $((SECONDS - start))
    else
        printf 'FAILED %3d s (all of it in %s)\n' $((SECONDS - start)) "$log"
        tail -n 60 "$log"
    fi
    return "$status"
}

# Those of the packages that are not installed, one a line.
missing_packages() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u |
        comm -13 - <(printf '%s\n' "$@" | sort -u)
}

# Packages bring services with them: a policy-rc.d keeps them from starting. One that is there already is kept.
apt_install() {
    local policy=/usr/sbin/policy-rc.d own= status=0
    if [[ ! -e $policy ]]; then
        own=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -q update && apt-get -q -y --no-install-recommends install "$@"; } || status=$?
    if [[ $own ]]; then
        rm -f "$policy"
        trap - EXIT
    fi
    return "$status"
}

# install_packages PACKAGE...: name what is missing, then install it. Quick when nothing is.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]} == 0)) && return
    command -v apt-get >/dev/null || die "these Debian packages are missing: ${missing[*]}"
    ((EUID == 0)) || die "these Debian packages are missing, and installing them needs root: ${missing[*]}"
    printf 'Installing (their services are kept from starting): %s\n' "${missing[*]}"
    step 'packages' apt_install "${missing[@]}"
}

# configure_in DIRECTORY OPTION...: once; again when the options or the build files changed.
configure_in() {
    local directory=$1
    shift
    mkdir -p "$directory"
    (cd "$directory"
        if [[ ! -e config.status || ! -e Makefile || $top/configure -nt config.status ||
            $(cat configured-with 2>/dev/null) != "$*" ]]; then
            "$top/configure" "$@"
            printf '%s\n' "$*" >configured-with
        fi)
}

# Make configure anew when what it is made of changed.
bootstrap() {
    if [[ ! -e $top/configure || ! -e $top/Makefile.in || -n $(find "$top" -name Makemodule.am -newer "$top/configure") ||
        $top/configure.ac -nt $top/configure || $top/Makefile.am -nt $top/configure ]]; then
        (cd "$top" && autoreconf -fi)
    fi
}
