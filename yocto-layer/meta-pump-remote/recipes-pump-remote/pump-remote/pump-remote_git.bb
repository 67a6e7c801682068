SUMMARY = "A patient's remote for an implanted intrathecal pump"
DESCRIPTION = "Asks the pump for a demand dose, keeps the lockout beside it, and keeps a record that a clinic can trust; \
with the units, users, rules and mounts that it needs"
SECTION = "base"
LICENSE = "GPL-3.0-only"
LIC_FILES_CHKSUM = "file://LICENSE;md5=1ebbd3e34237af26da5dc08a4e440464"

DEPENDS = "dbus libinput libxkbcommon sqlite3 sqlite3-native udev"

PV = "0.1.0+git"

require pump-remote-crates.inc

# The repository that this layer lies in, at its HEAD: what is not committed is not built.
# From elsewhere: PUMP_REMOTE_GIT = "git://example.org/pump-remote.git;protocol=https;branch=main", with a PUMP_REMOTE_REV.
PUMP_REMOTE_GIT ?= "git://${@os.path.realpath(d.getVar('THISDIR') + '/../../../..')};protocol=file;nobranch=1;usehead=1"
PUMP_REMOTE_REV ?= "${AUTOREV}"

SRC_URI += "\
    ${PUMP_REMOTE_GIT} \
    file://volatile.conf \
    file://emergency.conf \
"
SRCREV = "${PUMP_REMOTE_REV}"

inherit cargo cargo-update-recipe-crates pkgconfig systemd useradd

# One board shows 720x1280, another 800x480.
PUMP_REMOTE_WINDOW ?= "720x1280"
PACKAGE_ARCH = "${MACHINE_ARCH}"

# The device's program, what verifies its record, and what sets the clock; the simulated pump stays where it is built for.
CARGO_BUILD_FLAGS:append = " --package pump-remote --no-default-features --features device --bin pump-remote --bin audit-tool --bin pump-remote-clock"

# The image's SQLite and libdbus, so that a hole in one of them is seen in the image's list. sqlx' macros want a SQLite on the build
# machine, too: each gets its own.
export LIBSQLITE3_SYS_USE_PKG_CONFIG = "1"
export HOST_PKG_CONFIG = "pkg-config-native"

# The program's own release profile strips it. The digest that its self-test compares is of that very file, so nothing may touch it later;
# openembedded-core would call a stripped file an error besides.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system gpio; --system i2c; --system pump-remote; --system pump-remote-clock"
USERADD_PARAM:${PN} = "--system --no-create-home --home-dir ${localstatedir}/lib/pump-remote --shell ${sbindir}/nologin \
    --gid pump-remote --comment 'Patient remote' pump-remote"

SYSTEMD_SERVICE:${PN} = "pump-remote.service pump-remote-audit.timer pump-remote-good.path pump-remote-back.timer pump-remote-keep.service"

do_install:append() {
    sh ${S}/systemd/install ${D} --image
    sh ${S}/systemd/digest ${D}${bindir}/pump-remote ${D}${datadir}/pump-remote/pump-remote.sha256
    sed -i -e 's/^display = .*/display = "${PUMP_REMOTE_WINDOW}"/' ${D}${sysconfdir}/pump-remote/pump-remote.toml
    # As pump-remote.tmpfiles wants them: on a root that is read-only it can change nothing.
    chown root:pump-remote ${D}${sysconfdir}/pump-remote ${D}${sysconfdir}/pump-remote/pump-remote.toml
    chmod 0750 ${D}${sysconfdir}/pump-remote
    chmod 0640 ${D}${sysconfdir}/pump-remote/pump-remote.toml

    # /var/lib is an overlay in memory on a root that is read-only: what is bound there is bound above it, not below.
    install -D -m 0644 ${UNPACKDIR}/volatile.conf ${D}${systemd_system_unitdir}/var-lib-.mount.d/volatile.conf
    # A shell that nobody may open is no answer.
    install -D -m 0644 ${UNPACKDIR}/emergency.conf ${D}${systemd_system_unitdir}/emergency.service.d/emergency.conf
    install -D -m 0644 ${UNPACKDIR}/emergency.conf ${D}${systemd_system_unitdir}/rescue.service.d/emergency.conf

    # Where the mounts go, and the data partition as it is on a new card.
    install -d ${D}${localstatedir}/lib/pump-remote ${D}${localstatedir}/lib/bluetooth ${D}${localstatedir}/log/journal
    install -d -m 0755 ${D}/data ${D}/data/journal
    install -d -m 0700 ${D}/data/pump-remote ${D}/data/bluetooth ${D}/data/rauc
    chown pump-remote:pump-remote ${D}/data/pump-remote
}

FILES:${PN} += "\
    /data \
    ${nonarch_libdir}/sysctl.d \
    ${nonarch_libdir}/sysusers.d \
    ${nonarch_libdir}/tmpfiles.d \
    ${nonarch_libdir}/udev/rules.d \
    ${systemd_unitdir} \
"
CONFFILES:${PN} = "${sysconfdir}/pump-remote/pump-remote.toml"

# A keyboard's layout is compiled even where there is no keyboard.
RDEPENDS:${PN} = "bluez5 dbus e2fsprogs-e2fsck util-linux-hwclock xkeyboard-config"
