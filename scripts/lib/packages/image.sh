# shellcheck shell=bash
# Images: server and PostgreSQL as one, from packages of Debian and what build.sh has left in STAGE; and, for
# CloudNativePG, the extension alone. Nothing comes from a registry of images, and no root is needed.

# What the user postgres of the images is, as it is in those of PostgreSQL itself.
IMAGE_UID=999

# Programs that the image's script calls, from busybox.
IMAGE_APPLETS=(sh cat chmod cp date echo env false grep head id kill ls mkdir mv printf ps pwd rm rmdir sed sleep sort tail test touch true tr uname wc)

# image_root MAJOR ROOT: the file system of the image of server and PostgreSQL.
image_root() {
    local major=$1 root=$2 apt=$TARGET_DIR/image/apt-$1 deb name applet without only
    without='postgresql-common|postgresql-client-common|postgresql-common-dev|perl.*|libperl.*|debconf.*|cdebconf|libllvm.*'
    without+='|ssl-cert|locales.*|ucf|lsb-base|openssl|adduser|passwd|dpkg|init-system-helpers|sensible-utils|readline-common'
    without+='|libpam.*-bin|libpam-modules|libpam-runtime|gcc-.*|mawk|gawk|libsasl2-modules.*|krb5.*|sysvinit.*|debianutils|util-linux-.*|libsmartcols1|libmount1|libblkid1'
    rm -rf "$root"
    suite_apt "$apt" "$(suite_of "$major")" security
    suite_fetch "$apt" "$without" "postgresql-$major" "postgresql-client-$major" busybox util-linux base-files libc-bin tzdata netbase ca-certificates
    # Newer packages know one folder for each of these, older ones two.
    mkdir -p "$root"/usr/{bin,lib,lib64,sbin} "$root/var/lib/dpkg/status.d"
    for name in bin lib lib64 sbin; do ln -s "usr/$name" "$root/$name"; done
    for deb in "$apt"/archives/*.deb; do
        name=$(dpkg-deb -f "$deb" Package) only=()
        # Debian's busybox has no flock.
        if [[ $name == util-linux ]]; then only=(./usr/bin/flock ./usr/share/doc/util-linux/copyright); fi
        dpkg-deb --fsys-tarfile "$deb" | tar --extract --directory "$root" --keep-directory-symlink --no-same-owner \
            --exclude='./usr/share/doc/*/[!c]*' --exclude='./usr/share/doc/*/changelog*' --exclude=./usr/share/man \
            --exclude=./usr/share/locale --exclude=./usr/share/lintian --exclude='*/lib/bitcode' --exclude='*/llvmjit*' \
            --exclude='./usr/lib/postgresql/*/man' --exclude='./usr/share/postgresql/*/man' --exclude='*/gconv' --exclude='./usr/share/zoneinfo/right' --exclude='./usr/share/zoneinfo/posix' --exclude=./usr/share/info --exclude=./usr/share/bug --exclude='./dev/*' --exclude=./usr/share/i18n "${only[@]}"
        # Where programs that look for vulnerable packages find what there is.
        dpkg-deb -f "$deb" >"$root/var/lib/dpkg/status.d/$name"
    done
    for applet in "${IMAGE_APPLETS[@]}"; do [[ -e $root/usr/bin/$applet ]] || ln -s busybox "$root/usr/bin/$applet"; done
    # Trusted certificates, as the package's script would write them, for databases on other machines.
    mkdir -p "$root/etc/ssl/certs"
    find "$root/usr/share/ca-certificates" -name '*.crt' -print0 | LC_ALL=C sort -z | xargs -0 cat >"$root/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$root/usr/share/ca-certificates"
    printf 'root:x:0:0:root:/root:/bin/sh\npostgres:x:%s:%s:PostgreSQL:/var/lib/postgresql:/bin/sh\n' $IMAGE_UID $IMAGE_UID >"$root/etc/passwd"
    printf 'root:x:0:\npostgres:x:%s:\n' $IMAGE_UID >"$root/etc/group"
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    mkdir -p "$root"/{dev,proc,sys,run/postgresql,tmp,var/lib/postgresql/data,usr/local/bin}
    rm -rf "$root/var/run" "$root/var/cache" "$root/var/log/postgresql"
    ln -s /run "$root/var/run"
    chmod 1777 "$root/tmp"
    chmod 700 "$root/var/lib/postgresql/data"
    # Ours: what the Debian packages hold.
    for deb in "$OUT/timedb_"*.deb "$OUT/postgresql-$major-timedb_"*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar --extract --directory "$root" --keep-directory-symlink --no-same-owner \
            --exclude=./usr/share/man --exclude=./usr/share/lintian --exclude=./lib/systemd --exclude='*completion*' --exclude=./etc/timedb
        dpkg-deb -f "$deb" >"$root/var/lib/dpkg/status.d/$(dpkg-deb -f "$deb" Package)"
    done
    install -m 755 "$ROOT/packaging/image/entrypoint.sh" "$root/usr/local/bin/entrypoint"
}

# build_images OUT: timedb-VERSION-pgNN-oci-ARCH.tar and timedb-VERSION-pgNN-cnpg-ARCH.tar.
build_images() {
    local out=$1 major root config version arch
    version=$(current_version)
    arch=$(uname -m)
    for major in "${MAJORS[@]}"; do
        root=$TARGET_DIR/image/cnpg-$major
        say "Making the image of the extension for CloudNativePG and PostgreSQL $major"
        rm -rf "$root"
        mkdir -p "$root"/{lib,share/extension}
        strip --strip-unneeded -o "$root/lib/timedb.so" "$STAGE/pg$major/timedb.so"
        install -m 644 "$STAGE/pg$major/extension"/timedb* "$root/share/extension/"
        "${PYTHON:-python3}" "$ROOT/scripts/oci.py" pack "$root" "$out/timedb-$version-pg$major-cnpg-$arch.tar" \
            --name "timedb-extension:$version-$major"

        if ! suite_of "$major" >/dev/null; then
            note "Debian has no PostgreSQL $major: no image of server and PostgreSQL for it"
            continue
        fi
        have apt-get || {
            note "this system has no apt-get: no image of server and PostgreSQL $major"
            continue
        }
        say "Making the image of server and PostgreSQL $major"
        root=$TARGET_DIR/image/root-$major
        image_root "$major" "$root"
        config=$(printf '{"User":"%s:%s","Entrypoint":["/usr/local/bin/entrypoint"],"ExposedPorts":{"8000/tcp":{}},"StopSignal":"SIGTERM","Volumes":{"/var/lib/postgresql/data":{}},"WorkingDir":"/","Env":["PATH=/usr/lib/postgresql/%s/bin:/usr/local/bin:/usr/bin","PGDATA=/var/lib/postgresql/data","LANG=C.UTF-8","TIMEDB_DSN=host=/run/postgresql user=postgres dbname=timedb"]}' \
            "$IMAGE_UID" "$IMAGE_UID" "$major")
        "${PYTHON:-python3}" "$ROOT/scripts/oci.py" pack "$root" "$out/timedb-$version-pg$major-oci-$arch.tar" --name "timedb:$version-pg$major" \
            --config "$config" --owner "var/lib/postgresql=$IMAGE_UID:$IMAGE_UID" --owner "run/postgresql=$IMAGE_UID:$IMAGE_UID"
    done
}
