SUMMARY = "The remote's system for whoever works on it: with ssh, and never for a patient"
DESCRIPTION = "The same system with a network on the cable, ssh for root with the developer's own key, and tools. Another name, another \
host name, and no bundle is made of it, so that no update brings it to a patient"
LICENSE = "GPL-3.0-only"

require pump-remote-image.inc

# Root has no password; the key below is the only way in.
# nooelint: oelint.var.badimagefeature.allow-root-login
IMAGE_FEATURES += "ssh-server-openssh allow-root-login"
IMAGE_INSTALL += "i2c-tools strace systemd-networkd"
BAD_RECOMMENDATIONS:remove = "systemd-networkd"
IMAGE_FSTYPES = "wic.bz2 wic.bmap"

# The public key that may log in; without one, nobody can. No password exists.
PUMP_REMOTE_DEV_KEY ?= ""

# Ahead of the presets, which are looked at once.
ROOTFS_POSTPROCESS_COMMAND =+ "developer_access"

developer_access() {
    printf 'pump-remote-developer\n' > ${IMAGE_ROOTFS}${sysconfdir}/hostname
    printf 'NOT FOR PATIENTS: developer image\n' > ${IMAGE_ROOTFS}${sysconfdir}/issue.net
    install -d ${IMAGE_ROOTFS}${systemd_unitdir}/system-preset
    # Ahead of the remote's own, which switches the network off.
    printf 'enable systemd-networkd.service\nenable sshd.socket\n' > ${IMAGE_ROOTFS}${systemd_unitdir}/system-preset/05-developer.preset
    if [ -n "${PUMP_REMOTE_DEV_KEY}" ]; then
        install -d -m 0700 ${IMAGE_ROOTFS}${ROOT_HOME}/.ssh
        printf '%s\n' "${PUMP_REMOTE_DEV_KEY}" > ${IMAGE_ROOTFS}${ROOT_HOME}/.ssh/authorized_keys
        chmod 0600 ${IMAGE_ROOTFS}${ROOT_HOME}/.ssh/authorized_keys
    fi
}
