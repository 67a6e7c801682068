SUMMARY = "A touch panel on USB is the remote's"
DESCRIPTION = "For boards without a DSI connector, whose display's touch panel has no other way in"
SECTION = "base"
LICENSE = "GPL-3.0-only"
# nooelint: oelint.var.licenseremotefile - one rule and no sources from elsewhere
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/GPL-3.0-only;md5=c79ff39f19dfec6d293b95dea7b07891"

SRC_URI = "file://71-usb-touch-panel.rules"

S = "${UNPACKDIR}"

inherit allarch

INHIBIT_DEFAULT_DEPS = "1"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0644 ${UNPACKDIR}/71-usb-touch-panel.rules ${D}${nonarch_libdir}/udev/rules.d/71-usb-touch-panel.rules
}

FILES:${PN} += "${nonarch_libdir}/udev/rules.d"
