# Only what a device without console, network and users has a use for. networkd is built for the developer's image, and recommended
# to nobody.
PACKAGECONFIG:pump-remote-os = " \
    acl \
    backlight \
    gshadow \
    kmod \
    ldconfig \
    link-udev-shared \
    logind \
    networkd \
    nss \
    randomseed \
    seccomp \
    set-time-epoch \
    sysusers \
    timedated \
    zstd \
"
RRECOMMENDS:${PN}:remove:pump-remote-os = "systemd-networkd"
