# nooelint: oelint.file.underscores,oelint.var.mandatoryvar.SRC_URI - no version but the distribution's, no sources but the image
SUMMARY = "An update for the remote's system"
DESCRIPTION = "The image for the slot that is not running, signed. Key and certificate come from outside: RAUC_KEY_FILE and RAUC_CERT_FILE"
LICENSE = "GPL-3.0-only"

inherit bundle

RAUC_BUNDLE_FORMAT = "verity"
# One board's update is refused by another; RAUC compares this with its system.conf.
RAUC_BUNDLE_COMPATIBLE = "${MACHINE}"
# A device takes no version below its own.
RAUC_BUNDLE_VERSION = "${DISTRO_VERSION}"
RAUC_BUNDLE_SLOTS = "rootfs"
RAUC_SLOT_rootfs = "pump-remote-image"
RAUC_SLOT_rootfs[fstype] = "ext4"
