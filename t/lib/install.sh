#!/bin/sh
#
# Installs what building, the demo and the tests need, and only what is not
# there, by one call of apt-get.
#
#     install.sh GROUP...            build, demo, unit, fuzz, asan, bench, chaos,
#                                    test, pictures, php or wiki
#     install.sh --check GROUP...    names what is missing, and the remedy
#     install.sh --npm [DIR]         what DIR/package-lock.json takes from npm;
#                                    DIR is that of the browser tests
#
# The machine's own nginx and Redis are not touched: no service is started or
# restarted, one that came with us is not enabled, and no nginx module is.

set -eu

NGX_SRC=${NGX_SRC:-/usr/share/nginx/src}
top=$(cd "$(dirname "$0")/../.." && pwd)
self=$top/t/lib/install.sh


# group, kind of probe, what it looks for, Debian package

table()
{
    cat << END
build  cmd     cc                       gcc
build  header  stdio.h                  libc6-dev
build  cmd     nginx                    nginx
build  file    $NGX_SRC/configure       nginx-dev
build  header  hiredis/hiredis.h        libhiredis-dev
build  header  qrencode.h               libqrencode-dev
build  header  openssl/evp.h            libssl-dev
build  header  crypt.h                  libcrypt-dev
demo   cmd     redis-server             redis-server
demo   cmd     openssl                  openssl
demo   perl    IO::Socket::UNIX         perl
unit   header  cmocka.h                 libcmocka-dev
fuzz   cmd     clang                    clang
fuzz   clangrt libclang_rt.fuzzer*.a    libclang-rt-dev
asan   cmd     gcc                      gcc
asan   cmd     dpkg-source              dpkg-dev
chaos  cmd     redis-server             redis-server
chaos  perl    IO::Socket::SSL          libio-socket-ssl-perl
bench  cmd     redis-server             redis-server
bench  cmd     redis-benchmark          redis-tools
bench  cmd     h2load                   nghttp2-client
bench  cmd     valgrind                 valgrind
bench  cmd     strace                   strace
bench  cmd     taskset                  util-linux
bench  perl    IO::Socket::SSL          libio-socket-ssl-perl
bench  module  ngx_http_lua_module.so   libnginx-mod-http-lua
test   cmd     redis-server             redis-server
test   cmd     prove                    perl
test   cmd     openssl                  openssl
test   header  cmocka.h                 libcmocka-dev
test   perl    IO::Socket::SSL          libio-socket-ssl-perl
test   cmd     oathtool                 oathtool
test   cmd     zbarimg                  zbar-tools
test   cmd     curl                     curl
test   cmd     chromium-headless-shell  chromium-headless-shell
test   font    *.ttf                    fonts-dejavu-core
pictures font  *CJK*                    fonts-noto-cjk
test   cmd     node                     nodejs
test   cmd     npm                      npm
test   module  ngx_nchan_module.so      libnginx-mod-nchan
php    cmd     php-cgi                  php-cgi
wiki   file    /usr/share/dokuwiki/doku.php  dokuwiki
END
}


found()
{
    case $1 in
        cmd)
            PATH=$PATH:/usr/sbin:/sbin command -v "$2" > /dev/null ;;
        file)
            test -e "$2" ;;
        header)
            first /usr/include/"$2" /usr/include/*-linux-*/"$2" ;;
        perl)
            perl -e "require $2" 2> /dev/null ;;
        font)
            test -n "$(find /usr/share/fonts -name "$2" 2> /dev/null)" ;;
        module)
            first /usr/lib/nginx/modules/"$2" ;;
        clangrt)
            test -n "$(find /usr/lib/llvm* /usr/lib/clang -name "$2" \
                       2> /dev/null)" ;;
    esac
}


first()
{
    for one; do
        if test -e "$one"; then return 0; fi
    done

    return 1
}


# Packages of the groups whose probe fails.

missing()
{
    table | while read -r group kind what package; do
        case " $* " in
            *" $group "*) found "$kind" "$what" || printf '%s\n' "$package" ;;
        esac
    done | sort -u | tr '\n' ' '
}


# As root.  A policy of our own, where the machine has none, keeps packages
# from starting or restarting services while they are installed.

apt()
{
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

    policy=/usr/sbin/policy-rc.d
    fresh=

    for service in nginx redis-server apache2; do
        first "/etc/init.d/$service" "/lib/systemd/system/$service.service" \
            || fresh="$fresh $service"
    done

    enabled=/etc/nginx/modules-enabled
    before=

    if test -d "$enabled"; then
        before=$(cd "$enabled" && echo ./*)
    fi

    if ! test -e "$policy"; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
    fi

    apt-get -q update || echo "apt-get update failed: trying with old lists"
    apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
        install "$@"

    for service in $fresh; do
        update-rc.d "$service" disable > /dev/null 2>&1 || :
    done

    # modules that came with us are loaded by the tests alone

    if test -d "$enabled"; then
        for link in "$enabled"/*.conf; do
            case " $before " in
                *" ./${link##*/} "*) ;;
                *) rm -f "$link" ;;
            esac
        done
    fi
}


install()
{
    packages=$(missing "$@")

    if test -z "$packages"; then
        return 0
    fi

    if ! command -v apt-get > /dev/null; then
        echo "missing, and there is no apt-get to install it: $packages" >&2
        exit 1
    fi

    sudo=
    if test "$(id -u)" != 0; then
        sudo=sudo
        if ! command -v sudo > /dev/null; then
            echo "missing; as root, run:  apt-get install $packages" >&2
            exit 1
        fi
        if ! test -t 0; then
            sudo="sudo -n"
        fi
    fi

    echo "installing $packages"

    mkdir -p "$top/build"
    log=$top/build/install.log

    # shellcheck disable=SC2086
    if ! $sudo sh "$self" --apt $packages > "$log" 2>&1; then
        tail -n 15 "$log" >&2
        echo "apt-get failed: see build/install.log" >&2
        exit 1
    fi

    packages=$(missing "$@")

    if test -n "$packages"; then
        echo "installed, but what they should bring is not there: $packages" >&2
        exit 1
    fi
}


check()
{
    packages=$(missing "$@")

    if test -n "$packages"; then
        echo "missing; as root, run:  apt-get install $packages" >&2
        exit 1
    fi
}


npm_install()
{
    cd "${1:-$top/t/browser}"

    want=$(cksum < package-lock.json)
    stamp=node_modules/.installed

    if test "$(cat "$stamp" 2> /dev/null)" = "$want"; then
        return 0
    fi

    echo "installing npm's packages in $PWD"

    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    echo "$want" > "$stamp"
}


case ${1:-} in
    --apt)    shift; apt "$@" ;;
    --check)  shift; check "$@" ;;
    --npm)    shift; npm_install "$@" ;;
    *)        install "$@" ;;
esac
