# The slots: which one starts, and how often it may try.
FILESEXTRAPATHS:prepend:pump-remote-board := "${THISDIR}/files:"

do_compile:prepend:pump-remote-board() {
    sed -i -e 's/@@DISK_ID@@/${PUMP_REMOTE_DISK_ID}/' "${UNPACKDIR}/boot.cmd.in"
}
