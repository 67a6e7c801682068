# Dark, at three in the morning, and without a word that would have to be in somebody's language.
FILESEXTRAPATHS:prepend:pump-remote-os := "${THISDIR}/files:"

SPLASH_IMAGES:pump-remote-os = "file://psplash-pump-remote-img.png;outsuffix=default"
SRC_URI:append:pump-remote-os = " file://psplash-colors.h"

do_configure:prepend:pump-remote-os() {
    install -m 0644 ${UNPACKDIR}/psplash-colors.h ${S}/psplash-colors.h
}
