# The environment holds the slots' attempts: kept twice, off the file systems. Nothing on a bus or a network is ever started.
FILESEXTRAPATHS:prepend:pump-remote-board := "${THISDIR}/files/pump-remote-board:"

SRC_URI:append:pump-remote-board = " file://pump-remote.cfg"
