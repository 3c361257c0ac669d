#!/bin/sh
#
#     source.sh DIR
#
# Fetches Debian's source of nginx for this release, by a configuration of apt
# that lies in DIR/apt and leaves the machine's own as it is, and unpacks it
# into DIR/nginx.  Debian's archive does not always hold every file of the
# newest version: the newest one that can be had whole is taken.

set -eu

dir=$1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
cd "$dir"


# Where the machine has Debian's packages from, sources are as well.

signed=
if test -e $keyring; then
    signed="[signed-by=$keyring] "
fi

apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' 'Component: main' \
    | sort -u | sed "s|^|deb-src $signed|" > apt/sources.list

if ! test -s apt/sources.list; then
    echo "apt knows no Debian archive: run  apt-get update" >&2
    exit 1
fi

cat > apt/apt.conf << END
Dir::Etc::sourcelist "$dir/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$dir/apt/lists";
Dir::Cache "$dir/apt";
APT::Sandbox::User "root";
END

APT_CONFIG=$dir/apt/apt.conf
export APT_CONFIG

apt-get -q update

for version in $(apt-cache showsrc nginx | sed -n 's/^Version: //p' \
                 | sort -Vru)
do
    if apt-get -q source --download-only "nginx=$version"; then
        rm -rf nginx
        dpkg-source -x "nginx_${version#*:}.dsc" nginx
        exit 0
    fi
done

echo "no version of nginx can be had whole from Debian's archive" >&2
exit 1
