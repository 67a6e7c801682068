# The daemon alone: no profile that would make the radio more than a link to the pump, no tools, no client.
PACKAGECONFIG:pump-remote-os = "systemd udev"

do_install:append:pump-remote-os() {
    # The remote brings its own, and BlueZ reads only this one.
    rm -f ${D}${sysconfdir}/bluetooth/main.conf
}

# The Raspberry Pi's script would attach the UART from user space; the kernel does that (krnbt).
RDEPENDS:${PN}:remove:pump-remote-os = "pi-bluetooth"
