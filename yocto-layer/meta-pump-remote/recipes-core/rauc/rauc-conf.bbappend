# The slots, and whose bundles they take. The keyring is RAUC_KEYRING_FILE, from outside every repository: without one no bundle is taken.
FILESEXTRAPATHS:prepend:pump-remote-os := "${THISDIR}/files:"

SRC_URI:append:pump-remote-os = " file://data.conf"

PACKAGE_ARCH:pump-remote-os = "${MACHINE_ARCH}"

do_install:append:pump-remote-os() {
    sed -i -e 's/@MACHINE@/${MACHINE}/' -e 's/@VERSION@/${DISTRO_VERSION}/' \
        -e 's/@DISK_ID@/${PUMP_REMOTE_DISK_ID}/' -e 's/@KEYRING@/${RAUC_KEYRING_FILE}/' ${D}${nonarch_libdir}/rauc/system.conf
    install -D -m 0644 ${UNPACKDIR}/data.conf ${D}${systemd_system_unitdir}/rauc.service.d/data.conf
}

FILES:${PN}:append:pump-remote-os = " ${systemd_system_unitdir}/rauc.service.d"
